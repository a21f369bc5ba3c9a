"""AKD: average keypoint distance between restored and true face. Card: docs/metrics/akd.md."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dicface.metrics.facts import LANDMARKS, MetricFacts, check_landmarks
from dicface.metrics.metric import SingleFrameMetric
from dicface.metrics.view import FrameView, LandmarkView


def keypoint_distance(restored: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """Mean Euclidean distance between two sets of landmarks of one frame.

    Own definition: the paper leaves AKD's detector, unit and averaging open.

    Args:
        restored: (L, 2) x and y detected on the restored frame, px of a 512-px face.
        truth: (L, 2) x and y detected on the true frame by the same detector, same unit.

    Returns:
        Pixels of a 512-px face; NaN if a coordinate is NaN (no face).

    Raises:
        MetricError: The shapes differ.

    >>> keypoint_distance(np.zeros((68, 2)) + [3, 4], np.zeros((68, 2)))
    5.0
    """
    check_landmarks(restored, truth)
    return float(np.linalg.norm(restored - truth, axis=-1).mean())


class Akd(SingleFrameMetric):
    """AKD of every frame."""

    facts = MetricFacts(
        id="akd",
        name="AKD",
        unit="px",
        higher_is_better=False,
        level="frame",
        digits=3,
        in_noise_floor=True,
    )
    needs = (LANDMARKS,)

    def value(self, view: FrameView | LandmarkView) -> float:
        """Pixels of a 512-px face; NaN where there is no face."""
        return keypoint_distance(view.landmarks, view.true_landmarks)
