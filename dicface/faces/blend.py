"""Restored faces blended into their frames: only the difference, through a mask that is soft.

Pass 2 of restoring a film. State is an average over the last frames, a finite window, so that part
of a film can be done again alone with the same result.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dicface.faces.dlib_models import Box, landmarks_68
from dicface.faces.paste import Parser
from dicface.faces.people import Track

_MAP = 128
"""Side of masks, px: they are soft, and small maps are quick."""
_WINDOW = 8
_FADE = 6
"""Frames in which a face that enters or leaves within its shot comes and goes."""


@dataclass(frozen=True)
class _Seen:
    mask: NDArray[np.float32]
    offset: NDArray[np.float32]


class Blender:
    """Blends the restored faces of one track into their frames, which are given in order.

    Args:
        track: Where the face is.
        parser: Gives the class map of a face; None takes the hull of the landmarks.
        strength: 1 pastes the restored face, 0 leaves the input.

    Attributes:
        memory: Frames to give first, for a start within the track, after which all is the same bits
            as if the track had been given from its first frame on.
    """

    memory = _WINDOW

    def __init__(
        self, track: Track, *, parser: Parser | None = None, strength: float = 1.0
    ) -> None:
        self._track, self._parser, self._strength = track, parser, strength
        self._seen: deque[_Seen] = deque(maxlen=_WINDOW + 1)

    def observe(self, aligned_input: NDArray, restored: NDArray, frame_index: int) -> None:
        """Takes a frame into the state only, as `paste` does too: enough for the first frames."""
        face = aligned_input.astype(np.float32)
        mask = self._hull(aligned_input)
        weight = mask[..., None] + 1e-6
        change = _small(face) - _small(restored.astype(np.float32))
        offset = (change * weight).sum(axis=(0, 1)) / weight.sum()
        self._seen.append(_Seen(mask, offset))

    def paste(
        self,
        frame: NDArray[np.uint8],
        aligned_input: NDArray,
        restored: NDArray,
        frame_index: int,
    ) -> NDArray[np.uint8]:
        """The frame with the restored face.

        Args:
            frame: (H, W, 3) uint8 RGB.
            aligned_input: (S, S, 3) uint8 or float in 0…255, what was restored.
            restored: (S, S, 3) in the same range.
            frame_index: Number of the frame in the film.
        """
        self.observe(aligned_input, restored, frame_index)
        size = restored.shape[0]
        mask = np.mean([seen.mask for seen in self._seen], axis=0)
        offset = np.mean([seen.offset for seen in self._seen], axis=0)
        change = restored.astype(np.float32) - aligned_input.astype(np.float32) + offset
        soft = cv2.resize(mask, (size, size), interpolation=cv2.INTER_LINEAR)
        layer = change * (soft * self._strength)[..., None]
        return _add(frame, layer, self._track.affine(frame_index, size))

    def _hull(self, face: NDArray) -> NDArray[np.float32]:
        small = cv2.resize(
            np.asarray(face, np.uint8), (2 * _MAP, 2 * _MAP), interpolation=cv2.INTER_AREA
        )
        box = Box(0.27 * 2 * _MAP, 0.33 * 2 * _MAP, 0.73 * 2 * _MAP, 0.79 * 2 * _MAP)
        marks = landmarks_68(small, box) / 2
        hull = cv2.convexHull(marks.astype(np.float32)).round().astype(np.int32)
        mask = np.zeros((_MAP, _MAP), np.float32)
        cv2.fillConvexPoly(mask, hull, 1.0)
        return cv2.GaussianBlur(mask, (0, 0), 3)


def _small(face: NDArray[np.float32]) -> NDArray[np.float32]:
    return cv2.resize(face, (_MAP, _MAP), interpolation=cv2.INTER_AREA)


def _add(
    frame: NDArray[np.uint8], layer: NDArray[np.float32], affine: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """The frame plus a layer of the aligned square; the same bits where the layer is zero."""
    height, width = frame.shape[:2]
    inverse = cv2.invertAffineTransform(affine)
    size = layer.shape[0]
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]]) @ inverse[:, :2].T
    corners = corners + inverse[:, 2]
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, [width, height])
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 1, 0, [width, height])
    out = frame.copy()
    if right > left and bottom > top:
        inverse[:, 2] -= (left, top)
        moved = cv2.warpAffine(layer, inverse, (int(right - left), int(bottom - top)))
        part = out[top:bottom, left:right]
        part[:] = np.clip(np.rint(part + moved), 0, 255).astype(np.uint8)
    return out
