"""Landmarks of a large training set, which its authors never released: one parquet file a shard.

A shard's file has one row group a clip, so that a training reads one clip's landmarks alone.
"""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from tqdm import tqdm

from dicface.base.errors import ClipError, FaceError
from dicface.base.files import atomic_path, sha256_of, stamp_of
from dicface.base.reading import Own, open_parquet, said
from dicface.data.datasets.expected import crop_of, expected_frames
from dicface.data.datasets.layouts.layout import SourceClip
from dicface.data.datasets.layouts.text import read_landmarks, read_meta
from dicface.faces.align import estimate_affine
from dicface.faces.detect import Detector
from dicface.faces.track import (
    SMOOTHING_SIGMA_FRAMES,
    Choice,
    Ends,
    SmoothTrack,
    smooth_track,
    track_faces,
)
from dicface.provenance.kept import kept
from dicface.video.clips import read_frames
from dicface.video.sources import SourceInfo, frame_times, look

logger = logging.getLogger(__name__)

SHARD = Own(
    "landmarks of a shard's clips",
    "Delete it, then run the landmarks' job and the index again.",
    error=ClipError,
)
RAW_COLUMNS = [f"raw_{axis}{point}" for point in range(5) for axis in "xy"]
POINT_COLUMNS = [f"{axis}{point}" for point in range(5) for axis in "xy"]
TEXT_SIDE_PX = 512
"""Landmark files in the release's text format are in px of frames of this side."""

_HEADER = b"dicface"
_SCHEMA = pa.schema(
    [
        ("clip", pa.string()),
        ("frame", pa.int64()),
        ("detected", pa.bool_()),
        *((name, pa.float32()) for name in (*RAW_COLUMNS, *POINT_COLUMNS)),
    ]
)


@dataclass(frozen=True, kw_only=True)
class LandmarkSettings:
    """How landmarks are made.

    Attributes:
        choice: Which face of several: `largest` (release) or `nearest` to the last frame's.
        smoothing_sigma_frames: Temporal smoothing (release, inference: 5).
        smoothing_ends: `reflect` (release) or `extrapolate`.
        batch_size: Number of frames that the detector takes at once; decides only speed and memory.
    """

    choice: Choice = "largest"
    smoothing_sigma_frames: float = SMOOTHING_SIGMA_FRAMES
    smoothing_ends: Ends = "reflect"
    batch_size: int = 16

    def decisive(self) -> dict[str, Any]:
        """Returns the settings that decide the landmarks, which the batch does not."""
        return {k: v for k, v in dataclasses.asdict(self).items() if k != "batch_size"}


@dataclass(frozen=True, eq=False)
class ClipLandmarks:
    """Landmarks of one clip: facts of the clip, and one row a frame."""

    facts: dict[str, Any]
    rows: pd.DataFrame


def landmarks_of_shard(
    clips: Sequence[SourceClip],
    out: Path,
    *,
    detector: Detector,
    settings: LandmarkSettings | None = None,
    progress: bool = True,
) -> Path:
    """Makes one parquet file of the landmarks of a shard's clips.

    Clips with a landmark file of their own keep those points; in the others faces are detected,
    followed and smoothed. A clip that cannot be used (unreadable, no face, another number of frames
    than its meta file says) is left out with the reason, in the file's header and in the log; how
    many may be is for the index to say, which knows all shards. A finished file that was made from
    the same clips with the same detector and settings is kept.

    Args:
        clips: The shard's clips.
        out: The file, `landmarks/shard_<id>.parquet` in the run's folder of training data.
        detector: What finds the faces.
        settings: How landmarks are made; as in the release by default.
        progress: Whether to show bars.

    Returns:
        The file, with a row a frame: clip, frame, detected, raw_x0 … raw_y4 (NaN without a face),
        x0 … y4 (filled and smoothed), in px of the clip's frame, cropped if its meta file says so.

    Raises:
        DicfaceError: The disk is full or read-only.
    """
    settings = settings or LandmarkSettings()
    made_from = {
        "clips": list(map(_origin, clips)),
        "detector": [detector.name, detector.sha256],
        "settings": settings.decisive(),
    }
    with kept(out.parent, out.stem, made_from, out.name) as piece:
        if piece.todo:
            _make_shard(clips, out, detector, settings, progress)
        else:
            logger.info("%s: already made, kept", out)
    return out


def _origin(clip: SourceClip) -> dict[str, Any]:
    """What a clip's landmarks are made from: where its files are, and whether they changed."""
    files = [path for path in (clip.source, clip.meta, clip.landmarks) if path]
    return {
        "name": clip.name,
        "num_frames": clip.num_frames,
        "files": [[str(path), stamp_of(path)] for path in files if path.exists()],
    }


