"""Training: every stage learns, and a killed run ends with the weights of an uninterrupted one."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from dicface.base.errors import TrainingError, WeightsError
from dicface.base.seeds import numpy_rng
from dicface.config.networks import network
from dicface.config.settings import STAGES, Config
from dicface.data.degradation.degrade import BlindDegradation
from dicface.data.degradation.tasks.bfr import BlindRestoration
from dicface.models.checkpoint import load_network, read_facts
from dicface.training.clips import AlignedClips
from dicface.training.footprint import describe
from dicface.training.loop import CHECKPOINT, Ema, learning_rate, train_stage
from dicface.training.samples import TrainingWindows
from dicface.video.clips import write_clip
from dicface.workflow.plan import Plan

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def raw() -> dict:
    """The demo's configuration, with networks that train in seconds."""
    raw = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    raw["data"]["size"] = 16
    raw["degradation"] |= {"scale": 2, "kernel_size": 5, "blur_sigma": [0.1, 1.0]}
    raw["model"] = {
        "vqgan": {
            "nf": 8,
            "ch_mult": [1, 2],
            "num_res_blocks": 1,
            "attn_resolutions": [],
            "norm_groups": 4,
            "codebook_size": 16,
            "emb_dim": 8,
        },
        "transformer": {
            "dim_embd": 16,
            "n_head": 2,
            "n_layers": 1,
            "dim_mlp": 16,
            "connect_list": ["16"],
            "dropout": 0.1,
        },
        "dicface": {"frame_length": 3, "train_samples": 1},
    }
    raw["train"]["defaults"] |= {
        "steps": 6,
        "batch_size": 2,
        "save_every": 2,
        "log_every": 2,
        "degraded_versions": 2,
    }
    for stage in STAGES:
        for key in ("steps", "batch_size", "save_every", "log_every", "degraded_versions"):
            raw["train"][stage].pop(key, None)
    return raw


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    for name in ("one", "two"):
        rng = numpy_rng("test", name)
        frames = rng.integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
        write_clip(folder / f"{name}.mkv", frames, 25)
    return folder


def config_of(raw: dict) -> Config:
    return Plan.of(raw).config


