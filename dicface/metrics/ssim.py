"""SSIM: structural similarity of RGB frames. Card: docs/metrics/ssim.md."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import MetricError
from dicface.metrics.facts import MetricFacts, check_frames
from dicface.metrics.metric import SingleFrameMetric
from dicface.metrics.view import FrameView

WINDOW = 11
SIGMA = 1.5
C1 = (0.01 * 255) ** 2
C2 = (0.03 * 255) ** 2


def ssim(restored: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """SSIM of one frame (Wang et al., IEEE TIP 2004), mean over R, G and B.

    Gaussian window 11×11, σ = 1.5, K1 = 0.01, K2 = 0.03, data range 255, population variances,
    and only positions where the whole window lies inside the frame ("valid").

    Args:
        restored: (H, W, 3) uint8 RGB, H and W at least 11.
        truth: (H, W, 3) uint8 RGB.

    Returns:
        A number in [-1, 1]; 1 for identical frames.

    Raises:
        MetricError: The frames are not uint8 RGB, differ in size or are smaller than the window.
    """
    check_frames(restored, truth)
    if min(truth.shape[:2]) < WINDOW:
        raise MetricError(
            f"frames are {truth.shape[1]}×{truth.shape[0]} px; SSIM's window needs at least "
            f"{WINDOW}×{WINDOW}. Score larger frames."
        )
    x, y = restored.astype(np.float64), truth.astype(np.float64)
    mean_x, mean_y = _smooth(x), _smooth(y)
    variance_x = _smooth(x * x) - mean_x**2
    variance_y = _smooth(y * y) - mean_y**2
    covariance = _smooth(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    structure = (2 * covariance + C2) / (variance_x + variance_y + C2)
    return float((luminance * structure).mean())


def _smooth(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gaussian mean around each pixel, cut to the positions with a whole window."""
    kernel = cv2.getGaussianKernel(WINDOW, SIGMA, cv2.CV_64F)
    border = WINDOW // 2
    return cv2.sepFilter2D(image, cv2.CV_64F, kernel, kernel)[border:-border, border:-border]


class Ssim(SingleFrameMetric):
    """SSIM of every frame."""

    facts = MetricFacts(
        id="ssim", name="SSIM", unit="", higher_is_better=True, level="frame", digits=3
    )

    def value(self, view: FrameView) -> float:
        """A number in [-1, 1]."""
        return ssim(view.restored, view.truth)
