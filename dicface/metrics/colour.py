"""Colour difference and chroma error of colorized frames. Card: docs/metrics/colour.md."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dicface.metrics.facts import MetricFacts, check_frames
from dicface.metrics.metric import SingleFrameMetric
from dicface.metrics.view import FrameView


def to_lab(frame: NDArray[np.uint8]) -> NDArray[np.float64]:
    """CIELAB of an sRGB frame (H, W, 3) uint8, D65 and 2°."""
    from skimage.color import rgb2lab

    return rgb2lab(frame)


def colour_difference(restored: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """CIEDE2000, mean over the pixels of a frame; 1 is about what one just sees.

    Args:
        restored: (H, W, 3) uint8 RGB.
        truth: Likewise.

    Raises:
        MetricError: The frames are not uint8 RGB or differ in size.
    """
    from skimage.color import deltaE_ciede2000

    check_frames(restored, truth)
    return float(deltaE_ciede2000(to_lab(truth), to_lab(restored)).mean())


def chroma_error(restored: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """How far the chroma C* = √(a*² + b*²) is off, mean of |C*_restored − C*_truth| over pixels.

    Arguments and errors as `colour_difference`. Hue plays no part: what is too pale or too gaudy.
    """
    check_frames(restored, truth)
    ours, true = (np.hypot(*np.moveaxis(to_lab(f)[..., 1:], -1, 0)) for f in (restored, truth))
    return float(np.abs(ours - true).mean())


class ColourDifference(SingleFrameMetric):
    """CIEDE2000 of every frame."""

    facts = MetricFacts(
        id="ciede2000",
        name="CIEDE2000",
        unit="",
        higher_is_better=False,
        level="frame",
        digits=2,
    )
    says = "colour difference ΔE₀₀, mean over pixels; grey levels are in it too"

    def value(self, view: FrameView) -> float:
        """A number from 0."""
        return colour_difference(view.restored, view.truth)


class ChromaError(SingleFrameMetric):
    """Chroma error of every frame."""

    facts = MetricFacts(
        id="chroma_error",
        name="Chroma error",
        unit="",
        higher_is_better=False,
        level="frame",
        digits=2,
    )
    says = (
        "how much paler or gaudier pixels are than the {reference}'s, |ΔC*ab|, whatever their hue"
    )

    def value(self, view: FrameView) -> float:
        """A number from 0."""
        return chroma_error(view.restored, view.truth)
