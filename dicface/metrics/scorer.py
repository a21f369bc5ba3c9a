"""Scores restored clips: one decode of a clip serves every metric, memory stays bounded.

Boxes and the alignment for the identity network come from the truth (`analysis.py`): a face that
is detected only where restoration is good would hide the bad frames.
"""

from __future__ import annotations

import itertools
import json
import logging
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import MetricError
from dicface.base.files import atomic_path
from dicface.metrics import METRICS
from dicface.metrics._pool import map_clips
from dicface.metrics._tables import (
    FRAME_METRICS,
    write_features,
    write_frames,
    write_landmarks,
    write_metrics,
)
from dicface.metrics.akd import keypoint_distance
from dicface.metrics.analysis import (
    TruthAnalysis,
    analyse_set,
    analysis_key,
    clip_digest,
    load_npz,
    protocol_id,
    truth_analysis,
)
from dicface.metrics.backbones import Backbones, Prefer
from dicface.metrics.backbones.landmarks import NUM_POINTS
from dicface.metrics.facts import FrameMean
from dicface.metrics.fvd import MIN_WINDOWS, WindowBuffer, frechet_distance
from dicface.metrics.ids import identity_similarity
from dicface.metrics.lpips import PairBuffer
from dicface.metrics.psnr import psnr
from dicface.metrics.ssim import ssim
from dicface.metrics.tlme import MotionError
from dicface.metrics.tracks import face_frame
from dicface.runs.results import read_index, restored_clips
from dicface.video.clips import list_clips, read_frames

NO_POINTS = np.full((NUM_POINTS, 2), math.nan)

NOT_RESTORED = "not restored"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class ClipScore:
    """Scores of one clip.

    Attributes:
        values: Metric -> value of each of its frames (`frame_numbers`), NaN where it has none.
        features: (W, D) video features of the restored clip; empty when FVD was not asked for.
        landmarks: (T, 68, 2) x and y on the restored frames, px of the 512-px face; NaN where the
            true frame has no face.
        num_frames: T.
    """

    values: dict[str, NDArray[np.float64]]
    features: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    num_frames: int


@dataclass(frozen=True, kw_only=True)
class SetScore:
    """What came of a whole set: how many clips have scores, which have none, and the FVD."""

    num_clips: int
    missing: tuple[str, ...]
    fvd: float
    num_windows: int


def score_clip(
    restored: Path,
    truth: Path,
    analysis: TruthAnalysis,
    backbones: Backbones,
    *,
    identity_stride: int = 1,
) -> ClipScore:
    """Scores a restored clip against its truth.

    Args:
        restored: Restored clip, frames of the truth's size and number.
        truth: True clip.
        analysis: Of the truth, by the same backbones.
        backbones: What measures.
        identity_stride: As in the analysis.

    Raises:
        ClipError: A clip cannot be read.
        MetricError: Frame counts or sizes differ; the message names the clip and both values.
    """
    return score_frames(
        restored.stem,
        read_frames(restored),
        read_frames(truth),
        analysis,
        backbones,
        identity_stride=identity_stride,
    )


def score_frames(
    clip: str,
    restored: Iterable[NDArray[np.uint8]],
    truth: Iterable[NDArray[np.uint8]],
    analysis: TruthAnalysis,
    backbones: Backbones,
    *,
    identity_stride: int = 1,
    metrics: Collection[str] = tuple(METRICS),
) -> ClipScore:
    """Scores streams of frames (S, S, 3) uint8 RGB, see `score_clip`; `clip` names them."""
    motion = MotionError()
    means = {name: FrameMean() for name in FRAME_METRICS if name in metrics and name != "tlme"}
    windows, features, num_frames = WindowBuffer(), [], 0
    perceptual = PairBuffer(backbones.perceptual.distance)
    found_points = []
    for number, (ours, true) in enumerate(_pairs(clip, restored, truth)):
        num_frames += 1
        if "psnr" in metrics:
            means["psnr"].update(psnr(ours, true))
        if "ssim" in metrics:
            means["ssim"].update(ssim(ours, true))
        if "lpips" in metrics:
            means["lpips"].values += perceptual.push(ours, true)
        if "fvd" in metrics:
            for window in windows.push(backbones.video.prepare(ours)):
                features.append(backbones.video.features(window))
        wants_identity = "ids" in metrics and number % identity_stride == 0
        face, box = face_frame(ours), analysis.box(number)
        if box is None:
            similarity, distance, points, true_points = math.nan, math.nan, None, None
        else:
            true_points = analysis.landmarks[number]
            points = backbones.landmarks.locate(face, box)
            distance = keypoint_distance(points, true_points)
            if wants_identity:
                embedding = backbones.identity.embed(face, true_points)
                similarity = identity_similarity(embedding, analysis.embeddings[number])
        motion.update_landmarks(points, true_points)
        found_points.append(NO_POINTS if points is None else points)
        if wants_identity:
            means["ids"].update(similarity)
        if "akd" in metrics:
            means["akd"].update(distance)
    if "lpips" in metrics:
        means["lpips"].values += perceptual.flush()
    if "fvd" in metrics:
        features += [backbones.video.features(window) for window in windows.flush()]
    if "tlme" in metrics:
        means["tlme"] = motion
    return ClipScore(
        values={name: np.array(mean.values, np.float64) for name, mean in means.items()},
        features=np.array(features, np.float32),
        landmarks=np.array(found_points, np.float32),
        num_frames=num_frames,
    )


