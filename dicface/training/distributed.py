"""Training in several processes: who they are, and which part of a batch each computes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from dicface.base.device import chosen_device
from dicface.base.errors import ConfigError
from dicface.config.networks import share_of
from dicface.config.settings import Config, TrainSettings

if TYPE_CHECKING:
    from lightning.fabric import Fabric


def launch(config: Config, settings: TrainSettings) -> Fabric:
    """Starts or joins the processes of a training.

    One node: this process starts the others, which run the same command. Several nodes, or under
    torchrun and srun with a task a process: all processes are there already.

    Raises:
        ConfigError: There are fewer GPUs than `compute.devices`, or one is named and several are
            asked for.
    """
    from lightning.fabric import Fabric
    from lightning.fabric.plugins.environments import LightningEnvironment, TorchElasticEnvironment
    from lightning.fabric.strategies import DDPStrategy

    compute = config.compute
    device = chosen_device(config.device)
    kind, _, number = device.partition(":")
    if (number or kind == "mps") and compute.devices > 1:
        raise ConfigError(
            f"compute.devices: {compute.devices} GPUs were asked for and device: {device} names "
            "one. Set compute.devices: 1, or device: cuda."
        )
    found = torch.cuda.device_count()
    if kind == "cuda" and found < compute.devices:
        raise ConfigError(
            f"compute.devices: {compute.devices} GPUs were asked for and torch sees {found}. "
            "Ask the scheduler for as many, or set compute.devices to what is there; "
            "train.*.micro_batch keeps memory a GPU the same."
        )
    several = compute.devices * compute.nodes > 1
    # A training of one process has nothing to do with the tasks of a Slurm job around it.
    started = several and (
        TorchElasticEnvironment.detect() or int(os.environ.get("SLURM_NTASKS", 1)) > 1
    )
    fabric = Fabric(
        accelerator=kind,
        devices=[int(number)] if number else compute.devices,
        num_nodes=compute.nodes,
        precision=settings.precision,
        # Stage II leaves the decoder out, so that some parameters get no gradient.
        strategy=DDPStrategy(find_unused_parameters=True) if several else "auto",
        # A job of one task under Slurm is no srun of several, which Lightning takes it for.
        plugins=None if started else LightningEnvironment(),
    )
    fabric.launch()
    return fabric


@dataclass(frozen=True)
class Part:
    """A process's share of a batch, or what it computes of it at once.

    Attributes:
        number: Among all parts of the batch, 0 being the first of the first process.
        samples: Positions in the batch.
        last: Whether the process computes it last.
    """

    number: int
    samples: range
    last: bool

    @property
    def names(self) -> tuple[int, ...]:
        """What seeds dropout and samples beside the step; a batch in one part needs nothing."""
        return (self.number,) if self.number else ()


@dataclass(frozen=True)
class Shares:
    """The parts of every batch that this process computes, in order."""

    parts: tuple[Part, ...]

    @classmethod
    def of(cls, settings: TrainSettings, processes: int, rank: int) -> Shares:
        """Shares a batch among processes, and each share in parts of `micro_batch` samples.

        Part k·P + r is the k-th of process r of P, so that P processes with one part each compute
        what one process computes in P parts.

        Raises:
            ConfigError: The batch cannot be shared evenly.
        """
        share, size = share_of(settings, processes)
        numbers = range(rank, rank + share // size * processes, processes)
        return cls(
            tuple(Part(n, range(n * size, (n + 1) * size), n == numbers[-1]) for n in numbers)
        )
