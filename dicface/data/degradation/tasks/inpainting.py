"""Face inpainting: one brush mask a clip, painted white."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dicface.config.degradation import BrushMask
from dicface.config.settings import Config
from dicface.data.degradation.masks import brush_mask, inpainting_input, mask_rng
from dicface.data.degradation.tasks import Drawn, TaskInput


@dataclass(frozen=True)
class Inpainting(TaskInput):
    """The truth with one mask for all its frames; the mask is the input's pure white."""

    id = "inpainting"

    brush: BrushMask

    def settings(self) -> dict[str, object]:
        """See `TaskInput`."""
        return dataclasses.asdict(self.brush)

    def stream(
        self, truth: Iterable[NDArray[np.uint8]], *seed_names: str | int
    ) -> Iterator[NDArray[np.uint8]]:
        """See `TaskInput`."""
        mask = None
        for frame in truth:
            mask = self.mask(*frame.shape[:2], *seed_names) if mask is None else mask
            yield inpainting_input(frame, mask)

    def drawn(self, height: int, width: int, *seed_names: str | int) -> Drawn:
        """See `TaskInput`."""
        mask = self.mask(height, width, *seed_names)
        return {"seed_names": "|".join(map(str, seed_names)), "masked_share": float(mask.mean())}

    def mask(self, height: int, width: int, *seed_names: str | int) -> NDArray[np.bool_]:
        """Returns the mask of a clip, (H, W), True where painted."""
        return brush_mask(mask_rng(*seed_names), height, width, self.brush)


def of_run(config: Config) -> Inpainting:
    """Returns how a run makes inputs, by its section `brush`."""
    return Inpainting(config.brush)
