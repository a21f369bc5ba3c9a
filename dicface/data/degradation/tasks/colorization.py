"""Face colorization: the grey frame in three channels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dicface.config.settings import Config
from dicface.data.degradation.masks import colorization_input
from dicface.data.degradation.tasks import TaskInput


@dataclass(frozen=True)
class Colorization(TaskInput):
    """The truth without its colours; nothing is drawn."""

    id = "colorization"

    def settings(self) -> dict[str, object]:
        """See `TaskInput`."""
        return {}

    def stream(
        self, truth: Iterable[NDArray[np.uint8]], *seed_names: str | int
    ) -> Iterator[NDArray[np.uint8]]:
        """See `TaskInput`."""
        del seed_names
        yield from map(colorization_input, truth)


def of_run(config: Config) -> Colorization:
    """Returns how a run makes inputs; there is nothing to set."""
    del config
    return Colorization()
