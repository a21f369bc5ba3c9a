"""What trembles and what moves: a track is split along time, in frames.

Shared by the metrics that look at landmarks of clips without a truth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

SIGMA_FRAMES = 1.0
"""Of the Gaussian: half of the amplitude passes at 0.19 cycles a frame, 4.7 Hz at 25 frames a
second. Heads move slower than that; talking lips in part do not."""

REACH = 4
MIN_FRAMES = REACH + 1
"""Of fewer frames in a row nothing can be said."""


def low_pass(track: NDArray[np.floating]) -> NDArray[np.float64]:
    """What moves: a Gaussian along time, which leaves steady motion as it is.

    At its ends a track goes on as its mirror image through the end point. Gaps are not bridged.

    Args:
        track: (T, …) values of frames; NaN where a frame has none.

    Returns:
        (T, …); NaN in gaps, and in runs of fewer than `MIN_FRAMES` frames.
    """
    smooth = np.full(track.shape, np.nan)
    for run in _runs(np.isfinite(track).reshape(len(track), -1).all(axis=1)):
        part = np.asarray(track[run], np.float64)
        if len(part) >= MIN_FRAMES:
            ends = [(REACH, REACH)] + [(0, 0)] * (part.ndim - 1)
            padded = np.pad(part, ends, mode="reflect", reflect_type="odd")
            smooth[run] = gaussian_filter1d(padded, SIGMA_FRAMES, axis=0, radius=REACH)[
                REACH:-REACH
            ]
    return smooth


def high_pass(track: NDArray[np.floating]) -> NDArray[np.float64]:
    """What trembles: the rest (see `low_pass`).

    >>> high_pass(np.arange(8.0)).round(12) + 0
    array([0., 0., 0., 0., 0., 0., 0., 0.])
    """
    return track - low_pass(track)


def _runs(known: NDArray[np.bool_]) -> list[slice]:
    """Runs of frames that have a value."""
    steps = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(np.int8)))
    return [slice(start, end) for start, end in steps.reshape(-1, 2)]
