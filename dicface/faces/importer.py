"""Any folder of videos in, aligned lossless clips out.

Each clip is read twice, frame by frame, so that memory does not grow with its length: once to find
and smooth the landmarks of its largest face, once to align and write the frames.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from dicface.base.errors import ClipError, ConfigError, FaceError
from dicface.base.files import stamp_of, write_parquet
from dicface.faces.align import Border, estimate_affine, warp
from dicface.faces.detect import Detector, DetectorName, default_detector
from dicface.faces.faces_file import FACES_FILE, faces_table, read_faces
from dicface.faces.misfits import (
    OnMisfit,
    look_through,
    misfit_of,
    settle,
    too_short,
    write_left_out,
)
from dicface.faces.track import (
    SMOOTHING_SIGMA_FRAMES,
    Choice,
    Ends,
    SmoothTrack,
    smooth_track,
    track_faces,
)
from dicface.provenance.kept import FOLDER, forget_others, kept, was_made
from dicface.video.clips import (
    ClipInfo,
    frame_rate,
    list_clips,
    read_frames,
    require_apart,
    write_clip,
)
from dicface.video.formats import passed_over

logger = logging.getLogger(__name__)

INDEX_FILE = "index.parquet"
INDEX_COLUMNS = (
    "clip",
    "num_frames",
    "fps",
    "identity",
    "source",
    "num_interpolated",
    "detector",
    "detector_sha256",
)
_FULL_SIZE = 512
"""From this size on the release's bilinear warp is kept as it is; below it would alias."""


@dataclass(frozen=True, kw_only=True)
class ImportSettings:
    """How clips are aligned.

    Attributes:
        size: Side of the aligned frames, px.
        max_frames: Frames kept of each clip, from its start; None keeps all.
        choice: Which face of several: `largest` (release) or `nearest` to the last frame's.
        smoothing_sigma_frames: Temporal smoothing of the landmarks (release: 5).
        smoothing_ends: `reflect` (release) or `extrapolate` (see `smooth_track`).
        border: Colour outside the source frame: `trainer` or `helper`, as in the release.
    """

    size: int
    max_frames: int | None = None
    choice: Choice = "largest"
    smoothing_sigma_frames: float = SMOOTHING_SIGMA_FRAMES
    smoothing_ends: Ends = "reflect"
    border: Border = "trainer"

    def __post_init__(self) -> None:
        """Checks sizes and names.

        Raises:
            ConfigError: A setting is out of its range.
        """
        if not isinstance(self.size, int) or self.size < 16 or self.size % 2:
            raise ConfigError(f"size: found {self.size}, expected an even number of px, 16 or more")
        if self.max_frames is not None and self.max_frames < 1:
            raise ConfigError(f"max_frames: found {self.max_frames}, expected at least 1")
        named = {"choice": Choice, "smoothing_ends": Ends, "border": Border}
        for name, kind in named.items():
            found, known = getattr(self, name), get_args(kind)
            if found not in known:
                raise ConfigError(f"{name}: found {found!r}, expected {' or '.join(known)}")


@dataclass(frozen=True, eq=False)
class ImportedClip:
    """An aligned clip and how it was aligned.

    Attributes:
        info: Facts of the written clip.
        faces: One row a frame: clip, frame, detected, raw_x0 … raw_y4 (NaN without a face), x0 … y4
            (filled and smoothed; px of the source), a00 … a12 (affine, source px → aligned px).
    """

    info: ClipInfo
    faces: pd.DataFrame

    @property
    def num_interpolated(self) -> int:
        """Frames without a detected face."""
        return int((~self.faces["detected"]).sum())


