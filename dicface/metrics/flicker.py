"""Flicker spectrum of brightness, by band and region. Card: docs/metrics/flicker.md."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, idct

from dicface.metrics.facts import FACE_SIZE, MetricFacts
from dicface.metrics.high_pass import MIN_FRAMES
from dicface.metrics.metric import FrameMetric
from dicface.metrics.protocol import EvaluationProtocol
from dicface.metrics.tracks import check_square
from dicface.metrics.truth import TruthAnalysis
from dicface.metrics.view import FrameView

BANDS = {"slow": (0, 1 / 8), "middle": (1 / 8, 1 / 4), "fast": (1 / 4, 1 / 2)}
"""Band -> from and to, cycles a frame; half a cycle a frame is the fastest flicker there is."""

REGIONS = {
    "face": (112, 150, 400, 470),
    "eyes": (136, 200, 376, 280),
    "mouth": (176, 340, 338, 410),
    "background": (64, 48, 448, 512),
}
"""Region -> left, top, right and bottom in a 512-px face; the background is all outside its box."""

LUMA = np.array([0.299, 0.587, 0.114])


def region_luma(frame: NDArray[np.uint8], region: str) -> float:
    """Mean luma (BT.601) of a region of an aligned face.

    Args:
        frame: (S, S, 3) uint8 RGB.
        region: A key of `REGIONS`.

    Returns:
        Levels of 0..255.

    Raises:
        MetricError: The frame is not square, hence no aligned face.
    """
    check_square(frame)
    left, top, right, bottom = (round(edge * len(frame) / FACE_SIZE) for edge in REGIONS[region])
    inside = frame[top:bottom, left:right]
    colour = inside.sum(axis=(0, 1), dtype=np.float64)
    count = inside.shape[0] * inside.shape[1]
    if region == "background":
        colour = frame.sum(axis=(0, 1), dtype=np.float64) - colour
        count = frame.shape[0] * frame.shape[1] - count
    return float(colour @ LUMA / count)


def flicker_spectrum(luma: NDArray[np.floating]) -> dict[str, NDArray[np.float64]]:
    """Splits the changes of brightness from frame to frame into bands.

    A discrete cosine transform, which is orthonormal: the mean squares of the bands sum to that of
    the changes.

    Args:
        luma: (T,) mean luma of the frames, levels.

    Returns:
        Band -> (T − 1,) its part of the changes, levels a frame.
    """
    spectrum = dct(np.diff(luma), norm="ortho")
    cycles = np.arange(len(spectrum)) / (2 * len(spectrum))
    return {
        band: idct(np.where((low <= cycles) & (cycles < high), spectrum, 0.0), norm="ortho")
        for band, (low, high) in BANDS.items()
    }


class FlickerFast(FrameMetric):
    """Energy of the fast flicker of the face, of every frame but the first."""

    facts = MetricFacts(
        id="flicker_fast",
        name="Flicker",
        unit="levels²",
        higher_is_better=False,
        level="clip",
        digits=3,
    )
    band: ClassVar[str] = "fast"
    region: ClassVar[str] = "face"
    says = (
        "energy of the changes of the face's mean brightness from frame to frame, of those that "
        "take four frames or fewer to come again; slower ones, and other regions where they are "
        "measured, are in the CSV"
    )

    def __init__(self, analysis: TruthAnalysis, protocol: EvaluationProtocol) -> None:
        super().__init__(analysis, protocol)
        self._luma: list[float] = []

    def update(self, view: FrameView) -> None:
        """Looks at the clip's next frame."""
        self._luma.append(region_luma(view.restored, self.region))

    def values(self) -> NDArray[np.float64]:
        """Squared levels of frames 1 to T − 1: their mean is the energy of the band."""
        if not self.frames(len(self._luma), self.protocol):
            return np.zeros(0)
        return np.square(flicker_spectrum(np.array(self._luma))[self.band])

    @staticmethod
    def frames(num_frames: int, protocol: EvaluationProtocol) -> range:
        """Every frame that has one before it; none of a clip that is too short for bands."""
        return range(1, num_frames if num_frames >= MIN_FRAMES else 1)


class FlickerMiddle(FlickerFast):
    """The same of changes that come again after four to eight frames."""

    facts = replace(FlickerFast.facts, id="flicker_middle", name="Flicker middle")
    band = "middle"


class FlickerSlow(FlickerFast):
    """The same of changes that come again after eight frames or more, as of true light."""

    facts = replace(FlickerFast.facts, id="flicker_slow", name="Flicker slow")
    band = "slow"


class FlickerEyes(FlickerFast):
    """Fast flicker of the eyes."""

    facts = replace(FlickerFast.facts, id="flicker_eyes", name="Flicker eyes")
    region = "eyes"


class FlickerMouth(FlickerFast):
    """Fast flicker of the mouth."""

    facts = replace(FlickerFast.facts, id="flicker_mouth", name="Flicker mouth")
    region = "mouth"


class FlickerBackground(FlickerFast):
    """Fast flicker around the face."""

    facts = replace(FlickerFast.facts, id="flicker_background", name="Flicker background")
    region = "background"


class FlickerError(FlickerFast):
    """Fast flicker of the face that its truth does not have."""

    facts = replace(FlickerFast.facts, id="flicker_error", name="Flicker error")
    says = (
        "the same of the difference to the {reference}'s brightness, so that light that truly "
        "changes costs nothing, and a film without it does"
    )

    def update(self, view: FrameView) -> None:
        """Looks at the clip's next frame."""
        restored, truth = (region_luma(each, self.region) for each in (view.restored, view.truth))
        self._luma.append(restored - truth)
