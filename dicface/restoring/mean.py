"""The mean of five frames: a control that no claim about time or steadiness may do without."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dicface.base.files import digest_of
from dicface.provenance.kept import forget_others, kept
from dicface.video.clips import frame_rate, read_frames, write_clip

REACH = 2
"""Frames on either side: what DicFace sees in its window of five."""


def mean_of_5(frames: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """Yields the mean of each frame and its two neighbours on either side.

    The first and the last frame are repeated beyond the ends, as DicFace's windows do.

    Args:
        frames: (H, W, 3) uint8, all of one size.

    Yields:
        (H, W, 3) uint8, rounded; as many as there are frames.
    """
    window: deque[NDArray[np.uint8]] = deque(maxlen=2 * REACH + 1)
    for frame in _with_ends(frames):
        window.append(frame)
        if len(window) == window.maxlen:
            yield np.rint(np.mean(list(window), axis=0)).astype(np.uint8)


def _with_ends(frames: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """Repeats the first and the last frame."""
    last = None
    for frame in frames:
        if last is None:
            yield from [frame] * REACH
        yield frame
        last = frame
    if last is not None:
        yield from [last] * REACH


def average_set(clips: Mapping[str, Path], out: Path) -> None:
    """Writes the mean of five frames of every clip as `<out>/<clip>.mkv`; made ones are kept.

    Args:
        clips: Clip -> restored or degraded file.
        out: Folder of the means.

    Raises:
        ClipError: A clip cannot be read.
        DicfaceError: The disk is full.
    """
    forget_others(out, clips)
    for name, path in clips.items():
        with kept(out, name, {"mean": digest_of(path), "reach": REACH}, f"{name}.mkv") as piece:
            if piece.todo:
                means = mean_of_5(read_frames(path, one_size=True))
                write_clip(out / f"{name}.mkv", means, frame_rate(path))
