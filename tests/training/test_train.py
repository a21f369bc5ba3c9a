"""Training: every stage learns, and a killed run ends with the weights of an uninterrupted one."""

import copy
import json
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from dicface.base.errors import ClipError, ConfigError, TrainingError, WeightsError
from dicface.base.seeds import numpy_rng
from dicface.config.networks import network
from dicface.config.settings import STAGES, Config
from dicface.data.degradation.degrade import BlindDegradation
from dicface.data.degradation.tasks.bfr import BlindRestoration
from dicface.models import build
from dicface.models.checkpoint import load_network, read_header, save_weights
from dicface.models.dicface import DicFace
from dicface.training import losses
from dicface.training.clips import AlignedClips, PackedFrames, open_clips
from dicface.training.footprint import describe
from dicface.training.loop import CHECKPOINT, Ema, learning_rate, train_stage
from dicface.training.samples import TrainingWindows
from dicface.training.stages import build_stage
from dicface.training.windows import TrainingWindow
from dicface.workflow.plan import Plan

ROOT = Path(__file__).resolve().parents[2]


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_training_that_is_asked_to_end_saves_first_and_loses_nothing(
    raw: dict, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    raw["train"]["defaults"] |= {"save_every": 4, "log_every": 4}
    config = config_of(raw)
    whole = train_stage(config, "vqgan", clips=clips, out=tmp_path / "whole")
    update, updates = Ema.update, 0

    def asked_to_end(self: Ema, network: torch.nn.Module) -> None:
        nonlocal updates
        update(self, network)
        updates += 1
        if updates == 3:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(Ema, "update", asked_to_end)
    handler = signal.getsignal(number)
    said = f"vqgan: {signal.Signals(number).name} ended it after step 3 of 6; .*holds the last good"
    with pytest.raises(TrainingError, match=said):
        train_stage(config, "vqgan", clips=clips, out=tmp_path / "cut")
    assert signal.getsignal(number) is handler
    assert read_header(tmp_path / "cut/vqgan" / CHECKPOINT)["step"] == 3
    cut = train_stage(config, "vqgan", clips=clips, out=tmp_path / "cut")
    assert cut.read_bytes() == whole.read_bytes()
    # Means since the last line hold the steps before the signal too.
    assert (cut.parent / "stats.jsonl").read_bytes() == (whole.parent / "stats.jsonl").read_bytes()


def test_a_loss_that_is_not_finite_names_step_clips_and_last_good_state(
    raw: dict, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, spoil = AlignedClips.read, False

    def spoilt(self: AlignedClips, clip: int, window: TrainingWindow) -> np.ndarray:
        return read(self, clip, window).astype(np.float32) * (np.nan if spoil else 1)

    monkeypatch.setattr(AlignedClips, "read", spoilt)
    update, updates = Ema.update, 0

    def counting(self: Ema, network: torch.nn.Module) -> None:
        nonlocal updates, spoil
        update(self, network)
        updates += 1
        spoil = updates == 3

    monkeypatch.setattr(Ema, "update", counting)
    said = r"vqgan, step 3: .*not finite.* of the clips (one|two|one, two|two, one)\. Lower .*; "
    kept = tmp_path / "vqgan" / CHECKPOINT
    with pytest.raises(TrainingError, match=f"{said}{kept} holds the last good state"):
        train_stage(config_of(raw), "vqgan", clips=clips, out=tmp_path)
    assert read_header(kept)["step"] == 2


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"step": -3}, "is of step -3; expected one of 1 to 5"),
        ({"step": 999}, "is of step 999"),
        ({"step": "2"}, "step is '2'"),
        ({"seconds": None}, "seconds is nothing"),
        ({}, "holds other numbers than were written"),
    ],
)
def test_a_checkpoint_of_other_content_is_said(
    raw: dict,
    clips: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: dict,
    found: str,
) -> None:
    config = config_of(raw)
    kill_at(3, monkeypatch, config, "vqgan", clips, tmp_path)
    path = tmp_path / "vqgan" / CHECKPOINT
    facts, tensors = read_header(path), load_file(path)
    if not change:
        next(t for t in tensors.values() if t.is_floating_point()).flatten()[0] += 1e-3
    save_file(tensors, path, metadata={"dicface": json.dumps(facts | change)})
    with pytest.raises(TrainingError, match=re.escape(found)):
        train_stage(config, "vqgan", clips=clips, out=tmp_path)


