"""The public API: restoring, aligning, pasting back, loading weights, listing methods."""

import hashlib

import numpy as np
import pytest
import torch
from skimage.data import astronaut

import dicface
import dicface.methods
from dicface.base.errors import ClipError, ConfigError, FaceError, MethodError, WeightsError
from dicface.models import build
from dicface.models.checkpoint import save_weights
from dicface.restoring.runner import restore_clip
from dicface.video.clips import read_clip, write_clip
from dicface.weights import registry
from tests.faces._faces import FixedDetector, picture
from tests.methods.small import TINY


@pytest.fixture
def clip() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)


@pytest.fixture
def trained(tmp_path):
    """The weights of a small training."""
    torch.manual_seed(0)
    network = build("dicface", **TINY)
    path = tmp_path / "weights.safetensors"
    save_weights(path, network.state_dict(), {"network": "dicface", "settings": TINY})
    return path


def as_tensor(frames: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(frames).movedim(-1, -3) / 255


class TestRestore:
    def test_frames_are_restored_as_the_clip_of_a_run_is(self, clip, trained, tmp_path):
        method = dicface.methods.create("dicface_trained", weights=trained)
        write_clip(tmp_path / "a.mkv", clip, 30)
        restore_clip(method, tmp_path / "a.mkv", tmp_path / "out.mkv")
        expected, _ = read_clip(tmp_path / "out.mkv")
        options = {"method": "dicface_trained", "weights": trained}
        restored = dicface.restore(clip, **options)
        assert (restored.dtype, restored.shape) == (np.uint8, clip.shape)
        assert np.array_equal(restored, expected)
        assert np.array_equal(dicface.restore(tmp_path / "a.mkv", **options), expected)
        assert np.array_equal(dicface.restore(clip, method), expected)
        one = dicface.restore(clip[0], **options)
        assert np.array_equal(one, dicface.restore(clip[:1], **options)[0])

    def test_tensors_come_back_as_tensors_without_rounding(self, clip, trained):
        tensors = as_tensor(clip).double()
        restored = dicface.restore(tensors, "dicface_trained", weights=str(trained))
        assert (restored.dtype, restored.shape) == (torch.float64, tensors.shape)
        rounded = restored.mul(255).round().byte().movedim(1, -1).numpy()
        assert np.array_equal(rounded, dicface.restore(clip, "dicface_trained", weights=trained))
        assert (restored * 255 != (restored * 255).round()).any()

    def test_a_file_can_be_written_instead(self, clip, tmp_path):
        write_clip(tmp_path / "a.mkv", clip, 30)
        out = dicface.restore(tmp_path / "a.mkv", "input", out=tmp_path / "b.mkv")
        assert out == tmp_path / "b.mkv"
        frames, rate = read_clip(out)
        assert (np.array_equal(frames, clip), rate) == (True, 30)
        assert read_clip(dicface.restore(clip, "input", out=str(out)))[1] == 25
        with pytest.raises(ClipError, match="its result would take its place"):
            dicface.restore(tmp_path / "a.mkv", "input", out=str(tmp_path / "a.mkv"))
        with pytest.raises(ClipError, match=r"written as \.mkv"):
            dicface.restore(clip, "input", out=tmp_path / "b.mp4")

    def test_what_is_in_the_way_is_said_in_the_methods_words(self, clip, trained, tmp_path):
        reason = dicface.methods.unavailable("dicface", size=16)
        with pytest.raises(MethodError) as error:
            dicface.restore(clip, "dicface")
        assert str(error.value) == f"DicFace (released) cannot restore frames: {reason}."
        with pytest.raises(MethodError, match="no trained weights were given"):
            dicface.restore(clip, "dicface_trained")
        with pytest.raises(MethodError, match="no method is named 'dicfase'. Known methods: inp"):
            dicface.restore(clip, "dicfase")
        with pytest.raises(MethodError, match="cannot do the task 'inpainting'; it does bfr"):
            dicface.restore(clip, "keep", task="inpainting")
        write_clip(tmp_path / "wide.mkv", clip[:, :, :12], 25)
        for wide in (clip[:, :, :12], tmp_path / "wide.mkv"):
            for out in (None, tmp_path / "out.mkv"):
                with pytest.raises(MethodError, match="12×16; DicFace .* needs square ones"):
                    dicface.restore(wide, "dicface_trained", weights=trained, out=out)
        with pytest.raises(MethodError, match="12×16; DicFace .* needs square ones"):
            dicface.restore(clip[:, :, :12], "dicface")
        assert not (tmp_path / "out.mkv").exists()

    def test_settings_belong_to_the_method(self, clip, trained):
        method = dicface.methods.create("input", task="colorization")
        assert np.array_equal(dicface.restore(clip, method), clip)
        with pytest.raises(MethodError, match=r"belong to a method by name.*methods\.create"):
            dicface.restore(clip, method, weights=trained)
        for wrong in (None, dicface.methods.method("input")):
            with pytest.raises(MethodError, match="expected a name of dicface.list_methods"):
                dicface.restore(clip, wrong)

    def test_wrong_frames_are_refused(self, clip):
        with pytest.raises(ClipError, match="^frames: found an array of float64"):
            dicface.restore(clip / 255, "input")
        with pytest.raises(ClipError, match="no such file"):
            dicface.restore("none.mkv", "input", out="b.mkv")


class TestScore:
    def test_several_clips_by_name_or_in_folders(self, clip, tmp_path):
        clips = {"a": clip, "b": clip[:2]}
        restored = {name: frames ^ np.uint8(1) for name, frames in clips.items()}
        for name in clips:
            write_clip(tmp_path / "truth" / f"{name}.mkv", clips[name], 25)
            write_clip(tmp_path / "restored" / f"{name}.mkv", restored[name], 25)
        write_clip(tmp_path / "truth" / "c.mkv", clip, 25)
        by_name = dicface.score(restored, clips, metrics=["ssim", "psnr"])
        frame = by_name.frame()
        assert frame.index.tolist() == ["a", "b", "mean"]
        assert frame.columns.tolist() == list(by_name.mean) == ["ssim", "psnr"]
        assert by_name.mean["psnr"] == frame.loc[["a", "b"], "psnr"].mean()
        assert by_name.backbones == {"ssim": "pixels", "psnr": "pixels"}
        assert "psnr by pixels" in str(by_name)
        folders = str(tmp_path / "restored"), tmp_path / "truth"
        in_folders = dicface.score(*folders, metrics=["ssim", "psnr"])
        assert in_folders.mean == by_name.mean
        missing = in_folders.table.set_index(["clip", "metric"]).loc["c", "psnr"]
        assert (missing.note, np.isnan(missing.value)) == ("not restored", True)

    def test_what_cannot_be_compared_is_said(self, clip, tmp_path):
        with pytest.raises(ClipError, match=r"found a dictionary of clips \(restored\) and one cl"):
            dicface.score({"a": clip}, clip)
        with pytest.raises(ClipError, match=r"a \(restored\), a, b \(truth\).*names of clips"):
            dicface.score({"a": clip}, {"a": clip, "b": clip})
        with pytest.raises(dicface.DicfaceError, match="found psnt; expected some of psnr, ssim"):
            dicface.score(clip, clip, metrics=["psnt"])
        write_clip(tmp_path / "a.mkv", clip, 25)
        write_clip(tmp_path / "b.mkv", clip[1:], 25)
        with pytest.raises(dicface.DicfaceError, match="restored has 3 frames, the truth 2"):
            dicface.score(tmp_path / "a.mkv", tmp_path / "b.mkv", metrics=["psnr"])
        assert dicface.score(tmp_path / "a.mkv", clip, metrics=["psnr"]).mean == {"psnr": 100}


class TestFaces:
    def test_what_was_aligned_is_pasted_back(self):
        frames = np.stack([picture(96, 128), picture(96, 128)[:, ::-1]])
        aligned = dicface.align(frames, size=32, detector=FixedDetector(missing=(1,)))
        assert aligned.frames.shape == (2, 32, 32, 3)
        assert (aligned.affines.shape, aligned.landmarks.shape) == ((2, 2, 3), (2, 5, 2))
        assert aligned.detected.tolist() == [True, False]
        assert aligned.detector == "fixed"
        white = dicface.paste(frames, np.full_like(aligned.frames, 255), aligned)
        changed = (white != frames).any(axis=-1)
        assert (white.shape, white.dtype) == (frames.shape, np.uint8)
        assert (white[:, 46:50, 46:50] == 255).all()
        assert not changed[:, :, 90:].any()
        assert dicface.paste(frames, aligned.frames, aligned, upscale=2).shape == (2, 192, 256, 3)

    def test_tensors_and_single_frames_keep_their_kind(self):
        frame = as_tensor(picture(96, 128))
        aligned = dicface.align(frame, size=32, detector=FixedDetector())
        assert aligned.frames.shape == (3, 32, 32)
        assert aligned.affines.shape == (1, 2, 3)
        pasted = dicface.paste(frame, aligned.frames, aligned)
        assert (pasted.shape, pasted.dtype) == (frame.shape, torch.float32)
        assert (pasted - frame).abs().mean() < 0.05

    def test_the_face_of_a_photograph_is_found(self):
        found = dicface.align(astronaut(), size=64, detector="dlib")
        assert found.detector == "dlib-hog-68"
        assert np.abs(found.landmarks[0, 2] - [225, 127]).max() < 8

    def test_no_face_and_wrong_settings_are_sentences(self):
        frames = np.zeros((2, 64, 64, 3), np.uint8)
        with pytest.raises(FaceError, match="^frames: no face found in any of its 2 frames"):
            dicface.align(frames, detector=FixedDetector(missing=(0, 1)))
        with pytest.raises(ConfigError, match="size: found 15, expected an even number"):
            dicface.align(frames, size=15)
        for wrong in ("hog", None):
            with pytest.raises(ConfigError, match=f"detector: found {wrong!r}"):
                dicface.align(frames, detector=wrong)
        with pytest.raises(ConfigError, match="choice: found 'best', expected largest or nearest"):
            dicface.align(frames, choice="best")
        with pytest.raises(ConfigError, match="border: found 'black', expected trainer or helper"):
            dicface.align(frames, border="black")

    def test_what_does_not_belong_together_is_not_pasted(self, monkeypatch, tmp_path):
        monkeypatch.setenv("DICFACE_WEIGHTS", str(tmp_path))
        frames = np.stack([picture(96, 128)] * 2)
        aligned = dicface.align(frames, size=32, detector=FixedDetector())
        with pytest.raises(ClipError, match=r"found 2 \(frames\), 1 \(restored\), 2 \(aligned\)"):
            dicface.paste(frames, aligned.frames[:1], aligned)
        with pytest.raises(ClipError, match=r"31×32 px \(restored\), 32×32 px \(aligned\)"):
            dicface.paste(frames, aligned.frames[:, :, :31], aligned)
        for wrong in (0, 1.5):
            with pytest.raises(ClipError, match="expected a whole number from 1"):
                dicface.paste(frames, aligned.frames, aligned, upscale=wrong)
        with pytest.raises(
            ClipError, match="aligned: found a ndarray; expected what dicface.align"
        ):
            dicface.paste(frames, aligned.frames, aligned.affines)
        with pytest.raises(WeightsError, match="parse mask: weights file .* not on this machine"):
            dicface.paste(frames, aligned.frames, aligned, parse=True)


class TestLoadWeights:
    def test_the_network_of_a_training(self, trained):
        network = dicface.load_weights(trained)
        assert (type(network).__name__, network.settings.resolution) == ("DicFace", 16)
        assert not network.training
        assert not any(parameter.requires_grad for parameter in network.parameters())

    def test_a_released_network_is_known_by_name_or_digest(
        self, tmp_path, monkeypatch, register_methods
    ):
        torch.manual_seed(0)
        network = build("codeformer", **TINY)
        path = tmp_path / "released.pth"
        torch.save({"params_ema": network.state_dict()}, path)
        known = registry.WeightsEntry(
            name="released_file",
            file="released.pth",
            url="https://example.org",
            licence="any",
            use="any",
            used_for="tests",
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        entries = {"released_file": known} | registry.registry()
        monkeypatch.setattr(registry, "registry", lambda: entries)
        register_methods(alone=True, released="tests.api.released:Released")
        loaded = dicface.load_weights(path).state_dict()
        assert all(torch.equal(loaded[key], value) for key, value in network.state_dict().items())
        renamed = path.rename(tmp_path / "downloaded (1).pth")
        assert dicface.load_weights(renamed).settings.resolution == 16
        register_methods(alone=True)
        with pytest.raises(WeightsError, match="'released_file' .*no network of a method alone"):
            dicface.load_weights(renamed)
        path.write_bytes(b"something else")
        with pytest.raises(WeightsError, match="damaged or another file"):
            dicface.load_weights(path)

    def test_other_files_are_refused(self, tmp_path, trained):
        with pytest.raises(WeightsError, match=r"none\.pth: no such weights file"):
            dicface.load_weights(tmp_path / "none.pth")
        torch.save({"a": torch.zeros(1)}, tmp_path / "mine.pth")
        with pytest.raises(WeightsError, match="no file of a training.*neither its name nor its"):
            dicface.load_weights(tmp_path / "mine.pth")
        cut = tmp_path / "cut.safetensors"
        cut.write_bytes(trained.read_bytes()[:-8])
        with pytest.raises(WeightsError, match="expected a whole safetensors file"):
            dicface.load_weights(cut)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_a_sentence(clip, trained):
    for ask in (
        lambda: dicface.restore(clip, "input", device="cuda"),
        lambda: dicface.score(clip, clip, metrics=["psnr"], device="cuda"),
        lambda: dicface.metrics.functional.lpips(clip, clip, device="cuda"),
        lambda: dicface.load_weights(trained, device="cuda"),
    ):
        with pytest.raises(ConfigError, match="'cuda' was asked for and torch sees no CUDA"):
            ask()


def test_methods_are_listed_by_task():
    names = dicface.list_methods()
    assert names[0] == "input"
    assert {"dicface", "dicface_trained", "codeformer", "keep"} <= set(names)
    assert set(dicface.list_methods("inpainting")) < set(names)
    with pytest.raises(MethodError, match="no task is named 'deblur'. Known tasks: bfr"):
        dicface.list_methods("deblur")
