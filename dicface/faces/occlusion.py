"""What stands before a face: where a restored face and its input disagree beyond restoring.

A restorer changes what the damage took, fine detail, and keeps the rest. So both pictures are
reduced to what survives most damage. Where they still differ by far more than over most of the
face, the restorer has drawn a face over something that is none: a hand, hair, a microphone.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

MAP = 128
"""Side of the maps here, px."""
_BLUR = 1.2
"""Deviation of the low pass, px of a map: 5 px of a face of 512 px."""
_MORE_BLUR = (0.0, 1.0, 1.7, 2.6)
"""Deviations tried on the restored face, to make it as soft as its input."""
_SURE, _LIKELY = 7.0, 3.2
"""Differences, in robust deviations, that start an occluder, and that belong to one they touch."""
_OF_NEAR = 0.4
"""Share of the largest difference nearby that belongs to an occluder: the low pass carries its edge
outwards, where less is left of it."""
_LEAST_SPREAD = np.float32([4.0, 2.0, 2.0])
"""Smallest deviation of luma and two colour differences that is believed, grey levels."""
_SLACK = 0.35
"""Share of the local contrast by which a restorer may move or sharpen an edge."""
_SMALLEST_AREA = 0.004
"""Share of the map that an occluder covers at least."""
_TO_PARTS = np.float32([[0.299, 0.587, 0.114], [0.701, -0.587, -0.114], [-0.299, -0.587, 0.886]])
"""RGB to luma, red minus luma and blue minus luma."""


def low_pass(face: NDArray) -> NDArray[np.float32]:
    """(128, 128, 3) float32 of an (S, S, 3) face: what survives most damage."""
    small = face
    # OpenCV halves a picture in a tenth of the time that it needs for a quarter.
    while small.shape[0] >= 4 * MAP and small.shape[0] % 2 == 0:
        small = cv2.resize(small, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    small = cv2.resize(small, (MAP, MAP), interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(small.astype(np.float32), (0, 0), _BLUR)


def colour_offset(change: NDArray[np.float32], mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """(3,) what `restored` lacks, by the middle value of the face, which an occluder leaves.

    Args:
        change: (128, 128, 3) low-passed input minus restored.
        mask: (128, 128) the face.
    """
    inside = mask > 0.5
    return np.median(change[inside][::3], axis=0) if inside.any() else np.zeros(3, np.float32)


def occluded(
    before: NDArray[np.float32], after: NDArray[np.float32], mask: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(128, 128) in {0, 1}: what stands before the face.

    Args:
        before: (128, 128, 3) low-passed input.
        after: (128, 128, 3) low-passed restored face, its colours matched.
        mask: (128, 128) the face.
    """
    inside = mask > 0.5
    hidden = np.zeros((MAP, MAP), np.float32)
    if not inside.any():
        return hidden
    # A third of the face tells its middle values as well as all of it.
    some = tuple(places[::3] for places in np.nonzero(inside))
    given, drawn = (cv2.transform(picture, _TO_PARTS[:1]) for picture in (before, after))

    def unlike(blur: float) -> float:
        return float(np.median(np.abs(_blurred(drawn, blur)[some] - given[some])))

    after = _blurred(after, min(_MORE_BLUR, key=unlike))
    apart = np.abs(cv2.transform(before - after, _TO_PARTS))
    spread = np.maximum(1.4826 * np.median(apart[some], axis=0), _LEAST_SPREAD)
    luma = cv2.transform(after, _TO_PARTS[:1])
    contrast = np.sqrt(np.maximum(_blurred(luma**2, 2.0) - _blurred(luma, 2.0) ** 2, 0))
    apart[..., 0] = np.maximum(apart[..., 0] - _SLACK * contrast, 0)
    away = np.sqrt(cv2.transform(apart**2, spread[None] ** -2.0))
    edge = np.maximum(_LIKELY, _OF_NEAR * cv2.dilate(away, _disc(3)))
    likely = ((away > edge) & (mask > 0.1)).astype(np.uint8)
    likely = cv2.morphologyEx(likely, cv2.MORPH_OPEN, _disc(1))
    likely = cv2.morphologyEx(likely, cv2.MORPH_CLOSE, _disc(5)) & (mask > 0.1)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(likely)
    for label in range(1, count):
        blob = labels == label
        large = stats[label, cv2.CC_STAT_AREA] >= _SMALLEST_AREA * MAP**2
        if large and (away[blob] > _SURE).mean() > 0.15:
            hidden[blob] = 1.0
    return hidden


def _blurred(picture: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    return cv2.GaussianBlur(picture, (0, 0), deviation) if deviation else picture


def _disc(radius: int) -> NDArray[np.uint8]:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