class Killed(BaseException):
    """As by a signal, in the middle of a step."""


def train_killed_at(
    step: int, monkeypatch: pytest.MonkeyPatch, config: Config, name: str, clips: Path, out: Path
) -> Path:
    """Trains, dies after `step` updates, and trains again."""
    kill_at(step, monkeypatch, config, name, clips, out)
    return train_stage(config, name, clips=clips, out=out)


def kill_at(
    step: int, monkeypatch: pytest.MonkeyPatch, config: Config, name: str, clips: Path, out: Path
) -> None:
    """Trains, and dies after `step` updates."""
    update, updates = Ema.update, 0

    def dying(self: Ema, network: torch.nn.Module) -> None:
        nonlocal updates
        if updates == step:
            raise Killed
        updates += 1
        update(self, network)

    with monkeypatch.context() as patch:
        patch.setattr(Ema, "update", dying)
        with pytest.raises(Killed):
            train_stage(config, name, clips=clips, out=out)


@pytest.mark.parametrize("norm", ["batch", "spectral"])
def test_gan_takes_part_and_resumes(
    raw: dict, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, norm: str
) -> None:
    raw["model"]["discriminator"] = {"ndf": 4, "n_layers": 1, "norm": norm}
    raw["train"]["vqgan"] |= {"gan_weight": 0.5, "gan_start": 3, "gan_rate": 0.5, "gan_r1": 1.0}
    config = config_of(raw)
    whole = load_file(train_stage(config, "vqgan", clips=clips, out=tmp_path / "whole"))
    lines = (tmp_path / "whole/vqgan/stats.jsonl").read_text().splitlines()
    first, *_, last = map(json.loads, lines)
    assert "gan" not in first
    assert last["gan"] != 0
    assert last["critic"] > 0
    resumed = load_file(train_killed_at(5, monkeypatch, config, "vqgan", clips, tmp_path / "cut"))
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)
    raw["train"]["vqgan"]["gan_weight"] = 0.0
    without = load_file(train_stage(config_of(raw), "vqgan", clips=clips, out=tmp_path / "no"))
    assert not all(torch.equal(whole[key], without[key]) for key in whole)


def test_a_discriminator_that_learns_alone_leaves_the_network_as_it_is(
    raw: dict, clips: Path, tmp_path: Path
) -> None:
    raw["model"]["discriminator"] = {"ndf": 4, "n_layers": 1}
    without = load_file(train_stage(config_of(raw), "vqgan", clips=clips, out=tmp_path / "no"))
    raw["train"]["vqgan"] |= {"gan_weight": 0.5, "gan_start": 1, "gan_lead": 1000}
    alone = load_file(train_stage(config_of(raw), "vqgan", clips=clips, out=tmp_path / "alone"))
    *_, last = map(json.loads, (tmp_path / "alone/vqgan/stats.jsonl").read_text().splitlines())
    assert last["critic"] > 0
    assert "gan" not in last
    assert all(torch.equal(without[key], alone[key]) for key in without)


