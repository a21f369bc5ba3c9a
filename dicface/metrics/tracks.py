"""The face of a clip through time: one box a frame, found on the truth and used for both clips."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import MetricError
from dicface.faces.dlib_models import Box, frontal_detector
from dicface.metrics.facts import FACE_SIZE

MAX_GAP = 5
"""So many neighbouring frames without a detection still get a box from their neighbours."""

MISSING, DETECTED, FILLED, TEMPLATE = 0, 1, 2, 3

TEMPLATE_BOX = Box(95, 164, 405, 439)
"""Where dlib finds an aligned face, px of the 512-px face: the median over real clips (39 frames of
13 clips; the edges' standard deviation is 9 to 21 px)."""

Detect = Callable[[NDArray[np.uint8]], Box | None]


def face_frame(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Resizes an aligned frame to 512×512: bicubic when it grows, area mean when it shrinks.

    Args:
        frame: (S, S, 3) uint8 RGB.

    Returns:
        (512, 512, 3) uint8 RGB.

    Raises:
        MetricError: The frame is not square, hence no aligned face.
    """
    check_square(frame)
    return resize(frame, FACE_SIZE)


def check_square(frame: NDArray[np.uint8]) -> None:
    """Raises MetricError unless a frame (H, W, 3) is square, as an aligned face is."""
    height, width = frame.shape[:2]
    if height != width:
        raise MetricError(
            f"frames are {width}×{height} px; face metrics need square frames with an aligned "
            "face. Align the clips first (`dicface data align`)."
        )


def resize(frame: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resizes a frame to size×size: bicubic when it grows, area mean when it shrinks."""
    side = max(frame.shape[:2])
    if frame.shape[:2] == (size, size):
        return frame
    how = cv2.INTER_CUBIC if side < size else cv2.INTER_AREA
    return cv2.resize(frame, (size, size), interpolation=how)


def to_face_px(points: NDArray[np.floating], size: int) -> NDArray[np.float64]:
    """Maps points from px of an S×S frame to px of the 512-px face.

    Pixel centres lie at whole numbers in both, as in `cv2.resize`.

    Args:
        points: (..., 2) x and y in px of the frame.
        size: S.

    >>> to_face_px(np.array([0.0, 63.0]), 64)
    array([  3.5, 507.5])
    """
    return (np.asarray(points, np.float64) + 0.5) * (FACE_SIZE / size) - 0.5


def detect_face(face: NDArray[np.uint8]) -> Box | None:
    """Finds the largest frontal face (dlib's HOG detector, threshold 0, no enlargement).

    Args:
        face: (512, 512, 3) uint8 RGB.

    Returns:
        Its box in px, or None where there is none.
    """
    found, _, _ = frontal_detector().run(np.ascontiguousarray(face), 0, 0.0)
    boxes = [Box(r.left(), r.top(), r.right(), r.bottom()) for r in found]
    return max(boxes, key=lambda box: box.width * box.height, default=None)


def track(
    frames: Iterable[NDArray[np.uint8]], detect: Detect = detect_face
) -> Iterator[tuple[NDArray[np.uint8], Box, int]]:
    """Yields every frame with its box and where the box comes from, in order.

    Up to `MAX_GAP` neighbouring frames without a detection are filled: linearly between two
    detections, by the nearest one at the ends of the clip. Frames of longer gaps have the box that
    an aligned face has, `TEMPLATE_BOX`: the frontal detector misses faces that turn or shout. At
    most `MAX_GAP` frames are held back.

    Yields:
        The frame; its box; DETECTED, FILLED or TEMPLATE.
    """
    last: Box | None = None
    waiting: list[NDArray[np.uint8]] = []
    too_long = False
    for frame in frames:
        box = detect(frame)
        if box is not None:
            yield from _filled(waiting, last, box)
            yield frame, box, DETECTED
            last, waiting, too_long = box, [], False
            continue
        waiting.append(frame)
        if too_long or len(waiting) > MAX_GAP:
            yield from ((held, TEMPLATE_BOX, TEMPLATE) for held in waiting)
            waiting, too_long = [], True
    yield from _filled(waiting, last, None)


def _filled(
    waiting: list[NDArray[np.uint8]], before: Box | None, after: Box | None
) -> Iterator[tuple[NDArray[np.uint8], Box, int]]:
    ends = before or after, after or before
    for index, frame in enumerate(waiting, start=1):
        if ends[0] is None:
            yield frame, TEMPLATE_BOX, TEMPLATE
            continue
        share = index / (len(waiting) + 1)
        edges = (1 - share) * _edges(ends[0]) + share * _edges(ends[1])
        yield frame, Box(*edges.tolist()), FILLED


def _edges(box: Box) -> NDArray[np.float64]:
    return np.array([box.left, box.top, box.right, box.bottom], np.float64)
