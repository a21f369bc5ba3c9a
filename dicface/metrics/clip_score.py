"""The scores of one clip, and the file in which they lie until the whole set is scored."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import MetricError
from dicface.base.files import atomic_path
from dicface.base.reading import Array, Own, read_npz
from dicface.metrics.metric import Sides

_SCORES = Own("scores of a clip", "Delete it and score the method again.", error=MetricError)
_COUNTS = ("num_frames", "num_filled", "num_template")


@dataclass(frozen=True, kw_only=True, eq=False)
class ClipScore:
    """Scores of one clip of T frames.

    Attributes:
        values: Metric -> value of each of its frames (`FrameMetric.frames`), NaN where it has none.
        features: Set-level metric -> (W, D) float32 features of the clip's windows.
        landmarks: (T, 68, 2) float32 x and y, px of the 512-px face; NaN where the true frame has
            no face. Empty if no metric looks at landmarks.
        num_frames: T.
        num_filled: How many frames have the box of their neighbours.
        num_template: How many have the box that an aligned face has.
    """

    values: Mapping[str, NDArray[np.float64]]
    features: Mapping[str, Sides]
    landmarks: Sides
    num_frames: int
    num_filled: int
    num_template: int

    def value(self, metric: str) -> float:
        """Mean of a metric over the frames that have a value; NaN where none has one."""
        values = self.values[metric]
        used = values[~np.isnan(values)]
        return float(used.mean()) if len(used) else math.nan

    def save(self, path: Path) -> None:
        """Writes everything into one .npz, atomically."""
        counts = {name: getattr(self, name) for name in _COUNTS}
        arrays = dict(self.values)
        for name, sides in {**self.features, "landmarks": self.landmarks}.items():
            arrays |= {f"{name}.restored": sides.restored, f"{name}.truth": sides.truth}
        with atomic_path(path) as temporary:
            np.savez(temporary, **counts, **arrays)

    @classmethod
    def load(cls, path: Path) -> ClipScore:
        """Reads what `save` wrote."""
        counts = dict.fromkeys(_COUNTS, Array("iu", ()))
        points = Array("f", (None, None, None), nan=True)
        wanted = {"landmarks.restored": points, "landmarks.truth": points}
        arrays = read_npz(path, _SCORES, counts | wanted)

        def sides(name: str) -> Sides:
            return Sides(restored=arrays[f"{name}.restored"], truth=arrays[f"{name}.truth"])

        counts = {name: int(arrays.pop(name)) for name in _COUNTS}
        landmarks = sides("landmarks")
        of_sides = {name.partition(".")[0] for name in arrays if "." in name} - {"landmarks"}
        return cls(
            values={name: found for name, found in arrays.items() if "." not in name},
            features={name: sides(name) for name in sorted(of_sides)},
            landmarks=landmarks,
            **counts,
        )
