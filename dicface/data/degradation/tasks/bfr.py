"""Blind face restoration: blur, reduction, noise and H.264."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dicface.config.degradation import BlindDegradation
from dicface.config.settings import Config
from dicface.data.degradation.degrade import (
    degraded_frames,
    draw_degradation,
    low_resolution_frames,
)
from dicface.data.degradation.kernels import upsample
from dicface.data.degradation.tasks import Drawn, TaskInput
from dicface.runs.results import LOW_RESOLUTION
from dicface.video.clips import frame_rate, read_frames, write_clip


@dataclass(frozen=True)
class BlindRestoration(TaskInput):
    """Blind restoration's input; one degradation is drawn for each clip."""

    id = "bfr"
    beside = LOW_RESOLUTION

    degradation: BlindDegradation

    def settings(self) -> dict[str, object]:
        """See `TaskInput`."""
        return dataclasses.asdict(self.degradation)

    def stream(
        self, truth: Iterable[NDArray[np.uint8]], *seed_names: str | int
    ) -> Iterator[NDArray[np.uint8]]:
        """See `TaskInput`; errors as `low_resolution_frames`."""
        drawn = draw_degradation(self.degradation, *seed_names)
        yield from degraded_frames(truth, self.degradation, drawn)

    def degrade_file(self, source: Path, destination: Path, *seed_names: str | int) -> Drawn:
        """See `TaskInput`; the codec's own frames lie beside it, and the input is made of them."""
        drawn, rate = draw_degradation(self.degradation, *seed_names), frame_rate(source)
        beside = destination.parent / self.beside / destination.name
        truth = read_frames(source, one_size=True)
        first = next(truth)
        frames = itertools.chain([first], truth)
        write_clip(beside, low_resolution_frames(frames, self.degradation, drawn), rate)
        height, width = first.shape[:2]
        small = read_frames(beside)
        enlarged = (upsample(frame, height, width, drawn.interpolation) for frame in small)
        write_clip(destination, enlarged, rate)
        return drawn.record()

    def drawn(self, height: int, width: int, *seed_names: str | int) -> Drawn:
        """See `TaskInput`."""
        del height, width
        return draw_degradation(self.degradation, *seed_names).record()


def of_run(config: Config) -> BlindRestoration:
    """Returns how a run makes inputs, by its section `degradation`."""
    return BlindRestoration(config.degradation)
