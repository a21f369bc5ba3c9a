"""Face inpainting: one brush mask a clip, or the user's masks, painted white."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dicface.config.degradation import BrushMask
from dicface.config.settings import Config
from dicface.data.degradation.masks import brush_mask, inpainting_input, mask_rng
from dicface.data.degradation.tasks import Drawn, TaskInput
from dicface.video.clips import frame_rate, read_frames, write_clip
from dicface.video.masks import FOLDER as MASKS
from dicface.video.masks import as_picture, find_mask, read_masks, with_masks


@dataclass(frozen=True)
class Inpainting(TaskInput):
    """The truth under a mask, which is the input's pure white, and lies beside it.

    Attributes:
        brush: How masks are drawn, one for all frames of a clip.
        masks: Folder of the user's masks, which are taken in their place; "" for none.
    """

    id = "inpainting"
    beside = MASKS

    brush: BrushMask
    masks: str = ""

    def settings(self) -> dict[str, object]:
        """See `TaskInput`."""
        return {"masks": self.masks} if self.masks else dataclasses.asdict(self.brush)

    def reads(self, clip: str) -> list[Path]:
        """The user's mask of a clip (errors as `find_mask`)."""
        return [find_mask(self.masks, clip)] if self.masks else []

    def degrade_file(self, source: Path, destination: Path, *seed_names: str | int) -> Drawn:
        """See `TaskInput`; the mask lies beside it, one frame or as many as the clip has.

        Raises:
            ClipError: The user's mask is missing, or has another size or length than the clip.
        """
        beside, rate = destination.parent / self.beside / destination.name, frame_rate(source)
        frames = read_frames(source, one_size=True)
        first = next(frames)
        given = self.reads(destination.stem)
        drawn = [self.mask(*first.shape[:2], *seed_names)]
        masks = map(as_picture, read_masks(given[0]) if given else drawn)
        write_clip(beside, masks, rate)
        both = with_masks(
            given[0] if given else beside, itertools.chain([first], frames), destination.stem
        )
        write_clip(destination, (inpainting_input(frame, mask) for frame, mask in both), rate)
        share = float(np.mean([mask.mean() for mask in read_masks(beside)]))
        return {"seed_names": "|".join(map(str, seed_names)), "masked_share": share}

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
    """Returns how a run makes inputs: by its section `brush`, or by the user's masks."""
    return Inpainting(config.brush, config.masks)
