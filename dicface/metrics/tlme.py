"""TLME: temporal landmark motion error. Card: docs/metrics/tlme.md."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dicface.metrics.facts import FrameMean, MetricFacts, check_landmarks

FACTS = MetricFacts(
    id="tlme",
    name="TLME",
    unit="px",
    higher_is_better=False,
    level="clip",
    digits=3,
    needs=("landmarks",),
)


def landmark_motion_error(
    restored: NDArray[np.floating], truth: NDArray[np.floating]
) -> NDArray[np.float64]:
    """How far landmarks of the restored clip move otherwise than those of the truth.

    Own definition (none is published): for t ≥ 1 the mean over landmarks of
    ‖(p_t − p_{t−1}) − (g_t − g_{t−1})‖₂, p restored, g truth.

    Args:
        restored: (T, L, 2) x and y on the restored frames, px of a 512-px face.
        truth: (T, L, 2) x and y on the true frames by the same detector, same unit.

    Returns:
        (T − 1,) float64, px of a 512-px face a frame: the values of frames 1 to T − 1; NaN where
        a frame or the one before it has no landmarks. A constant offset of a clip costs nothing.

    Raises:
        MetricError: The shapes differ.

    >>> still = np.zeros((3, 68, 2))
    >>> landmark_motion_error(still + [3, 4], still)
    array([0., 0.])
    """
    check_landmarks(restored, truth)
    difference = np.diff(restored - truth, axis=0)
    return np.linalg.norm(difference, axis=-1).mean(axis=-1)


class MotionError(FrameMean):
    """The same, one frame at a time; frame 0 has no value and is not counted as missing."""

    def __init__(self) -> None:
        super().__init__()
        self._previous: NDArray[np.floating] | None = None
        self._num_seen = 0

    def update_landmarks(
        self, restored: NDArray[np.floating] | None, truth: NDArray[np.floating] | None
    ) -> None:
        """Adds the next frame's landmarks, (L, 2) each, or None where it has no face."""
        offset = None
        if restored is not None and truth is not None:
            check_landmarks(restored, truth)
            offset = restored - truth
        if self._num_seen:
            known = offset is not None and self._previous is not None
            self.update(
                np.linalg.norm(offset - self._previous, axis=-1).mean() if known else math.nan
            )
        self._previous = offset
        self._num_seen += 1
