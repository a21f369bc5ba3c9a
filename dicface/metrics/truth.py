"""What is known of a true clip before any restored one is looked at.

Shapes: T frames, W windows, D features.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import MetricError
from dicface.base.files import atomic_path
from dicface.base.reading import Array, Own, read_npz
from dicface.faces.dlib_models import Box
from dicface.metrics.tracks import FILLED, MISSING, TEMPLATE

_ANALYSIS = Own(
    "the analysis of a true clip", "Delete it and analyse the true clips again.", error=MetricError
)
_ARRAYS = {
    "size": Array("iu", ()),
    "source": Array("iu", (None,)),
    "boxes": Array("iuf", (None, 4), nan=True),
    "landmarks": Array("iuf", (None, 68, 2), nan=True),
    "embeddings": Array("iuf", (None, None), nan=True),
    "features": Array("f", (None, None)),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class TruthAnalysis:
    """One true clip, as the face and video metrics need it.

    Attributes:
        size: Side S of the frames, px.
        source: (T,) where each box comes from: MISSING, DETECTED, FILLED or
            TEMPLATE.
        boxes: (T, 4) left, top, right, bottom, px of the 512-px face; NaN where there is no face.
        landmarks: (T, 68, 2) x and y, px of the 512-px face; NaN where there is no face.
        embeddings: (T, D) identity; NaN where there is no face or the frame is not looked at.
        features: (W, D) video features of the windows.
    """

    size: int
    source: NDArray[np.uint8]
    boxes: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    embeddings: NDArray[np.float64]
    features: NDArray[np.float32]

    @property
    def num_frames(self) -> int:
        """T."""
        return len(self.source)

    @property
    def num_missing(self) -> int:
        """How many frames have no face."""
        return int((self.source == MISSING).sum())

    @property
    def num_filled(self) -> int:
        """How many frames have the box of their neighbours."""
        return int((self.source == FILLED).sum())

    @property
    def num_template(self) -> int:
        """How many frames have the box that an aligned face has."""
        return int((self.source == TEMPLATE).sum())

    @cached_property
    def steady_box(self) -> Box | None:
        """The clip's middle box, px of the 512-px face; None where it has none."""
        found = self.boxes[self.source != MISSING]
        return Box(*np.median(found, axis=0).tolist()) if len(found) else None

    def box(self, frame: int) -> Box | None:
        """Box of a frame, px of the 512-px face; None where there is no face."""
        return None if self.source[frame] == MISSING else Box(*self.boxes[frame].tolist())

    def save(self, path: Path) -> None:
        """Writes everything into one .npz, atomically."""
        with atomic_path(path) as temporary:
            np.savez(temporary, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: Path) -> TruthAnalysis:
        """Reads what `save` wrote."""
        arrays = read_npz(path, _ANALYSIS, _ARRAYS)
        return cls(**{name: arrays[name] for name in _ARRAYS} | {"size": int(arrays["size"])})
