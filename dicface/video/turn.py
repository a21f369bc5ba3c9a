"""Upright pictures: the display matrix of a video, applied."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One of the eight ways in which a coded picture can lie; done in the order of the attributes.

    Attributes:
        transposed: Whether rows and columns change places.
        mirrored: Whether left and right change places.
        flipped: Whether top and bottom change places.
    """

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False

    @classmethod
    def of_matrix(cls, matrix: bytes) -> Turn:
        """Reads a display matrix: nine 32-bit numbers; odd angles are rounded to a quarter turn.

        An angle alone would not do: mirrored pictures have none.
        """
        a, b, _, c, d = np.frombuffer(matrix, "<i4")[:5].astype(np.int64)
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(transposed=True, mirrored=bool(c < 0), flipped=bool(b < 0))
        return cls(mirrored=bool(a < 0), flipped=bool(d < 0))

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of an upright picture."""
        return (height, width) if self.transposed else (width, height)

    def apply(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turns a coded (H, W, 3) picture upright."""
        if self == Turn():
            return frame
        upright = frame.swapaxes(0, 1) if self.transposed else frame
        upright = upright[:, ::-1] if self.mirrored else upright
        return np.ascontiguousarray(upright[::-1] if self.flipped else upright)

    def undo(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turns an upright (H, W, 3) picture to how it is coded."""
        coded = frame[::-1] if self.flipped else frame
        coded = coded[:, ::-1] if self.mirrored else coded
        return np.ascontiguousarray(coded.swapaxes(0, 1) if self.transposed else coded)
