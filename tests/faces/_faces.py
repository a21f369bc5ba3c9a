"""A detector that knows the answer, and a picture with a face."""

import cv2
import numpy as np
from skimage.data import astronaut

from dicface.faces import align
from dicface.faces.detect import (
    Face,
)
from dicface.faces.dlib_models import Box


def face_at(x: float, y: float, size: float = 100, score: float = 1.0) -> Face:
    points = align.template(size) + np.array([x, y])
    return Face(box=Box(x, y, x + size, y + size), score=score, points=points)


class FixedDetector:
    """Finds a face of half the frame, but for the frames it is told to miss."""

    name, sha256 = "fixed", "0" * 64

    def __init__(self, missing: tuple[int, ...] = ()) -> None:
        self.missing, self.calls = missing, 0

    def detect(self, frame: np.ndarray) -> list[Face]:
        self.calls += 1
        if self.calls - 1 in self.missing:
            return []
        size = min(frame.shape[:2]) / 2
        return [face_at(size / 2, size / 2, size)]


def picture(height: int, width: int) -> np.ndarray:
    return cv2.resize(astronaut(), (width, height), interpolation=cv2.INTER_AREA)
