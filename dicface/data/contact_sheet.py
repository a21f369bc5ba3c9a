"""A grid of frames in one picture."""

from collections.abc import Sequence

import numpy as np


def contact_sheet(frames: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Lay frames (H, W, 3) of one size out in rows of `columns`; empty places are white.

    >>> contact_sheet([np.zeros((2, 3, 3), np.uint8)] * 3, 2).shape
    (4, 6, 3)
    """
    rows = -(-len(frames) // columns)
    height, width, channels = frames[0].shape
    sheet = np.full((rows * height, columns * width, channels), 255, frames[0].dtype)
    for n, frame in enumerate(frames):
        y, x = divmod(n, columns)
        sheet[y * height : (y + 1) * height, x * width : (x + 1) * width] = frame
    return sheet
