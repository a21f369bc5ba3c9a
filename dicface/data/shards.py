"""Shards of a large data set: a job a shard, a small file that lists its clips.

Standard library only, because the workflow calls `shard_ids` while it plans.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from dicface.data.layouts.layout import Layout, SourceClip
from dicface.errors import ClipError, ConfigError
from dicface.files import write_json

SHARD_FOLDER = "shards"
LANDMARK_FOLDER = "landmarks"
_PATHS = ("meta", "landmarks")


def shards(clips: Iterable[str], size: int) -> list[tuple[str, ...]]:
    """Cuts clip names, sorted, into groups of `size`; the order they are given in plays no part.

    Raises:
        ConfigError: the size is below 1.

    >>> shards(["b", "a", "c"], 2)
    [('a', 'b'), ('c',)]
    """
    if size < 1:
        raise ConfigError(f"shard size: found {size}, expected at least 1 clip")
    names = sorted(set(clips))
    return [tuple(names[start : start + size]) for start in range(0, len(names), size)]


def shard_ids(clips: Iterable[str], size: int) -> list[str]:
    """Returns the ids of the shards, "00000", "00001", …, which name their files."""
    return [f"{number:05d}" for number in range(len(shards(clips, size)))]


def shard_path(folder: Path, shard: str) -> Path:
    """The file that lists a shard's clips."""
    return folder / SHARD_FOLDER / f"shard_{shard}.json"


def landmarks_path(folder: Path, shard: str) -> Path:
    """The parquet file of a shard's landmarks."""
    return folder / LANDMARK_FOLDER / f"shard_{shard}.parquet"


def write_shards(layout: Layout, folder: Path, size: int) -> list[Path]:
    """Writes `<folder>/shards/shard_<id>.json`, one list of clips a shard.

    A file whose contents stay the same is left alone; those beyond the last shard are removed.

    Args:
        layout: the data set.
        folder: the training data's folder of the run.
        size: clips a shard.

    Returns:
        The files, in order.

    Raises:
        ClipError: something is wrong with the set's folders or names.
        ConfigError: the size is below 1.
        DicfaceError: the disk is full or read-only.
    """
    layout.require()
    paths = []
    for number, names in enumerate(shards(layout.clips, size)):
        path = shard_path(folder, f"{number:05d}")
        content = [_as_json(layout.clips[name]) for name in names]
        if not (path.is_file() and _read_json(path) == content):
            write_json(path, content)
        paths.append(path)
    for stale in set((folder / SHARD_FOLDER).glob("shard_*.json")) - set(paths):
        stale.unlink()
    return paths


def read_shard(path: Path) -> list[SourceClip]:
    """Reads the clips of a shard.

    Raises:
        ClipError: the file is missing or damaged.
    """
    try:
        return [
            SourceClip(
                name=row["name"],
                source=Path(row["source"]),
                num_frames=row["num_frames"],
                **{key: Path(row[key]) if row[key] else None for key in _PATHS},
            )
            for row in _read_json(path)
        ]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ClipError(
            f"{path}: is no list of a shard's clips ({type(error).__name__}: {error}); write it "
            "again with `dicface data shards`"
        ) from error


def _as_json(clip: SourceClip) -> dict[str, str | int]:
    paths = {key: str(getattr(clip, key) or "") for key in ("source", *_PATHS)}
    return {"name": clip.name, "num_frames": clip.num_frames, **paths}


def _read_json(path: Path) -> object:
    return json.loads(path.read_text())
