"""Filling in what a mask covers: a scratch, a logo, a hand."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import ClipError
from dicface.faces.people import Track
from dicface.video.pictures import read_picture

_SOFT_PX = 3


def read_mask(path: Path, height: int, width: int) -> NDArray[np.uint8]:
    """Reads the mask of a film, (H, W): 255 where it is to be filled in, else 0.

    Raises:
        ClipError: It cannot be read, has another size than the film, or covers nothing.
    """
    picture = read_picture(path)
    if picture.shape[:2] != (height, width):
        raise ClipError(
            f"{path}: the mask is {picture.shape[1]}×{picture.shape[0]} px, the film's pictures "
            f"are {width}×{height} px. Give a mask of that size."
        )
    mask = np.where(picture.max(axis=2) > 127, np.uint8(255), np.uint8(0))
    if not mask.any():
        raise ClipError(
            f"{path}: the mask is black, so that nothing is to be filled in. Paint white what is."
        )
    return mask


def share_filled(mask: NDArray[np.uint8], strength: float) -> NDArray[np.float32]:
    """(H, W) in [0, 1]: how much of what was filled in is taken, soft at the mask's rim.

    Args:
        mask: (H, W), 255 where pictures are to be filled in.
        strength: Where the mask covers them, 0 to 1.
    """
    # Soft outwards: all that is covered is replaced.
    wide = cv2.dilate(mask, np.ones((2 * _SOFT_PX + 1,) * 2, np.uint8))
    soft = cv2.GaussianBlur(wide, (2 * _SOFT_PX + 1,) * 2, 0)
    return (strength / 255 * np.maximum(soft, mask)).astype(np.float32)


class Filler:
    """Fills what a mask covers of a track's face with the restored one.

    Args:
        track: Whose face it is.
        share: (H, W) of `share_filled`.
    """

    def __init__(self, track: Track, share: NDArray[np.float32]) -> None:
        self._track, self._share = track, share

    def observe(self, aligned_input: NDArray, restored: NDArray, frame_index: int) -> None:
        """Does nothing: what is filled in depends on its frame alone."""

    def paste(
        self,
        frame: NDArray[np.uint8],
        aligned_input: NDArray[np.uint8],
        restored: NDArray[np.uint8],
        frame_index: int,
        corner: tuple[int, int] = (0, 0),
    ) -> NDArray[np.uint8]:
        """The frame with the restored face under the mask; arguments as `Blender.paste`."""
        side, (height, width), (x, y) = len(aligned_input), frame.shape[:2], corner
        inverse = cv2.invertAffineTransform(self._track.affine(frame_index, side))
        inverse[:, 2] -= corner
        face = cv2.warpAffine(restored, inverse, (width, height))
        square = np.full((side, side), 255, np.uint8)
        inside = cv2.warpAffine(square, inverse, (width, height)) == 255
        share = (self._share[y : y + height, x : x + width] * inside)[..., None]
        return np.rint(frame + share * (face.astype(np.float32) - frame)).astype(np.uint8)
