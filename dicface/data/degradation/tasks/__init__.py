"""The tasks: how each makes a method's input from the truth, one file a task.

A task is listed in `dicface.base.names.TASKS`. The module here that is named by its id makes its
inputs, by a function `of_run(config)` that returns a `TaskInput` (docs/add-a-task.md).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import ConfigError
from dicface.base.names import TASKS
from dicface.video.clips import frame_rate, read_frames, write_clip

if TYPE_CHECKING:
    from dicface.config.settings import Config


Drawn = dict[str, str | int | float]
"""What was drawn for a clip, by name: a row of `degradation.parquet`."""


class TaskInput(ABC):
    """Makes inputs of one task; everything drawn follows from the names given.

    Attributes:
        id: The task's key in `dicface.base.names.TASKS`.
        beside: Folder, in that of the inputs, of what else `degrade_file` writes for each, as
            `<clip>.mkv`; "" for nothing.
    """

    id: ClassVar[str]
    beside: ClassVar[str] = ""

    @abstractmethod
    def settings(self) -> dict[str, object]:
        """Returns every setting that decides the inputs, by name, values of JSON."""

    @abstractmethod
    def stream(
        self, truth: Iterable[NDArray[np.uint8]], *seed_names: str | int
    ) -> Iterator[NDArray[np.uint8]]:
        """Makes the input of a clip frame by frame, in bounded memory.

        Args:
            truth: (H, W, 3) uint8 RGB, all of one size.
            *seed_names: Names that seed every draw.

        Yields:
            (H, W, 3) uint8 RGB, one for each true frame.
        """

    def drawn(self, height: int, width: int, *seed_names: str | int) -> Drawn:
        """Returns what is drawn for a clip of that size in px, as a flat row for records."""
        del height, width, seed_names
        return {}

    def reads(self, clip: str) -> list[Path]:
        """Returns files of the user that the input of a clip is made from, beside its truth."""
        del clip
        return []

    def degrade(self, truth: NDArray[np.uint8], *seed_names: str | int) -> NDArray[np.uint8]:
        """Makes the input of a window in memory: (T, S, S, 3) uint8 RGB, both."""
        return np.stack(list(self.stream(truth, *seed_names)))

    def degrade_file(self, source: Path, destination: Path, *seed_names: str | int) -> Drawn:
        """Makes the input of a clip, frame by frame.

        Args:
            source: The true clip.
            destination: The `.mkv` to write, of the same size and frame rate.
            *seed_names: Names that seed every draw.

        Returns:
            What was drawn.

        Raises:
            ClipError: The source cannot be read, or its frames differ in size.
            ConfigError: Its frames do not fit the settings.
            DicfaceError: The disk is full.
        """
        frames = self.stream(read_frames(source, one_size=True), *seed_names)
        info = write_clip(destination, frames, frame_rate(source))
        return self.drawn(info.height, info.width, *seed_names)


def task_input(config: Config, task: str) -> TaskInput:
    """Returns how a task's inputs are made in a run.

    Args:
        config: The run.
        task: A key of `dicface.base.names.TASKS`.

    Raises:
        ConfigError: There is no such task, or one of its settings is unknown or out of range.
    """
    if task not in TASKS:
        raise ConfigError(f"task: found '{task}', expected one of {', '.join(TASKS)}.")
    return import_module(f"{__name__}.{task}").of_run(config)
