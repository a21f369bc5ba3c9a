"""PGDiff: the method, its weights files; its networks have tests in `networks/`."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import dicface.methods
from baselines.networks.diffusion import Schedule, sample
from baselines.networks.guidance import Colorization
from dicface.base.errors import MethodError, WeightsError
from dicface.base.seeds import torch_generator
from dicface.restoring.runner import restore_clip, to_uint8
from tests.baselines._pgdiff import SIZE, TinyPgDiff, clip_of, ready, seeded
from tests.parity.compare import deviations

TASKS = pytest.mark.parametrize("task", ["bfr", "inpainting", "colorization"])


@TASKS
def test_same_frames_same_result_one_for_each(task: str):
    frames = clip_of(2)
    first, again = (list(ready(task).restore(frames, clip="a")) for _ in range(2))
    assert len(first) == 2
    for frame, other in zip(first, again, strict=True):
        assert frame.shape == (3, SIZE, SIZE)
        assert frame.dtype == torch.float32
        assert 0 <= frame.min() <= frame.max() <= 1
        assert torch.equal(frame, other)
        levels = frame * 255
        torch.testing.assert_close(levels, levels.round(), atol=1e-4, rtol=0)
    assert not torch.equal(first[0], next(ready(task).restore(frames, clip="b")))


@TASKS
def test_runs_where_the_caller_switched_gradients_off(task: str):
    expected = next(ready(task).restore(clip_of(1), clip="a"))
    with torch.inference_mode():
        restored = next(ready(task).restore(clip_of(1), clip="a"))
        assert torch.is_inference_mode_enabled()
    assert torch.equal(restored, expected)


def test_frames_share_their_noise_unless_told_otherwise():
    frame = clip_of(1)[0]
    same, other = ready().restore([frame, frame]), ready(noise="frame").restore([frame, frame])
    assert torch.equal(next(same), next(same))
    assert not torch.equal(next(other), next(other))


def test_output_is_truncated_to_levels():
    method = ready("colorization")
    method.networks[0].out[2].weight.zero_()
    method.networks[0].out[2].bias.zero_()
    frame = clip_of(1)[0]
    known = torch.from_numpy(to_uint8(frame)).permute(2, 0, 1)[None] / 127.5 - 1
    y = sample(
        method.networks[0],
        Schedule(2),
        Colorization(known=known, scale=0.01),
        torch_generator("pgdiff", "a"),
    )
    expected = ((y[0] + 1) * 127.5).clamp(0, 255).numpy().astype(np.uint8)
    restored = to_uint8(next(method.restore([frame], clip="a"))).transpose(2, 0, 1)
    assert np.array_equal(restored, expected)


def test_guidance_scale_matters():
    frames = clip_of(1)
    weak, strong = (
        next(ready("inpainting", guidance_scale=scale).restore(frames)) for scale in (0.0, 0.5)
    )
    known = frames[0].min(0).values < 1
    errors = [(y - frames[0])[:, known].square().mean() for y in (weak, strong)]
    assert errors[1] < errors[0]


def test_pure_white_pixels_are_missing():
    frame = clip_of(1)[0]
    guidance = ready("inpainting")._guidance(frame, "here")
    assert torch.equal(guidance.mask[0, 0], (frame == 1).all(0))
    assert 0 < guidance.mask.float().mean() < 0.5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"noise": "none"}, "noise is 'none'; expected 'clip' or 'frame'"),
        ({"repeats": 0}, "repeats is 0; expected 1 or more"),
        ({"repeats": 2, "steps": 200}, "repeats is 2; expected 1, as steps is 200"),
    ],
)
def test_settings_without_meaning_are_named(settings: dict, message: str):
    with pytest.raises(MethodError, match=message):
        dicface.methods.create("pgdiff", **settings)


def test_uneven_steps_are_named_before_any_weights():
    with pytest.raises(MethodError, match="300 diffusion steps cannot be taken evenly"):
        next(dicface.methods.create("pgdiff", steps=300).restore(clip_of(1)))


def test_frames_of_another_size_are_named():
    frames = ready().restore([torch.zeros(3, 8, SIZE)], clip="holiday")
    with pytest.raises(MethodError, match=r"'holiday', frame 0: .*\(3, 8, 16\).*\(3, 16, 16\)"):
        next(frames)


def test_a_white_frame_is_named():
    frames = ready("inpainting").restore([clip_of(1)[0], torch.ones(3, SIZE, SIZE)], clip="holiday")
    next(frames)
    with pytest.raises(MethodError, match="'holiday', frame 1: is white all over"):
        next(frames)


def test_values_that_are_not_finite_are_named():
    method = ready()
    method.networks[0].out[2].bias[0] = math.nan
    with pytest.raises(MethodError, match="PGDiff, clip 'holiday', frame 0: .*not finite"):
        next(method.restore(clip_of(1), clip="holiday"))


def test_whole_clip_through_the_runner(tmp_path: Path):
    (tmp_path / "clip").mkdir()
    for number, frame in enumerate(clip_of(3)):
        cv2.imwrite(str(tmp_path / "clip" / f"{number:03}.png"), to_uint8(frame)[..., ::-1])
    info = restore_clip(ready("inpainting"), tmp_path / "clip", tmp_path / "out.mkv")
    assert (info.num_frames, info.height, info.width) == (3, SIZE, SIZE)


def test_facts_and_registry():
    method = dicface.methods.create("pgdiff", task="colorization")
    assert method.weights_names() == ("pgdiff_prior",)
    assert dicface.methods.create("pgdiff").weights_names() == ("pgdiff_prior", "pgdiff_restorer")
    assert "512×512" in method.unavailable(size=64)


# Weights files


def test_released_files_are_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    unet, restorer = (seeded(network, 3) for network in TinyPgDiff().build())
    prior = {f"module.{key}": value for key, value in unet.state_dict().items()}
    torch.save(prior, tmp_path / "iddpm_ffhq512_ema500000.pth")
    content = {**restorer.state_dict(), "perceptual_loss.weight": torch.zeros(2)}
    torch.save({"state_dict": content}, tmp_path / "rrdb_iter_100000.pth")
    monkeypatch.setenv("DICFACE_WEIGHTS", str(tmp_path))
    for network, expected in zip(TinyPgDiff().networks, (unet, restorer), strict=True):
        assert not network.training
        assert not any(parameter.requires_grad for parameter in network.parameters())
        for key, value in network.state_dict().items():
            assert torch.equal(value, expected.state_dict()[key])


def test_one_file_for_two_networks_is_refused(tmp_path: Path):
    (unet,) = TinyPgDiff(task="inpainting").build()
    save_file(unet.state_dict(), tmp_path / "prior.safetensors")
    assert TinyPgDiff(task="inpainting", weights=tmp_path / "prior.safetensors").networks
    with pytest.raises(MethodError, match=r"gives 1 weights files; .*pgdiff_prior and pgdiff_rest"):
        _ = TinyPgDiff(weights=tmp_path / "prior.safetensors").networks


def test_weights_of_another_network_are_described(tmp_path: Path):
    _, restorer = TinyPgDiff().build()
    save_file(restorer.state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="looks like PGDiff's restorer .*expected pgdiff_prior"):
        _ = TinyPgDiff(task="inpainting", weights=tmp_path / "w.safetensors").networks


@TASKS
def test_missing_weights_are_named(task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DICFACE_WEIGHTS", raising=False)
    method = dicface.methods.create("pgdiff", task=task)
    with pytest.raises(
        MethodError, match="not on this machine: iddpm_ffhq512_ema500000.pth"
    ) as caught:
        next(method.restore(clip_of(1)))
    assert ("rrdb_iter_100000.pth" in str(caught.value)) == (task == "bfr")


# Reference tensors


@pytest.mark.parity
@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("pgdiff_unet_small", "golden.npz"),
        pytest.param("pgdiff_arcface", "golden.npz", marks=pytest.mark.slow),
        pytest.param("pgdiff_sampling", "golden.npz", marks=pytest.mark.slow),
        pytest.param("pgdiff_restorer", "golden.npz", marks=pytest.mark.slow),
        pytest.param("pgdiff_unet", "golden.npz", marks=pytest.mark.slow),
        pytest.param("pgdiff_sampling", "golden_full.npz", marks=pytest.mark.slow),
    ],
)
def test_every_stored_tensor_is_met(name: str, file: str, shared: Path):
    golden = shared / "facts" / name / file
    failed = [str(item) for item in deviations(name, golden, seed=0) if not item.ok]
    assert not failed
