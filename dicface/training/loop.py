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
from dataclasses import dataclass
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
from dicface.models.checkpoint import load_tensors, read_header, save_weights
from dicface.training import losses
from dicface.training.clips import open_clips
from dicface.training.codebook import LivingCodebook, replace_rows
from dicface.training.distributed import Shares, launch
from dicface.training.log import TrainingLog
from dicface.training.samples import TrainingWindows
from dicface.training.stages import Stage, StageLoss, build_stage
from dicface.weights import registry
from dicface.weights.load import load_into

if TYPE_CHECKING:
    from lightning.fabric import Fabric

logger = logging.getLogger(__name__)

WEIGHTS = "weights.safetensors"
CHECKPOINT = "checkpoint.safetensors"

Watch = Callable[[int, float, dict[str, Tensor]], None]
"""Is told steps done, seconds, and the averaged weights, whenever a checkpoint was written."""


def learning_rate(step: int, s: TrainSettings) -> float:
    """Cosine from the first to the final rate; `step` counts from 0 (the release's schedule)."""
    span = (s.learning_rate - s.final_learning_rate) / 2
    return s.final_learning_rate + span * (1 + math.cos(math.pi * step / s.steps))


class Ema:
    """Exponential moving average of parameters by name, kept beside the network."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.tensors = {name: p.detach().clone() for name, p in network.named_parameters()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Moves the average towards the network's present parameters."""
        for name, parameter in network.named_parameters():
            if parameter.requires_grad:
                self.tensors[name].lerp_(parameter, 1 - self.decay)

    def state_dict(self, network: nn.Module) -> dict[str, Tensor]:
        """Returns the network's state with averaged parameters."""
        return {**network.state_dict(), **self.tensors}


