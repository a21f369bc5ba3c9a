"""Masks of clips: which pixels are missing, white in one picture for all frames or one a frame."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import ClipError
from dicface.video.clips import read_frames
from dicface.video.formats import clip_name, has_frames, is_frame, is_video
from dicface.video.pictures import read_picture

FOLDER = "masks"
"""Where masks lie, in the folder of what they belong to, as `<clip>.mkv`."""

WHITE = 128
"""The least grey level that is missing."""


def find_mask(folder: str | Path, clip: str) -> Path:
    """Returns the mask of a clip in a folder of masks: a picture, a video or a folder of frames.

    Raises:
        ClipError: There is none, or more than one.
    """
    folder = Path(folder)
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    masks = [path for path in paths if not path.name.startswith(".") and _is_mask(path)]
    found = [path for path in masks if clip_name(path) == clip]
    if len(found) != 1:
        said = ", ".join(path.name for path in found) or "none"
        raise ClipError(
            f"{folder}: found {said} as the mask of clip '{clip}'; expected one, {clip}.png or a "
            "clip of masks of that name, white where pixels are missing."
        )
    return found[0]


def read_masks(path: str | Path) -> Iterator[NDArray[np.bool_]]:
    """Yields the masks of a picture or clip, (H, W), True where pixels are missing."""
    path = Path(path)
    frames = [read_picture(path)] if is_frame(path.name) else read_frames(path, one_size=True)
    yield from (frame.mean(axis=-1) >= WHITE for frame in frames)


def endless_masks(path: str | Path) -> Iterator[NDArray[np.bool_]]:
    """Yields the masks of a clip of masks; one that is alone again and again."""
    masks = read_masks(path)
    first, second = next(masks), next(masks, None)
    if second is None:
        return itertools.repeat(first)
    return itertools.chain([first, second], masks)


def with_masks(
    path: str | Path, frames: Iterable[NDArray[np.uint8]], clip: str
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
    """Yields each frame of a clip with its mask.

    Args:
        path: Its mask: one picture, or as many as there are frames.
        frames: (H, W, 3), all of one size.
        clip: Its name, for messages.

    Raises:
        ClipError: Sizes or lengths differ.
    """
    num_frames = 0
    masks = endless_masks(path)
    alone = isinstance(masks, itertools.repeat)
    for frame in frames:
        mask = next(masks, None)
        num_frames += 1
        if mask is None:
            continue
        if mask.shape != frame.shape[:2]:
            raise ClipError(
                f"{path}: the mask is {mask.shape[1]}×{mask.shape[0]} px, the aligned clip "
                f"'{clip}' {frame.shape[1]}×{frame.shape[0]} px; expected one size. Draw it on the "
                "aligned clip."
            )
        yield frame, mask
    num_masks = num_frames if alone else sum(1 for _ in read_masks(path))
    if num_masks != num_frames:
        raise ClipError(
            f"{path}: holds {num_masks} masks, clip '{clip}' {num_frames} frames; expected as "
            "many, or one mask for all frames."
        )


def as_picture(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """A mask (H, W) as a frame (H, W, 3), white where pixels are missing."""
    return np.repeat(np.where(mask, np.uint8(255), np.uint8(0))[..., None], 3, axis=-1)


def _is_mask(path: Path) -> bool:
    return has_frames(path) if path.is_dir() else is_frame(path.name) or is_video(path)