def import_clip(
    source_path: str | Path,
    clip_name: str,
    out_folder: str | Path,
    *,
    settings: ImportSettings,
    detector: Detector,
    progress: bool = True,
) -> ImportedClip:
    """Aligns one clip and writes `<clip_name>.mkv`.

    Args:
        source_path: A video of any size, frame rate and length, or a folder of images.
        clip_name: Name of the aligned clip.
        out_folder: Folder that the aligned clip goes to.
        settings: How the clip is aligned.
        detector: What finds the faces.
        progress: Whether to show a bar over the frames.

    Returns:
        The clip and its landmarks.

    Raises:
        ClipError: The source cannot be read.
        FaceError: No frame has a face, or the landmarks of one are degenerate.
        DicfaceError: The disk is full.
    """
    source_path, out_folder = Path(source_path), Path(out_folder)

    def frames(action: str) -> Iterator[NDArray[np.uint8]]:
        taken = islice(read_frames(source_path), settings.max_frames)
        label = f"{clip_name}: {action}"
        return iter(tqdm(taken, desc=label, unit="frame", disable=not progress, leave=False))

    places = find_places(
        frames("finding faces"), str(source_path), settings=settings, detector=detector
    )
    aligned = cut_out(frames("aligning"), places.affines, settings.size, border=settings.border)
    info = write_clip(out_folder / f"{clip_name}.mkv", aligned, frame_rate(source_path))
    return ImportedClip(info, faces_table(clip_name, places.raw, places.track, places.affines))


@dataclass(frozen=True, kw_only=True, eq=False)
class Places:
    """Where the face of a clip of T frames is.

    Attributes:
        raw: (T, 5, 2) points as found, px; NaN without a face.
        track: The same points filled and smoothed.
        affines: (T, 2, 3) source px → aligned px.
    """

    raw: NDArray[np.float64]
    track: SmoothTrack
    affines: NDArray[np.float64]


def find_places(
    frames: Iterable[NDArray[np.uint8]],
    clip: str,
    *,
    settings: ImportSettings,
    detector: Detector,
) -> Places:
    """Finds the face of a clip, as every import does; a frame at a time is in memory.

    Args:
        frames: (H, W, 3) uint8 RGB.
        clip: What messages call it.
        settings: How the clip is aligned.
        detector: What finds the faces.

    Raises:
        FaceError: No frame has a face, or the landmarks of one are degenerate.
    """
    raw = track_faces(frames, detector, choice=settings.choice)
    track = smooth_track(
        raw, clip, sigma_frames=settings.smoothing_sigma_frames, ends=settings.smoothing_ends
    )
    if track.num_interpolated:
        logger.warning(
            "%s: no face in %d of %d frames; their landmarks are interpolated",
            clip,
            track.num_interpolated,
            len(raw),
        )
    if track.jumps:
        logger.warning(
            "%s: the face jumps at frame %s: a cut, or another person. What lies between is "
            "smoothed alone; choice: nearest stays with one of several people",
            clip,
            ", ".join(map(str, track.jumps)),
        )
    try:
        affines = np.stack([estimate_affine(points, settings.size) for points in track.points])
    except FaceError as error:
        raise FaceError(f"{clip}: {error}") from error
    return Places(raw=raw, track=track, affines=affines)


def cut_out(
    frames: Iterable[NDArray[np.uint8]],
    affines: Iterable[NDArray[np.floating]],
    size: int,
    *,
    border: Border = "trainer",
) -> Iterator[NDArray[np.uint8]]:
    """The aligned face of each frame, as every import makes it.

    Args:
        frames: (H, W, 3) uint8 RGB.
        affines: (2, 3) source px → aligned px, one a frame.
        size: Side of the aligned frames, px.
        border: Colour outside the source frame.

    Yields:
        (size, size, 3) uint8 RGB.
    """
    for frame, affine in zip(frames, affines, strict=True):
        yield warp(frame, affine, size, border=border, antialias=size < _FULL_SIZE)