class Learner:
    """A module, its Adam and their names: what a checkpoint holds of one network."""

    def __init__(self, module: nn.Module, s: TrainSettings) -> None:
        self.module = module
        self.parameters = {n: p for n, p in module.named_parameters() if p.requires_grad}
        self.optimizer = torch.optim.Adam(
            self.parameters.values(), lr=s.learning_rate, betas=s.betas
        )

    def tensors(self, prefix: str) -> dict[str, Tensor]:
        """Returns parameters, buffers and Adam's moments by name."""
        state = {f"{prefix}/module/{n}": t for n, t in self.module.state_dict().items()}
        for name, parameter in self.parameters.items():
            for moment, value in self.optimizer.state[parameter].items():
                state[f"{prefix}/adam/{name}/{moment}"] = value
        return state

    def load(self, prefix: str, state: dict[str, Tensor]) -> None:
        """Restores what `tensors` returned."""
        start = f"{prefix}/module/"
        self.module.load_state_dict(
            {n.removeprefix(start): t for n, t in state.items() if n.startswith(start)}
        )
        for name, parameter in self.parameters.items():
            start = f"{prefix}/adam/{name}/"
            moments = {n.removeprefix(start): t for n, t in state.items() if n.startswith(start)}
            for moment, value in moments.items():
                moments[moment] = value if moment == "step" else value.to(parameter.device)
            self.optimizer.state[parameter] = moments


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
        TrainingError: A loss is not finite, the discriminator's included.
        WeightsError: Weights to start from are missing or do not fit.
        ClipError: A training clip cannot be read or is too short.
    """
    resolved = network(config, name)
    s = resolved.train
    if s.released:
        return _take_released(config, resolved, Path(out) / name)
    fabric = launch(config, s)
    folder = Path(out) / name
    # Seeded by the stage: a variant starts from its parent's numbers and sees its samples.
    torch.manual_seed(seed_of(resolved.seed_name, "init", resolved.stage))
    stage, sources = build_stage(config, name, Path(out))
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
    state = _State(folder, origin, learner, critic, codebook, ema)
    first, seconds = state.resume()
    if config.compute.compile:
        stage.network.compile()
    stage_on_device, optimizer = fabric.setup(stage, learner.optimizer)
    if critic is not None:
        critic.module, critic.optimizer = fabric.setup(critic.module, critic.optimizer)
    ema.tensors = {n: t.to(fabric.device) for n, t in ema.tensors.items()}
    shares = Shares.of(s, fabric.world_size, fabric.global_rank)
    log = TrainingLog(fabric, folder, first, s, name)
    stage_on_device.train()

    started = time.monotonic()
    batches = _batches(config, resolved, clips, first, shares)
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
                _require_finite(total, terms, name, step)
                fabric.backward(total / len(shares.parts))
            if adversarial:
                with fabric.no_backward_sync(critic.module, enabled=not part.last):
                    terms["critic"] = _critic_term(critic, loss, s)
                    _require_finite(terms["critic"], terms, name, step)
                    fabric.backward(terms["critic"] / len(shares.parts))
            if codebook is not None:
                codebook.observe(loss.latent, loss.indices)
            log.record(terms)
        optimizer.step()
        if adversarial:
            for group in critic.optimizer.param_groups:
                group["lr"] = rate * s.gan_rate
            critic.optimizer.step()
        ema.update(stage.network)
        if codebook is not None and codebook.moves(step):
            _move_codes(fabric, codebook, step, stage, optimizer, ema, resolved.seed_name)
        log.step_done(step, rate)
        if (step + 1) % s.save_every == 0 and step + 1 < s.steps and fabric.is_global_zero:
            elapsed = seconds + time.monotonic() - started
            state.save(step + 1, elapsed)
            if watch is not None:
                watch(step + 1, elapsed, ema.state_dict(stage.network))
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
) -> Iterator[tuple[Tensor, Tensor]]:
    """This process's parts of every step's batch, in order, from step `first` on."""
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
    return iter(DataLoader(data, batch_sampler=batches, num_workers=s.num_workers))


def _require_finite(total: Tensor, terms: dict[str, Tensor], name: str, step: int) -> None:
    if not torch.isfinite(total):
        advice = "train.learning_rate or train.kl_scale"
        if "critic" in terms:
            advice = "train.gan_rate or train.gan_weight, or raise train.gan_r1"
        raise TrainingError(
            f"{name}, step {step}: the loss is not finite ("
            + ", ".join(f"{key} {value.detach().item():.4g}" for key, value in terms.items())
            + f"). Lower {advice}; the last checkpoint is kept."
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


@dataclass
class _State:
    """What a checkpoint holds, and its file."""

    folder: Path
    origin: dict
    learner: Learner
    critic: Learner | None
    codebook: LivingCodebook | None
    ema: Ema

    def save(self, step: int, seconds: float) -> None:
        """Writes the checkpoint after `step` steps.

        Raises:
            TrainingError: A number is not finite; the checkpoint before stays as it is.
        """
        tensors = self.learner.tensors("network")
        tensors |= {f"ema/{n}": t for n, t in self.ema.tensors.items()}
        if self.critic is not None:
            tensors |= self.critic.tensors("critic")
        if self.codebook is not None:
            tensors |= self.codebook.tensors()
        spoilt = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
        if spoilt:
            raise TrainingError(
                f"{self.folder.name}, step {step}: {len(spoilt)} tensors are not finite "
                f"({', '.join(spoilt[:3])}). Lower the learning rate of what they belong to; "
                f"{self.folder / CHECKPOINT} holds the last good state."
            )
        facts = {"origin": self.origin, "step": step, "seconds": seconds}
        save_weights(self.folder / CHECKPOINT, tensors, facts)

    def resume(self) -> tuple[int, float]:
        """Loads the checkpoint, if there is one of these settings; returns steps and seconds."""
        path = self.folder / CHECKPOINT
        if not path.is_file():
            return 0, 0.0
        try:
            facts, tensors = read_header(path), load_tensors(path)
        except WeightsError as error:
            raise TrainingError(
                f"{error} Or delete it to train the stage from its start."
            ) from error
        if facts["origin"] != self.origin:
            logger.warning("%s was made with other settings: training from the start.", path)
            return 0, 0.0
        self.learner.load("network", tensors)
        if self.critic is not None:
            self.critic.load("critic", tensors)
        if self.codebook is not None:
            self.codebook.load(tensors)
        self.ema.tensors = {name: tensors[f"ema/{name}"] for name in self.ema.tensors}
        logger.info("going on at step %d of %s", facts["step"], self.folder.name)
        return facts["step"], facts["seconds"]


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
