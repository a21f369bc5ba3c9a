"""Training: one loop for all stages, on Lightning Fabric.

Batch k is a pure function of the run's name and k, and torch's generator is seeded again for every
step, so that a run killed at any step and started again ends with the same weights, bit for bit on
one machine, as one that was never interrupted. How a batch is shared by processes, and how many
there are, changes sums of gradients by rounding alone.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from dicface.base.errors import TrainingError, WeightsError
from dicface.base.files import sha256_of, write_json
from dicface.base.seeds import seed_of, torch_generator
from dicface.config.networks import Network, network
from dicface.config.settings import Config, TrainSettings
from dicface.data.degradation.tasks import task_input
from dicface.models import build
from dicface.models.checkpoint import save_weights
from dicface.training import losses
from dicface.training.clips import open_clips
from dicface.training.codebook import LivingCodebook, replace_rows
from dicface.training.distributed import Shares, launch
from dicface.training.log import TrainingLog
from dicface.training.samples import TrainingWindows
from dicface.training.stages import Stage, StageLoss, build_stage
from dicface.training.state import CHECKPOINT, Ema, Learner, State
from dicface.training.stopping import Asked, listening
from dicface.weights import registry
from dicface.weights.load import load_into

if TYPE_CHECKING:
    from lightning.fabric import Fabric

logger = logging.getLogger(__name__)

WEIGHTS = "weights.safetensors"

Watch = Callable[[int, float, dict[str, Tensor]], None]
"""Is told steps done, seconds, and the averaged weights, before each checkpoint and at the end."""


def learning_rate(step: int, s: TrainSettings) -> float:
    """Cosine from the first to the final rate; `step` counts from 0 (the release's schedule)."""
    span = (s.learning_rate - s.final_learning_rate) / 2
    return s.final_learning_rate + span * (1 + math.cos(math.pi * step / s.steps))


def train_stage(
    config: Config, name: str, *, clips: Path, out: Path, watch: Watch | None = None
) -> Path:
    """Trains one network and writes `<out>/<name>/weights.safetensors` (the averaged weights).

    With `released` the authors' weights are taken instead, if they fit the network exactly.
    Beside the weights: `settings.json` before the first step, `stats.jsonl` and TensorBoard scalars
    of the same names, `training.json` (steps, samples, seconds), and while it runs a checkpoint.

    Args:
        config: The run.
        name: A stage or a variant of one.
        clips: Folder of aligned training clips, or of the index of a training set; or a packed
            file of single frames.
        out: Folder of all networks.
        watch: Looks at the averaged weights on the way and at the end; it changes nothing.

    Returns:
        The weights file.

    Raises:
        ConfigError: There are fewer GPUs than asked for, or a batch cannot be shared evenly.
        TrainingError: A loss is not finite, the discriminator's included; or SIGINT or SIGTERM
            ended it, after its state was saved.
        WeightsError: Weights to start from are missing or do not fit.
        ClipError: A training clip cannot be read or is too short.
    """
    resolved = network(config, name)
    s = resolved.train
    if s.released:
        return _take_released(config, resolved, Path(out) / name)
    with listening() as asked:
        return _train(config, resolved, clips, Path(out), watch, asked)


def _train(
    config: Config, resolved: Network, clips: Path, out: Path, watch: Watch | None, asked: Asked
) -> Path:
    name, s = resolved.name, resolved.train
    fabric = launch(config, s)
    folder = out / name
    # Seeded by the stage: a variant starts from its parent's numbers and sees its samples.
    torch.manual_seed(seed_of(resolved.seed_name, "init", resolved.stage))
    stage, sources = build_stage(config, name, out)
    origin = {
        **resolved.decides(),
        "network": resolved.kind,
        "seed": resolved.seed_name,
        "inputs": {} if resolved.stage == "vqgan" else task_input(config, resolved.task).settings(),
        "sources": {role: sha256_of(path) for role, path in sources.items()},
    }
    origin = json.loads(json.dumps(origin))
    if fabric.is_global_zero:
        write_json(folder / "settings.json", origin)

    if config.compute.channels_last:
        stage.network.to(memory_format=torch.channels_last)
    learner = Learner(stage.network, s)
    critic = codebook = None
    if s.gan_weight > 0:
        stage.last_layer()  # complains before the first step
        critic = Learner(build("discriminator", **resolved.model.get("discriminator", {})), s)
    if resolved.stage == "vqgan" and (s.codebook_start or s.codebook_revive_every):
        codebook = LivingCodebook(
            *stage.network.quantize.embedding.weight.shape,
            start=s.codebook_start,
            every=s.codebook_revive_every,
            steps=s.steps,
        )
    ema = Ema(stage.network, s.ema_decay)
    state = State(folder, origin, learner, critic, codebook, ema)
    progress = state.resume(s.steps)
    first, seconds = progress.step, progress.seconds
    if config.compute.compile:
        stage.network.compile()
    stage_on_device, optimizer = fabric.setup(stage, learner.optimizer)
    if critic is not None:
        critic.module, critic.optimizer = fabric.setup(critic.module, critic.optimizer)
    ema.tensors = {n: t.to(fabric.device) for n, t in ema.tensors.items()}
    shares = Shares.of(s, fabric.world_size, fabric.global_rank)
    log = TrainingLog(fabric, folder, progress, s, name)
    stage_on_device.train()

    started = time.monotonic()
    data, batches = _batches(config, resolved, clips, first, shares)
    for step, parts in log.steps(batches, first, len(shares.parts)):
        rate = learning_rate(step, s)
        stage.begin(step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        if critic is not None:
            critic.optimizer.zero_grad(set_to_none=True)
        for part, (degraded, truth) in zip(shares.parts, parts, strict=True):
            names = (resolved.seed_name, resolved.stage, "step", step, *part.names)
            torch.manual_seed(seed_of(*names))
            with fabric.no_backward_sync(stage_on_device, enabled=not part.last):
                loss = stage_on_device(degraded.to(fabric.device), truth.to(fabric.device))
                total, terms = loss.total, dict(loss.terms)
                adversarial = critic is not None and loss.image is not None and step >= s.gan_start
                # A critic that knows nothing yet would push as hard as one that does: the term is
                # weighed by gradients.
                if adversarial and step >= s.gan_start + s.gan_lead:
                    terms["gan"] = _generator_term(stage, critic.module, loss, s)
                    total = total + terms["gan"]
                if not torch.isfinite(total):
                    raise _not_finite(terms, state, step, data, s)
                fabric.backward(total / len(shares.parts))
            if adversarial:
                with fabric.no_backward_sync(critic.module, enabled=not part.last):
                    terms["critic"] = _critic_term(critic, loss, s)
                    if not torch.isfinite(terms["critic"]):
                        raise _not_finite(terms, state, step, data, s)
                    fabric.backward(terms["critic"] / len(shares.parts))
            if codebook is not None:
                codebook.observe(loss.latent, loss.indices)
            log.record(terms)
        stage.hold(step)
        optimizer.step()
        if adversarial:
            for group in critic.optimizer.param_groups:
                group["lr"] = rate * s.gan_rate
            critic.optimizer.step()
        ema.update(stage.network)
        if codebook is not None and codebook.moves(step):
            _move_codes(fabric, codebook, step, stage, optimizer, ema, resolved.seed_name)
        log.step_done(step, rate)
        done = step + 1
        is_due = done < s.steps and done % s.save_every == 0
        signal = asked.name(fabric) if done < s.steps else ""
        if (is_due or signal) and fabric.is_global_zero:
            elapsed = seconds + time.monotonic() - started
            # The look comes first: a training that is killed between the two takes it again.
            if is_due and watch is not None:
                watch(done, elapsed, ema.state_dict(stage.network))
            state.save(log.progress(done, elapsed))
        if signal:
            fabric.barrier()
            raise TrainingError(
                f"{name}: {signal} ended it after step {done} of {s.steps}; {state.last_good()}, "
                "and the same command goes on from there."
            )
    seconds += time.monotonic() - started

    if fabric.is_global_zero:
        save_weights(folder / WEIGHTS, ema.state_dict(stage.network), origin)
        if watch is not None:
            watch(s.steps, seconds, ema.state_dict(stage.network))
        summary = _summary(stage, resolved, seconds)
        how = {"processes": fabric.world_size, "data_wait_share": log.wait_share}
        write_json(folder / "training.json", {**summary, **how})
        (folder / CHECKPOINT).unlink(missing_ok=True)
    fabric.barrier()
    return folder / WEIGHTS


def _take_released(config: Config, resolved: Network, folder: Path) -> Path:
    """Writes a released file's tensors as the network's weights, in the suite's own form."""
    name = resolved.train.released
    file = registry.find(name)
    if file is None:
        raise WeightsError(f"network '{resolved.name}': {registry.where_to_get(name)}")
    network = build(resolved.kind, **resolved.settings())
    load_into(network, file, label=f"the network '{resolved.name}'", ignore_others=True)
    origin = {
        "network": resolved.kind,
        "stage": resolved.stage,
        "task": resolved.task,
        "settings": resolved.settings(),
        "seed": config.seed_name,
        "released": {"name": name, "file": file.name, "sha256": sha256_of(file)},
    }
    origin = json.loads(json.dumps(origin))
    write_json(folder / "settings.json", origin)
    write_json(
        folder / "training.json",
        {
            "name": resolved.name,
            "stage": resolved.stage,
            "released": origin["released"],
            "steps": 0,
            "seconds": 0.0,
            "parameters": sum(p.numel() for p in network.parameters()),
        },
    )
    save_weights(folder / WEIGHTS, network.state_dict(), origin)
    return folder / WEIGHTS


def _batches(
    config: Config, resolved: Network, clips: Path, first: int, shares: Shares
) -> tuple[TrainingWindows, Iterator[tuple[Tensor, Tensor]]]:
    """The samples, and this process's parts of every step's batch, in order, from step `first`."""
    s = resolved.train
    order = config.data.train.order
    data = TrainingWindows(
        open_clips(clips, size=resolved.size, window=resolved.frames, order=order, cache=s.cache),
        window=resolved.frames,
        task=None if resolved.stage == "vqgan" else task_input(config, resolved.task),
        seed_names=(resolved.seed_name, resolved.stage),
        num_samples=s.steps * s.batch_size,
        degraded_versions=s.degraded_versions,
        cache=s.cache,
        flip_prob=s.flip_prob,
        reverse_prob=s.reverse_prob,
        colour_jitter=s.colour_jitter,
    )
    batches = [
        [step * s.batch_size + index for index in part.samples]
        for step in range(first, s.steps)
        for part in shares.parts
    ]
    return data, iter(DataLoader(data, batch_sampler=batches, num_workers=s.num_workers))


def _not_finite(
    terms: dict[str, Tensor], state: State, step: int, data: TrainingWindows, s: TrainSettings
) -> TrainingError:
    """Says which loss is not finite, on which clips, and what there is to go on with."""
    advice = "train.learning_rate or train.kl_scale"
    if "critic" in terms:
        advice = "train.gan_rate or train.gan_weight, or raise train.gan_r1"
    samples = range(step * s.batch_size, (step + 1) * s.batch_size)
    values = ", ".join(f"{key} {value.detach().item():.4g}" for key, value in terms.items())
    return TrainingError(
        f"{state.folder.name}, step {step}: the loss is not finite ({values}) in a batch of the "
        f"clips {', '.join(dict.fromkeys(map(data.clip_of, samples)))}. Lower {advice}; "
        f"{state.last_good()}."
    )


def _generator_term(stage: Stage, critic: nn.Module, loss: StageLoss, s: TrainSettings) -> Tensor:
    critic.requires_grad_(False)
    gan = losses.hinge_g(critic(loss.image))
    image_loss = stage.objective.image_loss(loss.terms)
    return s.gan_weight * losses.adaptive_weight(image_loss, gan, stage.last_layer()) * gan


def _critic_term(critic: Learner, loss: StageLoss, s: TrainSettings) -> Tensor:
    critic.module.requires_grad_(True)
    real = loss.target.detach().requires_grad_(s.gan_r1 > 0)
    logits = critic.module(real)
    total = sum(losses.hinge_d(logits, critic.module(loss.image.detach())))
    return total + s.gan_r1 * losses.r1_penalty(logits, real) if s.gan_r1 else total


def _move_codes(
    fabric: Fabric,
    codebook: LivingCodebook,
    step: int,
    stage: Stage,
    optimizer: torch.optim.Optimizer,
    ema: Ema,
    seed_name: str,
) -> None:
    """Moves codes alike in all processes: the first one's outputs and draws decide."""
    weight = stage.network.quantize.embedding.weight
    counts = fabric.all_reduce(codebook.counts.to(fabric.device), reduce_op="sum")
    generator = torch_generator(seed_name, "vqgan", "codes", step)
    codes, moved = codebook.move(step, weight, counts, generator)
    codes, moved = (fabric.broadcast(each.to(fabric.device)) for each in (codes, moved))
    averaged = ema.tensors["quantize.embedding.weight"]
    replace_rows(weight, averaged, optimizer, codes, moved)


def _summary(stage: Stage, resolved: Network, seconds: float) -> dict[str, object]:
    s = resolved.train
    return {
        "name": resolved.name,
        "stage": resolved.stage,
        "starts_from": s.init_from,
        "steps": s.steps,
        "frames_seen": s.steps * s.batch_size * resolved.frames,
        "seconds": round(seconds, 1),
        "threads": torch.get_num_threads(),
        "parameters": sum(p.numel() for p in stage.network.parameters()),
        "parameters_trained": sum(p.numel() for p in stage.network.parameters() if p.requires_grad),
    }
