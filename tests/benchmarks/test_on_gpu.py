"""The GPU's measurements: a whole small run with torch alone, and what is written from one."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

from dicface.cost.rates import read_rates

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "benchmarks"
ABSENT = (
    "yaml safetensors cv2 scipy timm lightning av pandas pyarrow lpips skimage tqdm pydantic "
    "psutil snakemake facexlib numba dlib"
)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`on_gpu` as a module; the path of imports is as before afterwards."""
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path, str(SCRIPTS)])
    return importlib.import_module("on_gpu")


@pytest.fixture
def results(script: ModuleType) -> ModuleType:
    return importlib.import_module("gpu_results")


def found(**parts: list[dict]) -> dict:
    """What `on_gpu.py` would have written on an H100."""
    facts = {"card": "NVIDIA H100 80GB HBM3", "torch": "2.15.0", "date": "2026-12-01"}
    facts |= {"commit": "abc", "tiny": False, "cuda": "13.2", "driver": "580"}
    return {"facts": facts, "skipped": [], **parts}


@pytest.mark.slow
def test_a_small_run_needs_torch_alone(tmp_path: Path) -> None:
    code = (
        f"import runpy, sys\nfor name in {ABSENT.split()}: sys.modules[name] = None\n"
        f"sys.argv = ['x', '--device', 'cpu', '--tiny', '--seconds', '1e6', "
        f"'--to', {str(tmp_path)!r}]\n"
        f"runpy.run_path({str(SCRIPTS / 'on_gpu.py')!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    result = json.loads((tmp_path / "cpu.json").read_text())
    assert result["skipped"] == []
    assert result["facts"]["tiny"]
    parts = {"parity": 18, "dicface": 6, "training_step": 4, "stages": 6, "baselines": 16}
    assert {name: len(result[name]) for name in parts} == parts
    failed = [row for name in parts for row in result[name] if "failed" in row]
    # Deformable convolution of torchvision has no bfloat16 on a CPU.
    assert {(row.get("network", row.get("method")), row["precision"]) for row in failed} <= {
        ("basicvsrpp", "bf16")
    }
    same = [row for row in result["parity"] if row["precision"] == "float32"]
    assert all(row["largest"] == 0 for row in same)
    rounded = [row["psnr"] for row in result["parity"] if row.get("psnr")]
    assert len(rounded) == 8
    assert min(rounded) > 10
    assert "| computation | mode | precision |" in done.stdout


def test_the_training_step_is_the_stage_of_the_suite(script: ModuleType) -> None:
    from dicface.methods.codeformer import SMALL
    from dicface.models import build
    from dicface.training import losses
    from dicface.training.stages import DicFaceStage

    s = SimpleNamespace(**script.SETTINGS["dicface"]["train"])
    objective = losses.Objective(prior=s.prior_alpha, kl_weight=0.5, lambda2=0)
    torch.manual_seed(0)
    net = build("dicface", **SMALL).train()
    clips = script.faces(20, 16).view(2, 2, 5, 3, 16, 16)
    torch.manual_seed(1)
    ours = script.dicface_loss(net, s, objective, clips)
    torch.manual_seed(1)
    expected = DicFaceStage(net, s, objective)(*clips).total
    assert torch.equal(ours, expected)


def test_what_fails_or_does_not_fit_is_a_line(script: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "results" / "card.json"
    bench = script.Bench("cpu", True, 100, {}, file)
    bench.measure("parity", {"network": "a"}, lambda: 1 / 0)
    bench.measure("parity", {"network": "b"}, lambda: {"mean": 0.5}, needs=1000)
    bench.measure("parity", {"network": "c"}, lambda: {"mean": 0.5})
    written = json.loads(file.read_text())
    assert written["parity"] == [
        {"network": "a", "failed": "ZeroDivisionError: division by zero"},
        {"network": "c", "mean": 0.5},
    ]
    assert bench.result["skipped"] == ["parity: b"]


def test_windows_of_a_clip_are_those_of_the_runner(script: ModuleType) -> None:
    from dicface.models.streaming import StreamSettings, stream

    (net,), side = script.networks("dicface", True)
    seen = []

    def decode(*args: object) -> torch.Tensor:
        seen.append(type(net).decode(net, *args))
        return seen[-1]

    net.decode = decode
    try:
        frames = list(script.faces(4, side))
        script.by_windows(net, frames, 3, "centre")
        ours = torch.cat(seen).clamp(-1, 1).add(1).div(2)
    finally:
        del net.decode
    expected = torch.stack(list(stream(net, frames, settings=StreamSettings(batch=1))))
    assert torch.allclose(ours, expected, atol=1e-5)


def test_what_is_written_is_up_to_date(results: ModuleType) -> None:
    from dicface.cost.rates import TABLE

    say = "run: python benchmarks/gpu_results.py"
    measured = results.results()
    assert results.SETTINGS.read_text() == results.settings(), say
    assert results.PAGE.read_text() == results.page(measured), say
    assert TABLE.read_text() == results.rates(measured), say
    assert ("Not measured" in results.PAGE.read_text()) == (not measured)


def test_tables_say_what_failed_and_what_was_skipped(results: ModuleType) -> None:
    rows = [
        {"computation": "windows", "ms": 123.4, "gb": 1.234},
        {"computation": "streaming", "failed": "OutOfMemoryError: CUDA out of memory"},
    ]
    result = found(dicface=rows) | {"skipped": ["baselines: gpen, 1", "baselines: keep, 20"]}
    text = results.tables(result)
    assert "**NVIDIA H100 80GB HBM3**, torch 2.15.0, cuda 13.2, driver 580, 2026-12-01" in text
    assert "| windows | 123 | 1.23 | – |" in text
    assert "| streaming | – | – | OutOfMemoryError: CUDA out of memory |" in text
    assert "Skipped, as the time was spent: 2 of baselines." in text
    assert text.strip() in results.page([result])


def test_a_card_gives_rates_that_the_plan_reads(results: ModuleType, tmp_path: Path) -> None:
    step = {"precision": "tf32", "mode": "eager", "channels_last": False, "lpips": True}
    stream = {"computation": "streaming", "mode": "eager", "precision": "bf16", "batch": 1}
    systems = [
        {"method": "keep", "frames": 20, "precision": "tf32", "ms": 40.0},
        {"method": "keep", "frames": 5, "precision": "tf32", "ms": 50.0},
        {"method": "gpen", "frames": 1, "precision": "tf32", "failed": "out of memory"},
        {"method": "pgdiff", "frames": 1, "precision": "tf32", "ms": 6e4},
    ]
    result = found(
        training_step=[step | {"ms": 588.0}, step | {"channels_last": True, "ms": 1.0}],
        dicface=[stream | {"ms": 8.245}, stream | {"batch": 8, "ms": 1.0}],
        baselines=systems,
    )
    table = tmp_path / "rates.csv"
    table.write_text(results.rates([result]))
    rates = read_rates(table)

    # 29.4 TFLOP for ten frames, and 0.82 for one frame of the streaming runner (docs).
    speed = rates.find("gpu.speed.train.tf32", "h100")
    assert speed.value == pytest.approx(29.4 / 0.588, rel=0.01)
    assert not speed.is_estimate
    assert speed.machine == "NVIDIA H100 80GB HBM3"
    restoring = rates.find("gpu.speed.restore.bf16", "h100").value
    assert restoring == pytest.approx(100, rel=0.01)
    assert rates.find("restore.keep.seconds", "h100", 512).value == 0.04
    assert rates.find("restore.pgdiff.bfr.seconds", "h100", 512).value == 60
    assert rates.find("restore.gpen.seconds", "h100", 512) is None
    assert len(rates.rows) == len(read_rates().rows) + 4 - len(results.results()) * 4