def score_set(
    task: str,
    method: str,
    restored_folder: str | Path,
    truth_folder: str | Path,
    out_folder: str | Path,
    *,
    analysis_folder: str | Path,
    prefer: Prefer = "auto",
    identity_stride: int = 1,
    workers: int = 1,
    device: str = "cpu",
) -> SetScore:
    """Scores all restored clips of a method; clips scored before are not scored again.

    Writes into `out_folder`: `scores/<clip>.npz` as each clip is done, then `metrics.parquet`
    (one row a clip and metric), `frames.parquet` (one row a frame and metric), `fvd.npz`
    (features of all windows) and `landmarks.npz` (68 points of all frames, restored and true). A
    true clip that was not restored has rows without values.

    Args:
        task: "bfr", "inpainting" or "colorization"; goes into the rows.
        method: Method id; goes into the rows.
        restored_folder: `<clip>.mkv` for each clip of the truth, or an `index.json` that names the
            folder in which results that were made elsewhere lie.
        truth_folder: True clips.
        out_folder: Where the scores go.
        analysis_folder: Analyses of the truth; missing ones are made.
        prefer: Which backbones, see `Backbones.resolve`.
        identity_stride: IDS looks at every so many frames; part of the protocol id.
        workers: Processes.
        device: torch device of the networks.

    Raises:
        ClipError: A folder holds no clip, or a clip cannot be read.
        MetricError: No clip of the truth was restored, or frame counts or sizes differ.
    """
    truths, restored = list_clips(truth_folder), restored_clips(restored_folder)
    index = read_index(restored_folder)
    missing = tuple(clip for clip in truths if clip not in restored)
    if len(missing) == len(truths):
        raise MetricError(
            f"{restored_folder}: none of its {len(restored)} clips is named like one of the "
            f"{len(truths)} in {truth_folder} (first: '{missing[0]}'). Name restored clips like "
            "their truth."
        )
    if missing:
        _log.warning(
            "%s: %d of %d clips were not restored, or do not fit: %s",
            restored_folder,
            len(missing),
            len(truths),
            ", ".join(missing),
        )
    return score_clips(
        task,
        method,
        restored,
        truths,
        out_folder,
        unusable={clip: index.get("unusable", {}).get(clip, NOT_RESTORED) for clip in missing},
        notes=index.get("notes", {}),
        analysis_folder=analysis_folder,
        prefer=prefer,
        identity_stride=identity_stride,
        workers=workers,
        device=device,
    )


