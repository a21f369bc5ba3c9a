"""What a training tells: progress bar, `stats.jsonl` and TensorBoard, all with the same names."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from tqdm import tqdm

from dicface.base.device import float64
from dicface.base.files import atomic_path
from dicface.base.reading import is_there
from dicface.config.settings import TrainSettings
from dicface.runs.files import read_steps
from dicface.training.state import Progress

if TYPE_CHECKING:
    from lightning.fabric import Fabric


class TrainingLog:
    """Means of the loss terms over samples, steps and processes; the first process writes.

    Args:
        fabric: The processes.
        folder: The network's folder.
        progress: Where the training starts or resumes.
        settings: The network's settings.
        name: The network's name.
    """

    def __init__(
        self, fabric: Fabric, folder: Path, progress: Progress, settings: TrainSettings, name: str
    ) -> None:
        self.fabric, self.settings = fabric, settings
        self.path = folder / "stats.jsonl"
        self.board = None
        if fabric.is_global_zero:
            self._open(folder, progress.step)
        self.bar = tqdm(
            total=settings.steps,
            initial=progress.step,
            desc=f"train {name}",
            unit="step",
            disable=not fabric.is_global_zero,
        )
        # Other processes have sums of their own: lines that a resumed one writes first are of the
        # steps since.
        alone = fabric.world_size == 1
        self.sums = dict(progress.sums) if alone else {}
        self.count = progress.count if alone else 0
        self.waited = self.elapsed = 0.0

    @property
    def wait_share(self) -> float:
        """Share of the time that steps waited for data, 0 to 1."""
        return round(self.waited / self.elapsed, 4) if self.elapsed else 0.0

    def steps(
        self, parts: Iterator[tuple[Tensor, Tensor]], first: int, parts_a_step: int = 1
    ) -> Iterator[tuple[int, list[tuple[Tensor, Tensor]]]]:
        """Yields each step with its parts; closes the bar and TensorBoard at the end."""
        try:
            for step in range(first, self.settings.steps):
                started = time.monotonic()
                batch = list(islice(parts, parts_a_step))
                self.waited += time.monotonic() - started
                yield step, batch
                self.elapsed += time.monotonic() - started
        finally:
            self.bar.close()
            if self.board is not None:
                self.board.close()

    def progress(self, step: int, seconds: float) -> Progress:
        """How far it is after `step` steps, which took `seconds`."""
        return Progress(step=step, seconds=seconds, sums=self.sums, count=self.count)

    def record(self, terms: dict[str, Tensor]) -> None:
        """Adds the loss terms of one part of a batch."""
        for key, value in terms.items():
            self.sums[key] = self.sums.get(key, 0.0) + float64(value.detach())
        self.count += 1

    def step_done(self, step: int, rate: float) -> None:
        """Counts a step; every `log_every` steps writes the means since the last line."""
        self.bar.update()
        done = step + 1
        if done % self.settings.log_every and done < self.settings.steps:
            return
        values = torch.stack([torch.as_tensor(value) for value in self.sums.values()])
        values = self.fabric.all_reduce(values / self.count, reduce_op="mean")
        means = dict(zip(self.sums, values.tolist(), strict=True))
        self.sums, self.count = {}, 0
        if self.board is None:
            return
        self.bar.set_postfix({key: f"{value:.3g}" for key, value in means.items()})
        line = {"step": done, "learning_rate": rate, **means}
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        for key, value in line.items():
            self.board.add_scalar(key, value, done)

    def _open(self, folder: Path, first: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        # Lines of steps that a killed run made after its last checkpoint are made again.
        steps = read_steps(self.path) if is_there(self.path) else []
        kept = [step for step in steps if step["step"] <= first]
        with atomic_path(self.path) as temporary:
            temporary.write_text("".join(f"{json.dumps(step)}\n" for step in kept))
        self.board = SummaryWriter(str(folder / "tensorboard"), purge_step=first)
