"""PSNR: peak signal-to-noise ratio of RGB frames. Card: docs/metrics/psnr.md."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dicface.metrics.facts import MetricFacts, check_frames
from dicface.metrics.metric import SingleFrameMetric
from dicface.metrics.view import FrameView

MAX_DB = 100.0
"""Value of identical frames, and the largest value of any."""


def psnr(restored: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """PSNR of one frame over all pixels of R, G and B, no crop: 10 log10(255² / MSE).

    Args:
        restored: (H, W, 3) uint8 RGB.
        truth: (H, W, 3) uint8 RGB.

    Returns:
        Decibels, at most `MAX_DB`, which is also what identical frames get (their ratio is
        infinite, and one such frame would make the mean of its clip infinite).

    Raises:
        MetricError: The frames are not uint8 RGB or differ in size.

    >>> black = np.zeros((8, 8, 3), np.uint8)
    >>> round(psnr(black + np.uint8(255), black), 3), psnr(black, black)
    (0.0, 100.0)
    """
    check_frames(restored, truth)
    squared_error = np.square(restored.astype(np.float64) - truth).mean()
    if squared_error == 0:
        return MAX_DB
    return min(10 * math.log10(255**2 / squared_error), MAX_DB)


class Psnr(SingleFrameMetric):
    """PSNR of every frame."""

    facts = MetricFacts(
        id="psnr",
        name="PSNR",
        unit="dB",
        higher_is_better=True,
        level="frame",
        digits=3,
        in_noise_floor=True,
    )

    def value(self, view: FrameView) -> float:
        """Decibels."""
        return psnr(view.restored, view.truth)
