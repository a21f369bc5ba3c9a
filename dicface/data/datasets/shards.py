"""Shards of a large data set: a job a shard, so that thousands of clips make some hundred jobs.

Standard library only, because the workflow calls `shards` while it plans.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dicface.base.errors import ConfigError
from dicface.data.datasets.layouts.layout import Layout, SourceClip


def shards(clips: Iterable[str], size: int) -> dict[str, tuple[str, ...]]:
    """Cuts clip names, sorted, into groups of `size`; the order they are given in plays no part.

    Returns:
        The shard's id, "00000", "00001", …, which names its files -> its clips.

    Raises:
        ConfigError: The size is below 1.

    >>> shards(["b", "a", "c"], 2)
    {'00000': ('a', 'b'), '00001': ('c',)}
    """
    if size < 1:
        raise ConfigError(f"shard size: found {size}, expected at least 1 clip")
    names = sorted(set(clips))
    starts = range(0, len(names), size)
    return {f"{n:05d}": tuple(names[start : start + size]) for n, start in enumerate(starts)}


def clips_of_shard(layout: Layout, shard: str, size: int) -> list[SourceClip]:
    """Returns the clips of one shard of a set.

    Raises:
        ClipError: Something is wrong with the set's folders or names.
        ConfigError: The size is below 1, or there is no such shard.
    """
    found = shards(layout.require().clips, size)
    if shard not in found:
        raise ConfigError(
            f"shard: found '{shard}'; {layout.folder} in shards of {size} clips has those from "
            f"{min(found)} to {max(found)}"
        )
    return [layout.clips[name] for name in found[shard]]


def landmarks_path(folder: Path, shard: str) -> Path:
    """The parquet file of a shard's landmarks."""
    return folder / "landmarks" / f"shard_{shard}.parquet"
