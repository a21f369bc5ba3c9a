"""The degraded input itself, as a row of its own: what doing nothing scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicface.methods.method import REFERENCE, TASKS, Method, MethodFacts

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(kw_only=True)
class Input(Method):
    """Yields the frames as they are."""

    facts = MethodFacts(
        name="input",
        label="Degraded input",
        look=("#7F7F7F", "x", ":"),
        group=REFERENCE,
        tasks=TASKS,
        size=None,
        aligned=False,
        licence="none needed",
        commercial=True,
        notes=("Frames are passed on unchanged.",),
    )

    def restore(self, frames: Iterable[Tensor], *, clip: str = "") -> Iterator[Tensor]:
        """Yields each frame unchanged; see `Method.restore`."""
        del clip
        yield from frames