def _make_shard(
    clips: Sequence[SourceClip],
    out: Path,
    detector: Detector,
    settings: LandmarkSettings,
    progress: bool,
) -> None:
    facts: dict[str, dict] = {}
    left_out: dict[str, str] = {}
    tables = []
    bar = tqdm(clips, desc=out.stem, unit="clip", disable=not progress)
    for clip in bar:
        bar.set_postfix_str(clip.name)
        try:
            made = landmarks_of_clip(clip, detector, settings)
        except (ClipError, FaceError) as error:
            left_out[clip.name] = str(error)
            logger.warning("%s is left out: %s", clip.name, error)
            continue
        facts[clip.name] = made.facts | {"row_group": len(tables)}
        tables.append(pa.Table.from_pandas(made.rows, schema=_SCHEMA, preserve_index=False))
    header = {"clips": facts, "left_out": left_out}
    schema = _SCHEMA.with_metadata({_HEADER: json.dumps(header).encode()})
    with atomic_path(out) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for table in tables:
            writer.write_table(table.cast(schema))


def landmarks_of_clip(
    clip: SourceClip, detector: Detector, settings: LandmarkSettings
) -> ClipLandmarks:
    """Finds or reads the landmarks of one clip, frame by frame.

    Raises:
        ClipError: It cannot be read, or has another number of frames than its meta file says.
        FaceError: No frame has a face, or its landmark file does not fit it.
    """
    info = look(clip.source)
    meta = read_meta(clip.meta) if clip.meta else None
    crop = crop_of(meta, info, clip.name)
    if clip.landmarks is not None:
        num_frames = info.num_frames
        if clip.source.is_file():
            num_frames = len(frame_times(clip.source))
        raw = fitting_landmarks(clip.landmarks, num_frames)
        raw *= _side(crop, info) / TEXT_SIDE_PX
        track = SmoothTrack(points=raw, detected=np.ones(len(raw), bool))
        found_by = ["text file", sha256_of(clip.landmarks)]
    else:
        raw = track_faces(
            _cropped(clip.source, crop),
            detector,
            choice=settings.choice,
            batch_size=settings.batch_size,
        )
        track = smooth_track(
            raw,
            clip.name,
            sigma_frames=settings.smoothing_sigma_frames,
            ends=settings.smoothing_ends,
        )
        found_by = [detector.name, detector.sha256]
    _require_expected(clip, len(raw))
    if clip.source.is_file() and len(frame_times(clip.source)) != len(raw):
        raise ClipError(
            f"{clip.source}: holds {len(frame_times(clip.source))} packets and {len(raw)} frames "
            "can be decoded; replace it by a whole copy or remove it"
        )
    for points in track.points:
        estimate_affine(points)
    facts = {
        "source": str(clip.source),
        "num_frames": len(raw),
        "height": info.height,
        "width": info.width,
        "fps": float(meta.fps if meta else info.fps),
        "crop": list(crop or ()),
        "num_interpolated": track.num_interpolated,
        "found_by": found_by,
    }
    rows = pd.DataFrame({"clip": clip.name, "frame": range(len(raw)), "detected": track.detected})
    for columns, values in ((RAW_COLUMNS, raw), (POINT_COLUMNS, track.points)):
        flat = values.reshape(len(raw), 10).astype(np.float32)
        rows = pd.concat([rows, pd.DataFrame(flat, columns=columns)], axis=1)
    return ClipLandmarks(facts, rows)


def fitting_landmarks(path: Path, num_frames: int) -> NDArray[np.float64]:
    """Reads a landmark file of a clip with that many frames: (T, 5, 2) px of a 512-px frame.

    Raises:
        FaceError: It has another number of lines, or is no landmark file.
    """
    points = read_landmarks(path)
    if len(points) != num_frames:
        shorter = "is shorter than its clip" if len(points) < num_frames else "is of another clip"
        raise FaceError(
            f"{path}: {shorter}: {len(points)} lines, the clip has {num_frames} frames; expected "
            "one line a frame; replace the landmarks or the clip by a whole copy"
        )
    return points


def read_header(path: Path) -> dict[str, Any]:
    """Reads the header of a shard's landmarks: clips (facts by name) and left_out.

    Raises:
        ClipError: The file is missing, damaged or of another kind.
    """
    with said(path, SHARD):
        return json.loads((open_parquet(path, SHARD).schema_arrow.metadata or {})[_HEADER])


def _require_expected(clip: SourceClip, num_frames: int) -> None:
    """Lists and meta files bind; the two numbers in a clip's name are nominal and do not."""
    expected = expected_frames(clip)
    if expected.count and not expected.slack and expected.count != num_frames:
        raise ClipError(
            f"{clip.source}: holds {num_frames} frames, {expected.said_by} says {expected.count}; "
            "replace it by a whole copy or remove it"
        )


def _side(crop: tuple[int, int, int, int] | None, info: SourceInfo) -> int:
    return crop[2] - crop[0] if crop else info.width


def _cropped(source: Path, crop: tuple[int, int, int, int] | None) -> Iterator[NDArray[np.uint8]]:
    x0, y0, x1, y1 = crop or (0, 0, None, None)
    return (np.ascontiguousarray(frame[y0:y1, x0:x1]) for frame in read_frames(source))
