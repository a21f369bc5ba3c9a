"""The index of a training set: where each clip, its frames and its landmarks are."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from dicface.base.errors import ClipError
from dicface.base.files import atomic_path
from dicface.base.reading import open_parquet, said
from dicface.data.datasets.layouts.layout import Layout, SourceClip
from dicface.data.datasets.layouts.text import write_clip_list, write_landmarks
from dicface.data.datasets.shard_landmarks import (
    POINT_COLUMNS,
    SHARD,
    TEXT_SIDE_PX,
    read_header,
)
from dicface.data.datasets.shards import landmarks_path, shards
from dicface.runs.files import INDEX_COLUMNS, TRAINING_INDEX, read_training_index
from dicface.video.sources import look

logger = logging.getLogger(__name__)

INDEX_FILE = "index.parquet"
_THREADS = 16


def write_index(
    layout: Layout, folder: Path, *, shard_size: int, max_left_out: float = 0.05
) -> Path:
    """Writes `<folder>/index.parquet`, one row a clip, from the landmarks of all shards.

    Columns: clip, source, num_frames, height and width (px of the source), fps, crop_x0 … crop_y1
    (-1: all of the frame), num_interpolated (frames without a face), landmarks (file beside the
    index; "" for sets of aligned faces, which need none), row_group (of the clip in that file),
    left_out (why the clip is not used; "" if it is).

    Args:
        layout: The data set.
        folder: The run's folder of training data.
        shard_size: Number of clips a shard, as the shards were made.
        max_left_out: The largest share of clips that may be left out.

    Raises:
        ClipError: A shard's landmarks are missing, damaged or of other clips, or too many clips
            were left out.
        DicfaceError: The disk is full or read-only.
    """
    layout.require()
    if layout.aligned:
        rows = _aligned_rows(list(layout.clips.values()))
    else:
        rows = _rows_of_shards(folder, shards(layout.clips, shard_size))
    table = pd.DataFrame(rows, columns=list(INDEX_COLUMNS)).sort_values("clip", ignore_index=True)
    _require_same_clips(folder, set(layout.clips), list(table["clip"]))
    lost = table[table["left_out"] != ""]
    if len(lost):
        logger.warning("%d of %d clips are left out", len(lost), len(table))
    if len(lost) > max_left_out * len(table):
        reasons = "\n".join(lost["left_out"].head(5))
        raise ClipError(
            f"{layout.folder}: {len(lost)} of {len(table)} clips cannot be used, more than the "
            f"{max_left_out:.0%} allowed; look at `dicface data check`. The first reasons:\n"
            f"{reasons}"
        )
    path = folder / INDEX_FILE
    with atomic_path(path) as temporary:
        table.to_parquet(temporary, index=False)
    return path


def write_release_files(index: Path, out: Path) -> None:
    """Writes what the release's training reads: `meta_info.txt`, and `landmarks/<clip>.txt`.

    Points are in px of a 512-px frame, one line a frame, ten numbers a line.

    Raises:
        ClipError: The index or landmarks are missing or damaged.
        DicfaceError: The disk is full or read-only.
    """
    table = read_training_index(index)
    table = table[table["left_out"] == ""]
    for clip in table[table["landmarks"] != ""].itertuples():
        side = clip.crop_x1 - clip.crop_x0 if clip.crop_x0 >= 0 else clip.width
        path = index.parent / clip.landmarks
        with said(path, SHARD):
            rows = open_parquet(path, SHARD).read_row_group(clip.row_group, columns=POINT_COLUMNS)
        points = rows.to_pandas().to_numpy()
        points = points.reshape(-1, 5, 2) * (TEXT_SIDE_PX / side)
        write_landmarks(out / "landmarks" / f"{clip.clip}.txt", points)
    write_clip_list(out / "meta_info.txt", table.set_index("clip")["num_frames"].to_dict())


def is_index(path: Path) -> bool:
    """Whether a file is the index of a training set, and not that of rendered or imported clips."""
    return path.is_file() and set(INDEX_COLUMNS) <= set(
        open_parquet(path, TRAINING_INDEX).schema_arrow.names
    )


def _rows_of_shards(folder: Path, ids: Iterable[str]) -> list[dict]:
    rows = []
    for shard in ids:
        path = landmarks_path(folder, shard)
        header = read_header(path)
        for name, facts in header["clips"].items():
            crop = facts["crop"] or [-1] * 4
            crops = dict(zip(("crop_x0", "crop_y0", "crop_x1", "crop_y1"), crop, strict=True))
            own = {"clip": name, "landmarks": str(path.relative_to(folder)), "left_out": ""}
            rows.append({**facts, **crops, **own})
        rows += [_left_out(name, why) for name, why in header["left_out"].items()]
    return rows


def _aligned_rows(clips: list[SourceClip]) -> list[dict]:
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(_aligned_row, clips))


def _aligned_row(clip: SourceClip) -> dict:
    try:
        info = look(clip.source)
    except ClipError as error:
        return _left_out(clip.name, str(error))
    return {
        **_left_out(clip.name, ""),
        "source": str(clip.source),
        "num_frames": info.num_frames,
        "height": info.height,
        "width": info.width,
        "fps": float(info.fps),
    }


def _left_out(name: str, why: str) -> dict:
    numbers = dict.fromkeys(list(INDEX_COLUMNS)[2:11], -1) | {"num_frames": 0, "fps": 0.0}
    texts = {"clip": name, "source": "", "landmarks": "", "left_out": why}
    return {**numbers, "num_interpolated": 0, "row_group": -1, **texts}


def _require_same_clips(folder: Path, wanted: set[str], found: list[str]) -> None:
    strangers = sorted(set(found) ^ wanted)
    if strangers or len(found) != len(set(found)):
        shown = ", ".join(strangers[:3]) or "a clip twice"
        raise ClipError(
            f"{folder}: the landmarks are of other clips than the set holds ({shown}); run "
            "the landmarks' jobs again"
        )
