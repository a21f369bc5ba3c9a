"""The five points of a face out of the 68 that the scorer kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import MetricError
from dicface.base.reading import Array, read_npz
from dicface.faces.align import template
from dicface.metrics.facts import FACE_SIZE
from dicface.report.tables.scores import SCORES

FIVE_POINTS = ("Left eye", "Right eye", "Nose", "Left mouth corner", "Right mouth corner")
"""Left and right as seen in the picture."""

_ARRAYS = {
    "clips": Array("U", (None,)),
    "restored": Array("f", (None, 68, 2), nan=True),
    "truth": Array("f", (None, 68, 2), nan=True),
    "frame_clip": Array("iu", (None,)),
}


def five_points(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Eye centres (means of six lid points), nose tip and mouth corners of 68 iBUG points.

    Args:
        points: (…, 68, 2).

    Returns:
        (…, 5, 2) in the order of `FIVE_POINTS`.
    """
    points = np.asarray(points, np.float64)
    eyes = [points[..., first : first + 6, :].mean(axis=-2) for first in (36, 42)]
    return np.stack([*eyes, *(points[..., i, :] for i in (30, 48, 54))], axis=-2)


@dataclass(frozen=True, kw_only=True, eq=False)
class Landmarks:
    """68 points of one clip, px of the 512-px face; NaN where the true frame has no face.

    Attributes:
        restored: (T, 68, 2).
        truth: (T, 68, 2), by the same detector.
    """

    restored: NDArray[np.float32]
    truth: NDArray[np.float32]


def scored_clips(path: str | Path) -> dict[str, int]:
    """Clip -> frames in the `landmarks.npz` of a scored method; raises as `read_landmarks`."""
    stored = read_npz(path, SCORES, _ARRAYS)
    counts = np.bincount(stored["frame_clip"], minlength=len(stored["clips"]))
    return {str(name): int(count) for name, count in zip(stored["clips"], counts, strict=True)}


def read_landmarks(path: str | Path, clip: str) -> Landmarks:
    """Reads the points of one clip from the `landmarks.npz` of a scored method.

    Raises:
        MetricError: The file is missing, damaged, or does not hold the clip.
    """
    stored = read_npz(path, SCORES, _ARRAYS)
    names = [str(name) for name in stored["clips"]]
    if clip not in names:
        raise MetricError(
            f"{path}: holds no clip '{clip}'; found {', '.join(names)}. Restore that clip and "
            "score this method again."
        )
    mine = stored["frame_clip"] == names.index(clip)
    return Landmarks(restored=stored["restored"][mine], truth=stored["truth"][mine])


def true_face(path: str | Path | None, clip: str, frame: int) -> NDArray[np.float64]:
    """Five true points of a frame, px of the 512-px face.

    Args:
        path: `landmarks.npz` of any method; None takes the template to which faces are aligned.
        clip: Name of the clip.
        frame: Index of the frame; where the true frame has no face the template is taken, too.

    Returns:
        (5, 2) in the order of `FIVE_POINTS`.
    """
    if path is None:
        return template(FACE_SIZE)
    points = five_points(read_landmarks(path, clip).truth[frame])
    return points if np.isfinite(points).all() else template(FACE_SIZE)


def to_frame_px(points: NDArray[np.floating], size: int) -> NDArray[np.float64]:
    """Maps px of the 512-px face to px of an S×S frame; pixel centres are whole numbers in both.

    >>> to_frame_px(np.array([3.5, 507.5]), 64)
    array([ 0., 63.])
    """
    return (np.asarray(points, np.float64) + 0.5) * (size / FACE_SIZE) - 0.5