def score_clips(
    task: str,
    method: str,
    restored: Mapping[str, Path],
    truths: Mapping[str, Path],
    out_folder: str | Path,
    *,
    unusable: Mapping[str, str],
    notes: Mapping[str, str],
    analysis_folder: str | Path,
    prefer: Prefer = "auto",
    identity_stride: int = 1,
    workers: int = 1,
    device: str = "cpu",
) -> SetScore:
    """Scores clips that were matched before, wherever they lie; otherwise as `score_set`.

    Args:
        task: Goes into the rows.
        method: Goes into the rows.
        restored: Clip -> restored clip; those of `truths` that are not `unusable` are scored.
        truths: Clip -> true clip, of all clips of the set.
        out_folder: Where the scores go.
        unusable: True clip that cannot be scored -> why; it has rows without values.
        notes: Clip -> what its rows say beside what the metrics have to say.
        analysis_folder: Analyses of the truth; missing ones are made.
        prefer: Which backbones, see `Backbones.resolve`.
        identity_stride: IDS looks at every so many frames; part of the protocol id.
        workers: Processes.
        device: torch device of the networks.

    Raises:
        ClipError: A clip cannot be read.
        MetricError: Frame counts or sizes differ.
    """
    protocol = protocol_id(identity_stride)
    out_folder, analysis_folder = Path(out_folder), Path(analysis_folder)
    backbones = Backbones.resolve(prefer, device=device)
    jobs = {
        clip: _Job(
            clip=clip,
            restored=restored[clip],
            truth=truth,
            analysis=analysis_folder / f"{clip}.npz",
            path=out_folder / "scores" / f"{clip}.npz",
            key=_score_key(restored[clip], truth, backbones, identity_stride),
            identity_stride=identity_stride,
        )
        for clip, truth in truths.items()
        if clip not in unusable
    }
    stale = [job for job in jobs.values() if load_npz(job.path, job.key) is None]
    map_clips(_score, stale, f"score {method}", backbones, prefer, device, workers)
    scores = {clip: load_npz(job.path, job.key) for clip, job in jobs.items()}
    rows = {"task": task, "method": method}
    write_frames(out_folder / "frames.parquet", rows, scores, identity_stride)
    write_landmarks(out_folder / "landmarks.npz", scores)
    features = write_features(out_folder / "fvd.npz", scores)
    rows["protocol"] = protocol
    write_metrics(out_folder / "metrics.parquet", rows, scores, unusable, notes, backbones)
    return _summary(method, len(truths), tuple(unusable), *features)


@dataclass(frozen=True, kw_only=True)
class _Job:
    clip: str
    restored: Path
    truth: Path
    analysis: Path
    path: Path
    key: str
    identity_stride: int


def _score_key(restored: Path, truth: Path, backbones: Backbones, identity_stride: int) -> str:
    facts = {
        "restored": clip_digest(restored),
        "analysis": analysis_key(truth, backbones, identity_stride),
        "perceptual": backbones.digests()["perceptual"],
        "holds": "landmarks",
    }
    return json.dumps(facts, sort_keys=True)


def _score(job: _Job, backbones: Backbones) -> None:
    stride = job.identity_stride
    analysis = truth_analysis(job.truth, job.analysis, backbones, identity_stride=stride)
    score = score_clip(job.restored, job.truth, analysis, backbones, identity_stride=stride)
    with atomic_path(job.path) as temporary:
        np.savez(
            temporary,
            key=job.key,
            num_frames=score.num_frames,
            num_filled=analysis.num_filled,
            restored_features=score.features,
            truth_features=analysis.features,
            restored_landmarks=score.landmarks,
            truth_landmarks=analysis.landmarks.astype(np.float32),
            **score.values,
        )


def _pairs(
    clip: str, restored: Iterable[NDArray[np.uint8]], truth: Iterable[NDArray[np.uint8]]
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Pairs of frames; raises MetricError where sizes or, at the end, counts differ."""
    num_restored = num_truth = 0
    for ours, true in itertools.zip_longest(restored, truth):
        num_restored += ours is not None
        num_truth += true is not None
        if num_restored != num_truth:
            continue
        if ours.shape != true.shape:
            raise MetricError(
                f"clip '{clip}': restored frames are {ours.shape[1]}×{ours.shape[0]} px, those of "
                f"the truth {true.shape[1]}×{true.shape[0]} px. Restore it again at that size."
            )
        yield ours, true
    if num_restored != num_truth:
        raise MetricError(
            f"clip '{clip}': restored has {num_restored} frames, the truth {num_truth}; expected "
            "the same number. Delete the restored clip and restore it again."
        )


def _summary(
    method: str,
    num_clips: int,
    missing: tuple[str, ...],
    restored: NDArray[np.float32],
    truth: NDArray[np.float32],
) -> SetScore:
    fvd = frechet_distance(restored, truth) if len(truth) > 1 else math.nan
    _log.info(
        "%s: %d of %d clips scored, FVD over %d windows%s",
        method,
        num_clips - len(missing),
        num_clips,
        len(truth),
        f" (below {MIN_WINDOWS}: depends on their number)" if len(truth) < MIN_WINDOWS else "",
    )
    return SetScore(num_clips=num_clips, missing=missing, fvd=fvd, num_windows=len(truth))


__all__ = [
    "ClipScore",
    "SetScore",
    "analyse_set",
    "score_clip",
    "score_clips",
    "score_frames",
    "score_set",
]
