"""What a training knows, networks, optimisers and averages, and the checkpoint that holds it."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NotRequired

import torch
from torch import Tensor, nn
from typing_extensions import TypedDict

from dicface.base.errors import DicfaceError, TrainingError
from dicface.base.reading import Own, checked, is_there
from dicface.config.settings import TrainSettings
from dicface.models.checkpoint import load_tensors, read_header, save_weights
from dicface.training.codebook import LivingCodebook

logger = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.safetensors"

_CHECKPOINT = Own(
    "a checkpoint of a training", "Delete it to train the stage from its start.", "", TrainingError
)


class _Facts(TypedDict):
    origin: dict[str, Any]
    step: int
    seconds: float
    terms: NotRequired[list[str]]
    count: NotRequired[int]
    sha256: NotRequired[str]


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


@dataclass(kw_only=True)
class Progress:
    """How far a training has come.

    Attributes:
        step: Steps done.
        seconds: They took.
        sums: Loss term -> its sum since the last line of `stats.jsonl`.
        count: Parts of batches in the sums.
    """

    step: int = 0
    seconds: float = 0.0
    sums: dict[str, Tensor] = field(default_factory=dict)
    count: int = 0


@dataclass
class State:
    """What a checkpoint holds, and its file."""

    folder: Path
    origin: dict
    learner: Learner
    critic: Learner | None
    codebook: LivingCodebook | None
    ema: Ema

    @property
    def path(self) -> Path:
        """The checkpoint."""
        return self.folder / CHECKPOINT

    def last_good(self) -> str:
        """Where a training that failed goes on, in words."""
        if self.path.is_file():
            return f"{self.path} holds the last good state"
        return f"{self.path} was not written yet, so that the stage begins from its start"

    def save(self, progress: Progress) -> None:
        """Writes the checkpoint.

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
                f"{self.folder.name}, step {progress.step}: {len(spoilt)} tensors are not finite "
                f"({', '.join(spoilt[:3])}). Lower the learning rate of what they belong to; "
                f"{self.last_good()}."
            )
        tensors |= {f"sums/{n}": torch.as_tensor(value) for n, value in progress.sums.items()}
        facts = {"origin": self.origin, "step": progress.step, "seconds": progress.seconds}
        # In their order, which a line of `stats.jsonl` has too; a file of tensors has its own.
        facts |= {"terms": list(progress.sums), "count": progress.count}
        facts |= {"sha256": _digest(tensors)}
        save_weights(self.path, tensors, facts)

    def resume(self, steps: int) -> Progress:
        """Loads the checkpoint, if there is one of these settings.

        Args:
            steps: Of the whole training.

        Raises:
            TrainingError: It is damaged.
        """
        if not is_there(self.path):
            return Progress()
        try:
            facts, tensors = read_header(self.path), load_tensors(self.path)
        except DicfaceError as error:
            raise TrainingError(
                f"{error} Or delete it to train the stage from its start."
            ) from error
        if isinstance(facts, dict) and facts.get("origin") != self.origin:
            logger.warning("%s was made with other settings: training from the start.", self.path)
            return Progress()
        checked(self.path, _CHECKPOINT, _Facts, facts)
        if not 0 < facts["step"] < steps:
            _CHECKPOINT.refuse(self.path, f"is of step {facts['step']}", f"one of 1 to {steps - 1}")
        # Checkpoints of versions before 0.2 have no digest.
        if facts.get("sha256", digest := _digest(tensors)) != digest:
            _CHECKPOINT.refuse(self.path, "holds other numbers than were written")
        self.learner.load("network", tensors)
        if self.critic is not None:
            self.critic.load("critic", tensors)
        if self.codebook is not None:
            self.codebook.load(tensors)
        self.ema.tensors = {name: tensors[f"ema/{name}"] for name in self.ema.tensors}
        logger.info("going on at step %d of %s", facts["step"], self.folder.name)
        sums = {name: tensors[f"sums/{name}"] for name in facts.get("terms", ())}
        return Progress(
            step=facts["step"], seconds=facts["seconds"], sums=sums, count=facts.get("count", 0)
        )


def _digest(tensors: dict[str, Tensor]) -> str:
    """The sha256 of names and numbers; safetensors has no checksum of its own."""
    sha256 = hashlib.sha256()
    for name in sorted(tensors):
        flat = tensors[name].detach().cpu().contiguous().flatten()
        sha256.update(name.encode())
        sha256.update(flat.view(torch.uint8).numpy())
    return sha256.hexdigest()
