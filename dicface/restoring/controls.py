"""Controls beside a method: no claim about time or steadiness may do without them.

The mean of five frames is steady because it blurs, and a frozen frame because nothing moves; blur
in every frame, and frames in another order, show what a measure of time is otherwise fooled by.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dicface.base.files import digest_of
from dicface.base.names import BLURRED, FROZEN, MEAN_OF_5, SHUFFLED
from dicface.base.seeds import numpy_rng
from dicface.provenance.kept import forget_others, kept
from dicface.video.clips import frame_rate, read_frames, write_clip

REACH = 2
"""Frames on either side: what DicFace sees in its window of five."""

BLUR_PX = 4.0
"""Standard deviation of the blur, px of a 512-px frame."""

BLOCK = 16
"""Frames that are shuffled among themselves, so that memory is bounded."""

Frames = Iterable[NDArray[np.uint8]]


def mean_of_5(frames: Frames) -> Iterator[NDArray[np.uint8]]:
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


def frozen(frames: Frames) -> Iterator[NDArray[np.uint8]]:
    """Yields the first frame, as often as there are frames."""
    first = None
    for frame in frames:
        first = frame if first is None else first
        yield first


def blurred(frames: Frames) -> Iterator[NDArray[np.uint8]]:
    """Yields each frame after a Gaussian of `BLUR_PX`."""
    for frame in frames:
        yield cv2.GaussianBlur(frame, (0, 0), BLUR_PX * len(frame) / 512)


def shuffled(frames: Frames) -> Iterator[NDArray[np.uint8]]:
    """Yields the frames of every `BLOCK` in a row in an order that is drawn, the same each time."""
    remaining = iter(frames)
    for number in itertools.count():
        block = list(itertools.islice(remaining, BLOCK))
        if not block:
            return
        yield from (block[i] for i in numpy_rng("shuffled", number).permutation(len(block)))


def _with_ends(frames: Frames) -> Iterator[NDArray[np.uint8]]:
    """Repeats the first and the last frame."""
    last = None
    for frame in frames:
        if last is None:
            yield from [frame] * REACH
        yield frame
        last = frame
    if last is not None:
        yield from [last] * REACH


_MADE: dict[str, tuple[Callable[[Frames], Iterator[NDArray[np.uint8]]], str, dict[str, Any]]] = {
    MEAN_OF_5: (mean_of_5, "mean", {"reach": REACH}),
    FROZEN: (frozen, "frozen", {}),
    BLURRED: (blurred, "blurred", {"blur_px": BLUR_PX}),
    SHUFFLED: (shuffled, "shuffled", {"block": BLOCK}),
}
"""Kind of control -> what makes it, what its record calls the source, and what else it records."""


def control_set(kind: str, clips: Mapping[str, Path], out: Path) -> None:
    """Writes a control of every clip as `<out>/<clip>.mkv`; made ones are kept.

    Args:
        kind: One of `dicface.base.names.CONTROLS`.
        clips: Clip -> restored or degraded file.
        out: Folder of the controls.

    Raises:
        ClipError: A clip cannot be read.
        DicfaceError: The disk is full.
    """
    make, source, facts = _MADE[kind]
    forget_others(out, clips)
    for name, path in clips.items():
        with kept(out, name, {source: digest_of(path), **facts}, f"{name}.mkv") as piece:
            if piece.todo:
                made = make(read_frames(path, one_size=True))
                write_clip(out / f"{name}.mkv", made, frame_rate(path))
