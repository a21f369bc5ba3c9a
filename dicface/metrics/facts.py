"""What every metric says about itself, how its inputs are checked, and means over frames."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import MetricError

FACE_SIZE = 512
"""Pixel-valued metrics are in px of a face frame of this side, whatever the clip's own size."""


@dataclass(frozen=True, kw_only=True)
class MetricFacts:
    """One metric, as data: tables take their arrows, units and digits from here.

    Attributes:
        id: Short name in files and on the command line.
        name: Name in column headers.
        unit: Unit of the value; empty for a pure number.
        higher_is_better: Direction.
        level: "frame": one value a frame, averaged over the clip, then over clips; "clip": needs
            neighbouring frames, averaged over clips; "set": one value for all clips together.
        digits: Digits after the point in tables.
        needs: Backbones it is computed with, fields of `Backbones`; empty for pixels alone.
    """

    id: str
    name: str
    unit: str
    higher_is_better: bool
    level: Literal["frame", "clip", "set"]
    digits: int
    needs: tuple[str, ...] = ()


class FrameMean:
    """Collects one value a frame; NaN stands for a frame that has none and is counted."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def update(self, value: float) -> None:
        """Adds the value of the next frame; NaN where it has none."""
        self.values.append(float(value))

    @property
    def num_frames(self) -> int:
        """How many frames have a value."""
        return len(self.values) - self.num_missing

    @property
    def num_missing(self) -> int:
        """How many frames have none."""
        return sum(math.isnan(value) for value in self.values)

    @property
    def mean(self) -> float:
        """Mean over the frames that have a value; NaN when none has."""
        return float(np.nanmean(self.values)) if self.num_frames else math.nan


def check_frames(restored: NDArray[np.uint8], truth: NDArray[np.uint8]) -> None:
    """Raises MetricError unless both are uint8 RGB images (H, W, 3) of one size."""
    for name, frame in (("restored", restored), ("truth", truth)):
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise MetricError(
                f"{name} frame: found {frame.dtype} of shape {frame.shape}, expected uint8 "
                "(H, W, 3) RGB in 0..255; convert it before scoring."
            )
    if restored.shape != truth.shape:
        raise MetricError(
            f"restored frame is {restored.shape[1]}×{restored.shape[0]} px, its truth "
            f"{truth.shape[1]}×{truth.shape[0]} px; restore at the size of the truth."
        )


def check_landmarks(restored: NDArray[np.floating], truth: NDArray[np.floating]) -> None:
    """Raises MetricError unless both are arrays (..., points, 2) of one shape."""
    if restored.shape != truth.shape or restored.ndim < 2 or restored.shape[-1] != 2:
        raise MetricError(
            f"landmarks: found shapes {restored.shape} (restored) and {truth.shape} (truth), "
            "expected the same shape ending in (points, 2)."
        )