def import_folder(
    folder: str | Path,
    out_folder: str | Path,
    *,
    size: int,
    detector: DetectorName | Detector = "auto",
    max_frames: int | None = None,
    choice: Choice = "largest",
    smoothing_ends: Ends = "reflect",
    border: Border = "trainer",
    min_frames: int = 1,
    on_misfit: OnMisfit = "drop",
    progress: bool = True,
) -> pd.DataFrame:
    """Aligns every clip of a folder; writes clips, `faces.parquet` and, last, `index.parquet`.

    Resumable: a clip that was aligned from the same source with the same settings and detector is
    kept. Clips that cannot be read are found before any face is looked for; clips that fail do not
    stop the others, and all are named at once. What was left out stands in `left_out.json`.

    Args:
        folder: Folder of videos and folders of images.
        out_folder: Folder that the aligned clips go to.
        size: Side of the aligned frames, px.
        detector: A detector or the name of one (see `default_detector`).
        max_frames: Frames kept of each clip; None keeps all.
        choice: Which face of several is taken.
        smoothing_ends: How the landmarks' track continues beyond its ends.
        border: Colour outside the source frame.
        min_frames: Frames that a clip needs.
        on_misfit: `drop` goes on without clips that are unreadable, damaged, too short or without a
            face; `stop` is an error.
        progress: Whether to show bars.

    Returns:
        The index: one row a clip with clip, num_frames, fps, identity (the clip's name: who is in
        it is not known), source, num_interpolated, detector, detector_sha256.

    Raises:
        ClipError: The folder is missing, empty, has two clips of one name, or gets the results too;
            no clip can be used, or one cannot and `on_misfit` is `stop`.
        ConfigError: A setting is out of its range.
        FaceError: Likewise, and all that cannot be used have no face.
        WeightsError: The detector's weights are missing or damaged.
        DicfaceError: The disk is full.
    """
    folder, out_folder = Path(folder), Path(out_folder)
    settings = ImportSettings(
        size=size,
        max_frames=max_frames,
        choice=choice,
        smoothing_ends=smoothing_ends,
        border=border,
    )
    clips = list_clips(folder)
    require_apart(clips, out_folder)
    if isinstance(detector, str):
        detector = default_detector(detector)
    (out_folder / INDEX_FILE).unlink(missing_ok=True)  # until all clips are whole again
    forget_others(out_folder, clips)
    others = passed_over(folder) if folder.is_dir() else []
    if others:
        logger.warning("%s: passed over, as no clips that are read: %s", folder, ", ".join(others))
    new = {name: path for name, path in clips.items() if not was_made(out_folder, name)}
    misfits = look_through(new, max_frames=max_frames, min_frames=min_frames, progress=progress)
    settle(misfits, len(clips), on_misfit)
    known = {misfit.clip for misfit in misfits}
    index_rows, faces = [], []
    bar = tqdm(clips.items(), desc="import", unit="clip", disable=not progress)
    for name, source in bar:
        bar.set_postfix_str(name)
        if name in known:
            continue
        try:
            row, table = _import_or_keep(source, name, out_folder, settings, detector, progress)
        except (ClipError, FaceError) as error:
            misfits.append(misfit_of(name, error))
            continue
        if row["num_frames"] < min_frames:
            misfits.append(too_short(name, source, row["num_frames"], min_frames))
            continue
        index_rows.append(row)
        faces.append(table)
    if len(misfits) > len(known):
        settle(misfits, len(clips), on_misfit)
    forget_others(out_folder, [row["clip"] for row in index_rows])
    write_left_out(out_folder, misfits)
    index = pd.DataFrame(index_rows, columns=list(INDEX_COLUMNS))
    write_parquet(out_folder / FACES_FILE, pd.concat(faces, ignore_index=True))
    write_parquet(out_folder / INDEX_FILE, index)
    return index


def _import_or_keep(
    source: Path,
    name: str,
    out_folder: Path,
    settings: ImportSettings,
    detector: Detector,
    progress: bool,
) -> tuple[dict[str, str | int | float], pd.DataFrame]:
    """Returns the index row and the faces of one clip, which is kept if made from the same."""
    made_from = {
        "settings": dataclasses.asdict(settings),
        "detector": [detector.name, detector.sha256],
        "source": stamp_of(source),
    }
    clip_file, faces_file = f"{name}.mkv", f"{FOLDER}/{name}.parquet"
    with kept(out_folder, name, made_from, clip_file, faces_file) as piece:
        if not piece.todo:
            logger.info("%s: already aligned, kept", name)
            return piece.facts, read_faces(out_folder / faces_file)
        clip = import_clip(
            source, name, out_folder, settings=settings, detector=detector, progress=progress
        )
        write_parquet(out_folder / faces_file, clip.faces)
        piece.facts = {
            "clip": name,
            "num_frames": clip.info.num_frames,
            "fps": float(clip.info.fps),
            "identity": name,
            "source": source.name,
            "num_interpolated": clip.num_interpolated,
            "detector": detector.name,
            "detector_sha256": detector.sha256,
        }
    return piece.facts, clip.faces
