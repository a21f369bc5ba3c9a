"""Warping error along the input's or the truth's motion. Card: docs/metrics/warping_error.md."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from dicface.base.threads import one_opencv_thread
from dicface.metrics.facts import MetricFacts
from dicface.metrics.metric import FrameMetric
from dicface.metrics.protocol import EvaluationProtocol
from dicface.metrics.tracks import resize
from dicface.metrics.truth import TruthAnalysis
from dicface.metrics.view import FrameView

SIZE = 256
"""Side at which motion is found and frames are compared, px."""

LEAST_SEEN = 0.1
"""Where a smaller part of a frame is seen in the one before, there is a cut, and no value."""


def pixel_places(side: int) -> NDArray[np.float32]:
    """X and y of every pixel of a frame, (side, side, 2)."""
    return np.stack(np.meshgrid(*[np.arange(side, dtype=np.float32)] * 2), axis=-1)


def dis_flow(now: NDArray[np.uint8], before: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How far each pixel of a frame has come from the frame before, by luma.

    Args:
        now: (S, S, 3) uint8 RGB.
        before: The frame before, likewise.

    Returns:
        (S, S, 2) float32 x and y, px: where it was, less where it is.
    """
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (now, before)]
    # OpenCV finds motion in as many stripes as it has threads: their number would change values.
    with one_opencv_thread():
        return cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(*grey, None)


def backward_flow(
    now: NDArray[np.uint8], before: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Where each pixel of a frame was in the frame before (DIS, Kroeger et al., ECCV 2016).

    Args:
        now: (S, S, 3) uint8 RGB.
        before: The frame before, likewise.

    Returns:
        (S, S, 2) float32 x and y in px of the frame before, and (S, S) whether the pixel is seen
        there: inside, and led back to its own place by the opposite flow (Sundaram et al., ECCV
        2010).
    """
    back, forth = dis_flow(now, before), dis_flow(before, now)
    side = len(now)
    place = pixel_places(side) + back
    returned = cv2.remap(forth, place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    astray, length = (np.square(f).sum(-1) for f in (back + returned, np.stack([back, returned])))
    inside = ((place >= 0) & (place <= side - 1)).all(-1)
    return place, inside & (astray <= 0.01 * length.sum(0) + 0.5)


def warped_difference(
    now: NDArray[np.uint8],
    before: NDArray[np.uint8],
    place: NDArray[np.float32],
    seen: NDArray[np.bool_],
) -> float:
    """Mean absolute difference of a frame and the one before, moved along a flow.

    Args:
        now: (S, S, 3) uint8 RGB.
        before: The frame before, likewise.
        place: (S, S, 2), `backward_flow` of the input.
        seen: (S, S), likewise.

    Returns:
        Levels of 0..255, over the pixels that are seen; NaN where hardly any is.
    """
    if seen.mean() < LEAST_SEEN:
        return math.nan
    moved = cv2.remap(before.astype(np.float32), place, None, cv2.INTER_LINEAR)
    return float(np.abs(now - moved)[seen].mean())


class _LastMotion:
    """The motion of the input that was found last: the next metric, or result, asks for it too."""

    def __init__(self) -> None:
        self._frames: tuple[NDArray[np.uint8], ...] = ()

    def between(
        self, now: NDArray[np.uint8], before: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """`backward_flow` of two frames of any size, at `SIZE`."""
        if not self._frames or self._frames[0] is not now or self._frames[1] is not before:
            self._found = backward_flow(resize(now, SIZE), resize(before, SIZE))
            self._frames = now, before
        return self._found


_MOTION = _LastMotion()


class WarpingError(FrameMetric):
    """Warping error of every frame but the first."""

    facts = MetricFacts(
        id="warping_error",
        name="Warping",
        unit="levels",
        higher_is_better=False,
        level="clip",
        digits=2,
    )
    says = (
        "how much a frame differs from the one before, moved as the {reference} moves; blur "
        "lowers it, and a rough flow, as of a degraded film, raises it"
    )

    def __init__(self, analysis: TruthAnalysis, protocol: EvaluationProtocol) -> None:
        super().__init__(analysis, protocol)
        self._before: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None = None
        self._values: list[float] = []

    def update(self, view: FrameView) -> None:
        """Looks at the clip's next frame."""
        restored = resize(view.restored, SIZE)
        if self._before is not None:
            before, degraded_before = self._before
            flow = _MOTION.between(view.truth, degraded_before)
            self._values.append(self.of_step(restored, before, *flow))
        self._before = restored, view.truth

    of_step = staticmethod(warped_difference)

    def values(self) -> NDArray[np.float64]:
        """Values of frames 1 to T − 1."""
        return np.array(self._values, np.float64)

    @staticmethod
    def frames(num_frames: int, protocol: EvaluationProtocol) -> range:
        """Every frame that has one before it."""
        return range(1, num_frames)
