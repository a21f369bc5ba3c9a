"""The authors' released test set as truth and inputs of a run, in place of our own degradation.

Their inputs are files, so nothing is drawn here: truth and inputs are aligned by the released
landmarks, as the release prepares them, and written as the run's lossless clips.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from dicface.base.errors import ClipError, FaceError
from dicface.base.files import digest_of, sha256_of, write_parquet
from dicface.data.datasets.layouts.layout import Layout, SourceClip
from dicface.data.datasets.shard_landmarks import TEXT_SIDE_PX, fitting_landmarks
from dicface.data.degradation.sets import RECORDS_FILE
from dicface.faces.align import Border, enlarge_small, estimate_affine, grey_of, warp
from dicface.faces.faces_file import FACES_FILE, faces_table, read_affines
from dicface.faces.importer import (
    INDEX_COLUMNS,
    INDEX_FILE,
)
from dicface.faces.track import SmoothTrack
from dicface.provenance.kept import forget_others, kept
from dicface.video.clips import frame_rate, list_clips, read_frames, write_clip
from dicface.video.sources import look

logger = logging.getLogger(__name__)

Alignment = Literal["landmarks", "stored"]

FOUND_BY = "released landmarks"
_OTHER_CLIP = 40.0
"""Mean difference in grey levels beyond which an input is of another clip than its truth."""


def import_released_truth(
    layout: Layout,
    out: Path,
    *,
    size: int,
    max_frames: int | None = None,
    border: Border = "helper",
    progress: bool = True,
) -> pd.DataFrame:
    """Aligns the true clips by the released landmarks; writes what `import_folder` writes.

    Frames with a short side below 512 px are enlarged to it first, as the release's helper does.
    Landmarks are taken as they are, without smoothing (DicFace release, preparation of its test
    set). Resumable: a clip that was made from the same files is kept.

    Args:
        layout: A layout of the kind `released_test`.
        out: Folder of the run's true clips.
        size: S, side of the aligned frames, px.
        max_frames: Frames kept of each clip, from its start; None keeps all.
        border: Colour outside the source; the release prepares its test set with `helper`.
        progress: Whether to show a bar.

    Returns:
        The index, which is written last.

    Raises:
        ClipError: The set is incomplete, or a clip cannot be read.
        FaceError: Landmarks do not fit their clip.
        DicfaceError: The disk is full or read-only.
    """
    layout.require()
    (out / INDEX_FILE).unlink(missing_ok=True)
    forget_others(out, layout.clips)
    rows, faces = [], []
    for clip in tqdm(layout.clips.values(), desc="truth", unit="clip", disable=not progress):
        points = _points(clip)[:max_frames]
        affines = _affines(clip, points, size)
        made_from = {
            "source_sha256": digest_of(clip.source),
            "landmarks_sha256": sha256_of(clip.landmarks),
            "size": size,
            "max_frames": max_frames,
            "border": border,
        }
        _make(out, clip.name, made_from, _warped(clip.source, affines, size, border), clip.source)
        track = SmoothTrack(points=points, detected=np.ones(len(points), bool))
        faces.append(faces_table(clip.name, points, track, affines))
        row = (clip.name, len(points), float(frame_rate(clip.source)), clip.name, clip.source.name)
        digest = made_from["landmarks_sha256"]
        rows.append(dict(zip(INDEX_COLUMNS, (*row, 0, FOUND_BY, digest), strict=True)))
    index = pd.DataFrame(rows, columns=list(INDEX_COLUMNS))
    write_parquet(out / FACES_FILE, pd.concat(faces, ignore_index=True))
    write_parquet(out / INDEX_FILE, index)
    return index


def import_released_inputs(
    layout: Layout,
    task: str,
    truth: Path,
    out: Path,
    *,
    size: int,
    border: Border = "helper",
    progress: bool = True,
) -> Path:
    """Writes the authors' inputs of a task as `<out>/<clip>.mkv`, aligned like the truth.

    Whether the files are aligned already is not documented, so it is measured: the first frame of
    every clip is compared, in grey and outside a white mask, with the aligned truth, once as it is
    stored and once aligned by the landmarks; the closer of the two, over all clips, is taken for
    the whole set and recorded. Resumable: a clip that was made from the same files is kept.

    Args:
        layout: A layout of the kind `released_test`.
        task: `bfr`, `inpainting` or `colorization`.
        truth: Folder that `import_released_truth` wrote.
        out: Folder of the task's inputs.
        size: S, px.
        border: Colour outside the source.
        progress: Whether to show a bar.

    Returns:
        Path of `degradation.parquet`, written last: clip, source, source_sha256 (of the file, or of
        all names and digests of a folder's frames), num_frames, alignment, setting_test_set.

    Raises:
        ClipError: The set has no such inputs, or one is unreadable, of another length than the
            truth, or of another clip.
        FaceError: The truth's landmarks are missing.
        DicfaceError: The disk is full or read-only.
    """
    layout.require()
    if task not in layout.inputs:
        raise ClipError(
            f"{layout.folder}: found no inputs of the task {task}; expected a folder of them (see "
            "docs/datasets.md), or test_set: regenerated"
        )
    inputs = layout.inputs[task]
    truths = {name: path for name, path in list_clips(truth).items() if name in layout.clips}
    affines = read_affines(truth)
    alignment = _alignment(inputs, truths, affines, size, border)
    logger.info("%s: inputs are aligned by: %s", task, alignment)
    (out / RECORDS_FILE).unlink(missing_ok=True)
    forget_others(out, truths)
    rows = []
    for name in tqdm(sorted(truths), desc=f"inputs of {task}", unit="clip", disable=not progress):
        clip, each = inputs[name], affines[name]
        info = look(clip.source)
        num_true = look(layout.clips[name].source).num_frames
        if info.num_frames != num_true:
            raise ClipError(
                f"{clip.source}: holds {info.num_frames} frames, its truth "
                f"{layout.clips[name].source} {num_true}; replace it by a whole copy"
            )
        made_from = {
            "source_sha256": digest_of(clip.source),
            "alignment": alignment,
            "affines": each.tolist(),
            "size": size,
            "border": border,
        }
        frames = _aligned(clip.source, each, alignment, size, border)
        _make(out, name, made_from, frames, truths[name])
        rows.append(
            {
                "clip": name,
                "source": clip.source.name,
                "source_sha256": made_from["source_sha256"],
                "num_frames": len(each),
                "alignment": alignment,
                "setting_test_set": "released",
            }
        )
    table = out / RECORDS_FILE
    write_parquet(table, pd.DataFrame(rows))
    return table


def _points(clip: SourceClip) -> NDArray[np.float64]:
    """The released landmarks of a true clip, checked against it; (T, 5, 2) px of 512."""
    info = look(clip.source)
    if (info.height, info.width) != (TEXT_SIDE_PX, TEXT_SIDE_PX):
        raise ClipError(
            f"{clip.source}: frames are {info.width}×{info.height} px; its landmarks are those of "
            f"{TEXT_SIDE_PX}×{TEXT_SIDE_PX} px; get the released clip"
        )
    points = fitting_landmarks(clip.landmarks, info.num_frames)
    inside = (points > -TEXT_SIDE_PX / 2).all() and (points < TEXT_SIDE_PX * 1.5).all()
    if not inside or (points[:, 0, 0] >= points[:, 1, 0]).all():
        raise FaceError(
            f"{clip.landmarks}: the points are no face in a {TEXT_SIDE_PX}-px frame; expected left "
            "eye, right eye, nose, left and right mouth corner; replace the file"
        )
    return points


def _affines(clip: SourceClip, points: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    try:
        return np.stack([estimate_affine(each, size) for each in points])
    except FaceError as error:
        raise FaceError(f"{clip.landmarks}: {error}") from error


def _warped(
    source: Path, affines: NDArray[np.float64], size: int, border: Border
) -> Iterator[NDArray[np.uint8]]:
    frames = islice(read_frames(source), len(affines))
    for frame, affine in zip(frames, affines, strict=True):
        yield warp(enlarge_small(frame), affine, size, border=border, antialias=True)


def _aligned(
    source: Path, affines: NDArray[np.float64], alignment: Alignment, size: int, border: Border
) -> Iterator[NDArray[np.uint8]]:
    if alignment == "stored":
        scale = size / TEXT_SIDE_PX
        keep = np.array([[scale, 0, scale / 2 - 0.5], [0, scale, scale / 2 - 0.5]])
        affines = np.broadcast_to(keep, affines.shape)
    return _warped(source, affines, size, border)


def _alignment(
    inputs: dict[str, SourceClip],
    truths: dict[str, Path],
    affines: dict[str, NDArray[np.float64]],
    size: int,
    border: Border,
) -> Alignment:
    """Which reading of the inputs fits the truth, judged by the first frame of every clip."""
    differences: dict[Alignment, list[float]] = {"landmarks": [], "stored": []}
    for name, path in truths.items():
        true = _grey(next(read_frames(path)))
        for alignment, found in differences.items():
            frames = _aligned(inputs[name].source, affines[name][:1], alignment, size, border)
            given = next(frames)
            shown = ~(given == 255).all(axis=2)
            difference = np.abs(_grey(given) - true)[shown]
            found.append(float(difference.mean()) if difference.size else 0.0)
    best = min(differences, key=lambda alignment: float(np.mean(differences[alignment])))
    for name, difference in zip(truths, differences[best], strict=True):
        if difference > _OTHER_CLIP:
            raise ClipError(
                f"{inputs[name].source}: differs from its truth by {difference:.0f} grey levels on "
                f"average, expected less than {_OTHER_CLIP:.0f}; the file or its landmarks are of "
                "another clip: replace them"
            )
    return best


def _grey(frame: NDArray[np.uint8]) -> NDArray[np.floating]:
    return grey_of(frame.astype(np.float64))[..., 0]


def _make(
    out: Path,
    name: str,
    made_from: dict[str, object],
    frames: Iterator[NDArray[np.uint8]],
    timing: Path,
) -> None:
    """Writes a clip at the frame rate of `timing`, unless it is there and made from the same."""
    with kept(out, name, made_from, f"{name}.mkv") as piece:
        if piece.todo:
            write_clip(out / f"{name}.mkv", frames, frame_rate(timing))
        else:
            logger.info("%s: already made, kept", out / f"{name}.mkv")
