"""Training in several processes: the same batches, the same losses, and a clean end."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import psutil
import pytest
import yaml
from safetensors.torch import load_file

from dicface.base.errors import ConfigError
from dicface.base.seeds import numpy_rng
from dicface.cli import main as cli
from dicface.cli.job import is_first_process
from dicface.config.load import load
from dicface.config.networks import network
from dicface.config.settings import TrainSettings
from dicface.jobs.degrade import Degrade
from dicface.jobs.train import Train
from dicface.runs.folder import CONFIG_FILE, Run
from dicface.training.distributed import Shares, launch
from dicface.training.loop import CHECKPOINT
from dicface.video.clips import write_clip
from dicface.workflow.plan import Plan

CONFIG = Path(__file__).resolve().parents[2] / "config" / "config.yaml"
STEPS = 6


@pytest.fixture(scope="module")
def settings() -> TrainSettings:
    return network(load(CONFIG), "dicface").train


def shares(settings: TrainSettings, processes: int, micro_batch: int = 0) -> list[Shares]:
    changes = {"batch_size": 16, "micro_batch": micro_batch}
    changed = replace(settings, **changes)
    return [Shares.of(changed, processes, rank) for rank in range(processes)]


@pytest.mark.parametrize(("processes", "micro_batch"), [(1, 0), (2, 2), (4, 1), (2, 0)])
def test_parts_cover_every_batch_once(
    settings: TrainSettings, processes: int, micro_batch: int
) -> None:
    parts = [part for share in shares(settings, processes, micro_batch) for part in share.parts]
    assert sorted(index for part in parts for index in part.samples) == list(range(16))
    assert sum(part.last for part in parts) == processes


def test_processes_compute_what_one_computes_in_parts(settings: TrainSettings) -> None:
    alone = shares(settings, 1, micro_batch=4)[0].parts
    many = [share.parts[0] for share in shares(settings, 4)]
    assert [part.samples for part in alone] == [part.samples for part in many]
    assert [part.names for part in alone] == [(), (1,), (2,), (3,)]


@pytest.mark.parametrize(("processes", "micro_batch"), [(3, 0), (2, 3), (1, 32)])
def test_uneven_shares_are_refused(
    settings: TrainSettings, processes: int, micro_batch: int
) -> None:
    with pytest.raises(
        ConfigError,
        match="found .* expected a (multiple|divisor) of the",
    ):
        shares(settings, processes, micro_batch)


def test_missing_gpus_are_named(settings: TrainSettings) -> None:
    raw = yaml.safe_load(CONFIG.read_text()) | {"device": "cuda"}
    raw["compute"]["devices"] = raw["train"]["defaults"]["batch_size"] = 99
    raw["train"]["dicface"]["batch_size"] = 99
    with pytest.raises(ConfigError, match="99 GPUs were asked for and torch sees"):
        launch(Plan.of(raw).config, settings)


@pytest.mark.parametrize("device", ["cuda:1", "mps"])
def test_one_gpu_by_name_is_not_several(settings: TrainSettings, device: str) -> None:
    raw = yaml.safe_load(CONFIG.read_text()) | {"device": device}
    raw["compute"]["devices"] = raw["train"]["dicface"]["batch_size"] = 2
    with pytest.raises(ConfigError, match=f"2 GPUs were asked for and device: {device} names one"):
        launch(Plan.of(raw).config, settings)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for name in ("one", "two"):
        frames = numpy_rng("test", name).integers(0, 256, (4, 16, 16, 3), np.uint8)
        write_clip(folder / f"{name}.mkv", frames, 25)
    return folder


def command(folder: Path, clips: Path, micro_batch: int = 0, devices: int = 1) -> list[str]:
    """The command that trains a small DicFace in the run `folder`."""
    raw = yaml.safe_load(CONFIG.read_text())
    raw["data"]["size"] = 16
    raw["degradation"] |= {"scale": 2, "kernel_size": 5}
    raw["model"]["vqgan"] |= {"nf": 8, "norm_groups": 4, "codebook_size": 16, "emb_dim": 8}
    raw["model"]["transformer"] |= {
        "dim_embd": 16,
        "n_head": 2,
        "n_layers": 1,
        "connect_list": ["4"],
    }
    raw["model"]["dicface"] |= {"frame_length": 3, "train_samples": "mean"}
    raw["train"]["defaults"]["perceptual"] = "none"
    raw["train"]["dicface"] |= {"init_from": "", "steps": STEPS, "save_every": 2, "log_every": 1}
    raw["train"]["dicface"] |= {"batch_size": 2, "micro_batch": micro_batch}
    raw["compute"]["devices"] = devices
    raw["data"]["train"] |= {"source": "folder", "folder": str(clips)}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG_FILE).write_text(yaml.safe_dump(raw))
    train = [sys.executable, "-m", "dicface.cli", "job", "train", "--run", str(folder)]
    return [*train, "--network", "dicface"]


def train(folder: Path, clips: Path, **how: int) -> list[float]:
    """Trains and returns the loss of every step; one process is this one, which saves time."""
    arguments = command(folder, clips, **how)
    if how.get("devices", 1) == 1:
        assert cli.main(arguments[3:]) == 0
    else:
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    lines = (folder / "train/dicface/stats.jsonl").read_text().splitlines()
    return [json.loads(line)["l1"] for line in lines]


def test_two_processes_learn_as_one_and_a_killed_one_ends_both(clips: Path, tmp_path: Path) -> None:
    one = train(tmp_path / "one", clips)
    np.testing.assert_allclose(train(tmp_path / "parts", clips, micro_batch=2), one, atol=1e-5)
    np.testing.assert_allclose(train(tmp_path / "two", clips, devices=2), one, atol=1e-5)
    facts = json.loads((tmp_path / "two/train/dicface/training.json").read_text())
    assert facts["processes"] == 2
    weights, others = (
        load_file(tmp_path / name / "train/dicface/weights.safetensors") for name in ("one", "two")
    )
    # Adam makes a step of the whole rate of a gradient that is rounding alone.
    assert max(float((weights[key] - others[key]).abs().max()) for key in weights) < 1e-3

    # A worker dies after the first checkpoint: the command ends with an error, and the same
    # command in one process goes on from there.
    cut = tmp_path / "cut"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    running = subprocess.Popen(command(cut, clips, devices=2), **quiet)
    try:
        wait_for(
            lambda: (cut / "train/dicface" / CHECKPOINT).is_file() or running.poll() is not None
        )
        (worker,) = psutil.Process(running.pid).children()
        os.kill(worker.pid, signal.SIGKILL)
        assert running.wait(timeout=60) != 0
    finally:
        running.kill()
    assert not (cut / "train/dicface/weights.safetensors").exists()
    np.testing.assert_allclose(train(cut, clips), one, atol=1e-5)


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_a_training_of_one_process_does_not_heed_the_slurm_job_around_it(
    settings: TrainSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import lightning.fabric

    asked = {}
    monkeypatch.setattr(lightning.fabric, "Fabric", lambda **facts: asked.update(facts) or Mock())
    for name, value in (("SLURM_NTASKS", "4"), ("SLURM_PROCID", "3"), ("SLURM_JOB_NAME", "x")):
        monkeypatch.setenv(name, value)
    config = load(CONFIG)
    launch(config, settings)
    assert asked["plugins"] is not None
    two = replace(config, compute=replace(config.compute, devices=2, nodes=2))
    launch(two, settings)
    assert asked["plugins"] is None


def test_a_rank_of_the_surroundings_stops_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = yaml.safe_load(CONFIG.read_text())
    raw["train"]["dicface"]["batch_size"] = 2
    monkeypatch.setenv("SLURM_PROCID", "1")
    run = Run.of(raw)
    assert is_first_process(Degrade(run=run, task="bfr"))
    assert is_first_process(Train(run=run, network="vqgan"))
    of_two = Run.of(raw | {"compute": raw["compute"] | {"devices": 2}})
    assert not is_first_process(Train(run=of_two, network="vqgan"))
    assert is_first_process(Degrade(run=of_two, task="bfr"))