def test_every_stage_starts_from_the_one_before(raw: dict, clips: Path, tmp_path: Path) -> None:
    config = config_of(raw)
    for name in STAGES:
        weights = train_stage(config, name, clips=clips, out=tmp_path / "train")
        network, facts = load_network(weights)
        assert facts["stage"] == name
        assert all(torch.isfinite(p).all() for p in network.parameters())
    prior = load_file(tmp_path / "train/vqgan/weights.safetensors")
    fused = load_file(tmp_path / "train/fusion/weights.safetensors")
    frozen = [key for key in prior if key.startswith(("quantize.", "generator."))]
    assert frozen
    assert all(torch.equal(prior[key], fused[key]) for key in frozen)
    lines = (tmp_path / "train/dicface/stats.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2, 4, 6]
    assert {"l1", "kl"} <= set(json.loads(lines[-1]))


@pytest.mark.parametrize("killed_at", [1, 2, 3, 5])
def test_a_killed_run_ends_with_the_same_weights(
    raw: dict, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    raw["train"]["dicface"]["init_from"] = ""
    config = config_of(raw)
    whole = load_file(train_stage(config, "dicface", clips=clips, out=tmp_path / "whole"))

    class Killed(BaseException):
        pass

    updates = 0
    update = Ema.update

    def dying(self: Ema, network: torch.nn.Module) -> None:
        nonlocal updates
        if updates == killed_at:
            raise Killed
        updates += 1
        update(self, network)

    monkeypatch.setattr(Ema, "update", dying)
    with pytest.raises(Killed):
        train_stage(config, "dicface", clips=clips, out=tmp_path / "cut")
    assert not (tmp_path / "cut/dicface/weights.safetensors").exists()
    monkeypatch.setattr(Ema, "update", update)
    resumed = load_file(train_stage(config, "dicface", clips=clips, out=tmp_path / "cut"))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)
    steps = [
        json.loads(line)["step"]
        for line in (tmp_path / "cut/dicface/stats.jsonl").read_text().splitlines()
    ]
    assert steps == [2, 4, 6]
    assert not (tmp_path / "cut/dicface" / CHECKPOINT).exists()


def test_gan_takes_part_and_resumes(raw: dict, clips: Path, tmp_path: Path) -> None:
    raw["train"]["vqgan"] |= {"gan_weight": 0.1, "gan_start": 3}
    raw["data"]["size"] = 16
    config = config_of(raw)
    with pytest.raises(RuntimeError):  # 16 px are too small for four strided convolutions
        train_stage(config, "vqgan", clips=clips, out=tmp_path / "train")


def test_other_settings_do_not_resume(raw: dict, clips: Path, tmp_path: Path) -> None:
    config = config_of(raw)
    train_stage(config, "vqgan", clips=clips, out=tmp_path / "a")
    folder = tmp_path / "b" / "vqgan"
    folder.mkdir(parents=True)
    save_file(
        {"x": torch.zeros(1)},
        folder / CHECKPOINT,
        metadata={"dicface": json.dumps({"origin": {"stage": "other"}, "step": 4, "seconds": 1})},
    )
    train_stage(config, "vqgan", clips=clips, out=tmp_path / "b")
    a, b = (load_file(tmp_path / run / "vqgan/weights.safetensors") for run in "ab")
    assert all(torch.equal(a[key], b[key]) for key in a)


def test_damaged_checkpoint_is_named(raw: dict, clips: Path, tmp_path: Path) -> None:
    folder = tmp_path / "vqgan"
    folder.mkdir()
    (folder / CHECKPOINT).write_bytes(b"not a checkpoint")
    with pytest.raises(TrainingError, match="delete it"):
        train_stage(config_of(raw), "vqgan", clips=clips, out=tmp_path)


def test_weights_of_other_shapes_are_refused(raw: dict, clips: Path, tmp_path: Path) -> None:
    train_stage(config_of(raw), "vqgan", clips=clips, out=tmp_path)
    wider = copy.deepcopy(raw)
    wider["model"]["vqgan"]["nf"] = 16
    with pytest.raises(WeightsError, match="other shapes"):
        train_stage(config_of(wider), "codeformer", clips=clips, out=tmp_path)


def test_missing_weights_say_what_to_do(raw: dict, clips: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="Train the network first"):
        train_stage(config_of(raw), "codeformer", clips=clips, out=tmp_path)


def test_samples_depend_on_their_number_alone(clips: Path) -> None:
    def data(num_samples: int) -> TrainingWindows:
        return TrainingWindows(
            AlignedClips(clips, cache=False),
            window=3,
            task=BlindRestoration(BlindDegradation(scale=2)),
            seed_names=("test",),
            num_samples=num_samples,
            flip_prob=0.5,
            colour_jitter=0.1,
        )

    few, many = data(5), data(50)
    for index in (4, 0, 2):
        for a, b in zip(few[index], many[index], strict=True):
            assert a.shape == (3, 3, 16, 16)
            assert a.abs().max() <= 1
            assert torch.equal(a, b)
    assert not torch.equal(few[0][1], few[1][1])


def test_learning_rate_is_a_cosine(raw: dict) -> None:
    s = network(config_of(raw), "vqgan").train
    assert learning_rate(0, s) == s.learning_rate
    assert learning_rate(s.steps, s) == pytest.approx(s.final_learning_rate)
    middle = (s.learning_rate + s.final_learning_rate) / 2
    assert learning_rate(s.steps // 2, s) == pytest.approx(middle)


@pytest.mark.parametrize("name", STAGES)
def test_dry_run_describes_without_training(raw: dict, name: str) -> None:
    text = describe(config_of(raw), name)
    assert "parameters" in text
    assert "memory" in text
    assert "learning_rate: 0.001" in text


def test_weights_say_what_they_are(raw: dict, clips: Path, tmp_path: Path) -> None:
    facts = read_facts(train_stage(config_of(raw), "vqgan", clips=clips, out=tmp_path))
    assert facts["network"] == "vqgan"
    assert facts["train"]["steps"] == 6
    assert facts["seed"] == "demo-0"
