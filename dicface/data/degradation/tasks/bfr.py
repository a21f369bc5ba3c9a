"""Blind face restoration: blur, reduction, noise and H.264."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dicface.config.degradation import BlindDegradation
from dicface.config.settings import Config
from dicface.data.degradation.degrade import degraded_frames, draw_degradation
from dicface.data.degradation.tasks import Drawn, TaskInput


@dataclass(frozen=True)
class BlindRestoration(TaskInput):
    """Blind restoration's input; one degradation is drawn for each clip."""

    id = "bfr"

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

    def drawn(self, height: int, width: int, *seed_names: str | int) -> Drawn:
        """See `TaskInput`."""
        del height, width
        return draw_degradation(self.degradation, *seed_names).record()


def of_run(config: Config) -> BlindRestoration:
    """Returns how a run makes inputs, by its section `degradation`."""
    return BlindRestoration(config.degradation)
