"""What headers say of the folders of a ranking, before a frame is decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from dicface.base.counts import how_many
from dicface.base.errors import ClipError
from dicface.video.clips import list_clips
from dicface.video.sources import look

MAX_KINDS = 3
"""So many kinds of clips of a folder are told."""


def describe(folders: Mapping[str, Path]) -> list[str]:
    """A line a folder: how many clips of which size, length and rate it holds.

    Args:
        folders: What it is called -> folder, or one clip.

    Raises:
        ClipError: A folder is missing or holds no clip.
    """
    width = max(map(len, folders))
    return [f"{name:{width}}  {_clips(folder)}" for name, folder in folders.items()]


def _clips(folder: Path) -> str:
    kinds = Counter(map(_kind, list_clips(folder).values()))
    total = sum(kinds.values())
    listed = [
        f"{count} of {kind}" if len(kinds) > 1 else kind
        for kind, count in kinds.most_common(MAX_KINDS)
    ]
    more = [f"{len(kinds) - MAX_KINDS} kinds more"] if len(kinds) > MAX_KINDS else []
    return f"{how_many(total, 'clip')}: {'; '.join([*listed, *more])}"


def _kind(clip: Path) -> str:
    try:
        info = look(clip)
    except ClipError:
        return "a kind that cannot be read"
    rate = "" if clip.is_dir() else f", {float(info.fps):.7g} a second"
    return f"{info.width}×{info.height} px, {how_many(info.num_frames, 'frame')}{rate}"
