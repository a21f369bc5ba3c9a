"""Each pixel is the median of itself in the frames around: noise that flickers disappears."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING

from dicface.base.errors import MethodError
from dicface.methods import Method, MethodFacts

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(kw_only=True)
class TemporalMedian(Method):
    """Median over a window of frames; the clip's first and last frame are repeated.

    Attributes:
        reach: Number of frames before, and after, the restored one. The facts state the window of
            the default.
    """

    facts = MethodFacts(
        name="temporal_median",
        label="Temporal median",
        window=3,
        size=None,
        aligned=False,
        licence="Apache-2.0",
        commercial=True,
        notes=("Needs no weights.",),
    )

    reach: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reach < 1:
            raise MethodError(f"Temporal median: reach is {self.reach}; expected 1 or more frames.")

    def restore(self, frames: Iterable[Tensor], *, clip: str = "") -> Iterator[Tensor]:
        """Slides a window over the clip, of which no more than the window is in memory."""
        import torch

        window: deque[Tensor] = deque(maxlen=2 * self.reach + 1)
        for frame in self._padded(frames):
            window.append(frame)
            if len(window) == window.maxlen:
                yield torch.stack(tuple(window)).median(0).values

    def _padded(self, frames: Iterable[Tensor]) -> Iterator[Tensor]:
        frame = None
        for index, frame in enumerate(frames):
            if index == 0:
                yield from repeat(frame, self.reach)
            yield frame
        if frame is not None:
            yield from repeat(frame, self.reach)