def test_with_a_frozen_decoder_the_largest_fusion_weighs_the_gan(
    raw: dict, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw["model"]["discriminator"] = {"ndf": 4, "n_layers": 1}
    raw["train"]["fusion"] |= {"gan_weight": 0.5}
    config = config_of(raw)
    for name in ("vqgan", "codeformer"):
        train_stage(config, name, clips=clips, out=tmp_path)
    weighed_by = []

    def weigh(image_loss: torch.Tensor, gan: torch.Tensor, last_layer: torch.Tensor) -> float:
        weighed_by.append(last_layer)
        return 1.0

    monkeypatch.setattr("dicface.training.losses.adaptive_weight", weigh)
    train_stage(config, "fusion", clips=clips, out=tmp_path)
    assert weighed_by[0].shape == (8, 8, 3, 3)  # fuse_convs_dict["16"].shift
    raw["train"]["fusion"]["fidelity_w"] = 0.0
    with pytest.raises(ConfigError, match="neither the decoder nor a fusion"):
        train_stage(config_of(raw), "fusion", clips=clips, out=tmp_path)


def test_w_can_be_drawn_for_every_step(
    raw: dict, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw["train"]["dicface"] |= {"init_from": "", "fidelity_w": 0.5, "fidelity_w_drawn": True}
    config, seen = config_of(raw), []
    decode = DicFace.decode

    def seeing(self: DicFace, quant: torch.Tensor, skips: dict, w: float) -> torch.Tensor:
        seen.append(w)
        return decode(self, quant, skips, w)

    monkeypatch.setattr(DicFace, "decode", seeing)
    whole = load_file(train_stage(config, "dicface", clips=clips, out=tmp_path / "whole"))
    assert len(set(seen)) == len(seen) == 6
    assert all(0 <= w < 0.5 for w in seen)
    resumed = load_file(train_killed_at(3, monkeypatch, config, "dicface", clips, tmp_path / "cut"))
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_a_divergent_discriminator_stops_and_keeps_the_last_good_state(
    raw: dict, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw["model"]["discriminator"] = {"ndf": 4, "n_layers": 1}
    raw["train"]["vqgan"] |= {"gan_weight": 0.5, "gan_start": 4}
    spoil = torch.tensor(float("nan"))
    monkeypatch.setattr("dicface.training.losses.hinge_d", lambda real, fake: (spoil, spoil))
    with pytest.raises(TrainingError, match=r"step 4: .*critic nan.*gan_rate.*last good"):
        train_stage(config_of(raw), "vqgan", clips=clips, out=tmp_path)
    kept = tmp_path / "vqgan" / CHECKPOINT
    assert read_header(kept)["step"] == 4
    assert all(torch.isfinite(tensor).all() for tensor in load_file(kept).values())


def test_a_spoilt_state_is_never_saved(
    raw: dict, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = torch.optim.Adam.step

    def spoiling(self: torch.optim.Adam, *args: object) -> None:
        step(self, *args)
        if self.state and next(iter(self.state.values()))["step"] == 4:
            self.param_groups[0]["params"][0].data.fill_(float("inf"))

    monkeypatch.setattr(torch.optim.Adam, "step", spoiling)
    with pytest.raises(TrainingError, match="not finite.*last good state"):
        train_stage(config_of(raw), "vqgan", clips=clips, out=tmp_path)
    assert read_header(tmp_path / "vqgan" / CHECKPOINT)["step"] == 2


@pytest.mark.parametrize("killed_at", [1, 3, 5])
def test_a_living_codebook_resumes(
    raw: dict, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    raw["train"]["vqgan"] |= {"codebook_start": 2, "codebook_revive_every": 1}
    config = config_of(raw)
    whole = load_file(train_stage(config, "vqgan", clips=clips, out=tmp_path / "whole"))
    lines = [json.loads(x) for x in (tmp_path / "whole/vqgan/stats.jsonl").read_text().splitlines()]
    assert lines[0]["vq"] == 0  # not quantised yet
    assert lines[-1]["vq"] > 0
    resumed = load_file(
        train_killed_at(killed_at, monkeypatch, config, "vqgan", clips, tmp_path / "cut")
    )
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_stages_learn_from_packed_frames(raw: dict, tmp_path: Path) -> None:
    frames = numpy_rng("test", "packed").integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    packed = tmp_path / "frames.safetensors"
    save_file({"frames": torch.from_numpy(frames)}, packed)
    clips = open_clips(packed, size=16, window=1, order="aligned", cache=False)
    assert isinstance(clips, PackedFrames)
    window = TrainingWindow(frames=(0,), landmark_frames=(0,))
    assert np.array_equal(clips.read(3, window), frames[3:4])
    raw["train"]["defaults"] |= {"cache": False, "degraded_versions": 0}
    for name in ("vqgan", "codeformer", "fusion"):
        train_stage(config_of(raw), name, clips=packed, out=tmp_path / "train")
    with pytest.raises(ConfigError, match="windows of 3 frames"):
        train_stage(config_of(raw), "dicface", clips=packed, out=tmp_path / "train")
    with pytest.raises(ClipError, match=r"shape \[5, 16, 16, 3\], expected U8, \(N, 32, 32"):
        open_clips(packed, size=32, window=1, order="aligned", cache=False)
    packed.write_bytes(b"damaged")
    with pytest.raises(ClipError, match="make the file again"):
        open_clips(packed, size=16, window=1, order="aligned", cache=False)


def test_a_watch_sees_averaged_weights_and_changes_nothing(
    raw: dict, clips: Path, tmp_path: Path
) -> None:
    seen = {}

    def watch(step: int, seconds: float, state: dict[str, torch.Tensor]) -> None:
        seen[step] = {name: tensor.clone() for name, tensor in state.items()}
        torch.rand(3)
        assert seconds > 0

    config = config_of(raw)
    a = load_file(train_stage(config, "vqgan", clips=clips, out=tmp_path / "a", watch=watch))
    b = load_file(train_stage(config, "vqgan", clips=clips, out=tmp_path / "b"))
    assert list(seen) == [2, 4, 6]
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert all(torch.equal(a[key], seen[6][key]) for key in a)


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


def test_the_divergence_is_annealed(raw: dict, clips: Path, tmp_path: Path) -> None:
    raw["train"]["dicface"] |= {"init_from": "", "kl_scale": 2.0, "kl_anneal_steps": 4}
    config = config_of(raw)
    stage, _ = build_stage(config, "dicface", tmp_path)
    full, weights = losses.kl_weight(2.0, 16, stage.network.settings.latent_size), []
    for step in (0, 1, 3, 9):
        stage.begin(step)
        weights.append(stage.objective.kl_weight / full)
    assert weights == [0.25, 0.5, 1, 1]


def test_modules_can_wait_for_their_turn(raw: dict, tmp_path: Path) -> None:
    raw["train"]["dicface"] |= {"init_from": "", "freeze": [], "unfreeze": {"ft_layers": 2}}
    stage, _ = build_stage(config_of(raw), "dicface", tmp_path)
    x = torch.rand(1, 3, 3, 16, 16)
    learnt = []
    for step in (1, 2):
        stage.zero_grad()
        stage(x, x).total.backward()
        stage.hold(step)
        named = stage.network.named_parameters()
        learnt.append({name.partition(".")[0] for name, p in named if p.grad is not None})
    assert learnt[1] - learnt[0] == {"ft_layers"}
    assert "dir_dist_layers" in learnt[0]


def test_losses_of_draws_are_averaged(raw: dict, tmp_path: Path) -> None:
    raw["train"]["dicface"] |= {"init_from": "", "lpips_weight": 0.0}
    raw["model"]["transformer"]["dropout"] = 0.0
    raw["model"]["dicface"] |= {"train_samples": 3, "train_average": "losses"}
    stage, _ = build_stage(config_of(raw), "dicface", tmp_path)
    x = torch.rand(1, 3, 3, 16, 16)
    torch.manual_seed(4)
    loss = stage(x, x)
    torch.manual_seed(4)
    images, _ = stage.network.draws(x[0], 3)
    expected = sum((image - x[0]).abs().mean() for image in images) / 3
    assert loss.terms["l1"].item() == pytest.approx(expected.item(), rel=1e-5)
    assert len({image.sum().item() for image in images}) == 3


def test_a_network_of_the_papers_text_starts_from_sinusoids(raw: dict, tmp_path: Path) -> None:
    config = config_of(raw)
    start = build("codeformer", **network(config, "fusion").settings())
    torch.nn.init.normal_(start.position_emb)
    facts = {"network": "codeformer", "settings": {}}
    save_weights(tmp_path / "fusion" / "weights.safetensors", start.state_dict(), facts)
    stage, _ = build_stage(config, "paper_text", tmp_path)
    assert stage.network.position_emb[0].tolist() == [0.0, 1.0] * 8
    assert stage.network.feat_emb.weight.equal(start.feat_emb.weight)
    assert not any(p.requires_grad for p in stage.network.quantize.parameters())


def test_another_training_seed_draws_other_samples_from_the_same_clips(
    raw: dict, clips: Path, tmp_path: Path
) -> None:
    found = []
    for seed in (0, 1):
        raw["train"]["vqgan"]["seed"] = seed
        weights = train_stage(config_of(raw), "vqgan", clips=clips, out=tmp_path / str(seed))
        found.append(load_file(weights))
    assert any(not torch.equal(found[0][name], found[1][name]) for name in found[0])


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
    assert "learning_rate: 0.0" in text


def test_weights_say_what_they_are(raw: dict, clips: Path, tmp_path: Path) -> None:
    facts = read_header(train_stage(config_of(raw), "vqgan", clips=clips, out=tmp_path))
    assert facts["network"] == "vqgan"
    assert facts["train"]["steps"] == 6
    assert facts["seed"] == "demo-0"
