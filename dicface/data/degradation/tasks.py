"""The three tasks: how each makes a method's input from the truth.

bfr           blind restoration: blur, reduction, noise, H.264
inpainting    one brush mask a clip, painted white
colorization  the grey frame in three channels
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dicface.config.mapping import from_mapping
from dicface.config.settings import Config
from dicface.data.degradation.degrade import BlindDegradation, degrade_clip
from dicface.data.degradation.masks import (
    BrushMask,
    brush_mask,
    colorization_input,
    inpainting_input,
    mask_rng,
)
from dicface.data.degradation.sets import degrade_file
from dicface.video.clips import frame_rate, probe, read_frames, write_clip


class TaskInput(Protocol):
    """Makes inputs of one task; everything drawn follows from the names given."""

    def settings(self) -> dict[str, object]:
        """Every setting by name, for records."""

    def degrade(self, truth: NDArray[np.uint8], *seed_names: str | int) -> NDArray[np.uint8]:
        """Makes the input of a window in memory: (T, S, S, 3) uint8 RGB, both."""

    def degrade_file(
        self, source: Path, destination: Path, *seed_names: str | int
    ) -> dict[str, str | int | float]:
        """Makes the input of a clip file, frame by frame, and returns what was drawn."""


@dataclass(frozen=True)
class BlindRestoration:
    """Blind restoration's input; errors as `degrade_clip`."""

    degradation: BlindDegradation

    def settings(self) -> dict[str, object]:
        """See `TaskInput`."""
        return dataclasses.asdict(self.degradation)

    def degrade(self, truth: NDArray[np.uint8], *seed_names: str | int) -> NDArray[np.uint8]:
        """See `TaskInput`."""
        return degrade_clip(truth, self.degradation, *seed_names).frames

    def degrade_file(
        self, source: Path, destination: Path, *seed_names: str | int
    ) -> dict[str, str | int | float]:
        """See `TaskInput`."""
        return degrade_file(source, destination, self.degradation, *seed_names).record()


@dataclass(frozen=True)
class Inpainting:
    """The truth with one mask for all its frames; the mask is the input's pure white."""

    brush: BrushMask

    def settings(self) -> dict[str, object]:
        """See `TaskInput`."""
        return dataclasses.asdict(self.brush)

    def mask(self, height: int, width: int, *seed_names: str | int) -> NDArray[np.bool_]:
        """The mask of a clip, (H, W), True where painted."""
        return brush_mask(mask_rng(*seed_names), height, width, self.brush)

    def degrade(self, truth: NDArray[np.uint8], *seed_names: str | int) -> NDArray[np.uint8]:
        """See `TaskInput`."""
        return inpainting_input(truth, self.mask(*truth.shape[1:3], *seed_names))

    def degrade_file(
        self, source: Path, destination: Path, *seed_names: str | int
    ) -> dict[str, str | int | float]:
        """See `TaskInput`."""
        info = probe(source)
        mask = self.mask(info.height, info.width, *seed_names)
        frames = (inpainting_input(frame, mask) for frame in read_frames(source))
        write_clip(destination, frames, frame_rate(source))
        return {"seed_names": "|".join(map(str, seed_names)), "masked_share": float(mask.mean())}


@dataclass(frozen=True)
class Colorization:
    """The truth without its colours; nothing is drawn."""

    def settings(self) -> dict[str, object]:
        """See `TaskInput`."""
        return {}

    def degrade(self, truth: NDArray[np.uint8], *seed_names: str | int) -> NDArray[np.uint8]:
        """See `TaskInput`."""
        del seed_names
        return np.stack([colorization_input(frame) for frame in truth])

    def degrade_file(
        self, source: Path, destination: Path, *seed_names: str | int
    ) -> dict[str, str | int | float]:
        """See `TaskInput`."""
        del seed_names
        frames = (colorization_input(frame) for frame in read_frames(source))
        write_clip(destination, frames, frame_rate(source))
        return {}


def task_input(config: Config, task: str) -> TaskInput:
    """Returns how a task's inputs are made in a run.

    Args:
        config: The run.
        task: One of `dicface.config.settings.TASKS`.

    Raises:
        ConfigError: A setting of the degradation or of the brush is unknown or out of range.
    """
    if task == "inpainting":
        return Inpainting(from_mapping(BrushMask, config.brush, "configuration: brush"))
    if task == "colorization":
        return Colorization()
    settings = from_mapping(BlindDegradation, config.degradation, "configuration: degradation")
    return BlindRestoration(settings)
