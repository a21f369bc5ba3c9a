"""Scores restored clips: one decode of a clip serves every metric, memory stays bounded."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import MetricError
from dicface.base.files import digest_of
from dicface.metrics import METRICS, feature_sets, features_of, metric_class, needed_backbones
from dicface.metrics.analysis import analyse_frames, made_from, truth_analysis
from dicface.metrics.clip_score import ClipScore
from dicface.metrics.facts import LANDMARKS
from dicface.metrics.matching import Match
from dicface.metrics.metric import FrameMetric, SetMetric, Sides
from dicface.metrics.outputs import (
    write_features,
    write_frames,
    write_landmarks,
    write_metrics,
)
from dicface.metrics.protocol import EvaluationProtocol
from dicface.metrics.truth import TruthAnalysis
from dicface.metrics.view import FrameView
from dicface.metrics.workers import map_clips
from dicface.provenance.kept import find, forget_others, kept
from dicface.video.clips import read_frames

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SetScore:
    """What came of a whole set.

    Attributes:
        num_clips: Clips of the set.
        missing: Those without scores.
        values: Set-level metric -> its value; NaN for fewer than two windows.
        num_windows: Set-level metric -> how many windows it was computed from.
    """

    num_clips: int
    missing: tuple[str, ...]
    values: Mapping[str, float]
    num_windows: Mapping[str, int]


def score_clip(
    restored: Path,
    truth: Path,
    analysis: TruthAnalysis,
    protocol: EvaluationProtocol,
    metrics: Collection[str] = METRICS,
) -> ClipScore:
    """Scores a restored clip against its truth.

    Args:
        restored: Restored clip, frames of the truth's size and number.
        truth: True clip.
        analysis: Of the truth, by the same protocol.
        protocol: How it is measured.
        metrics: What is measured.

    Raises:
        ClipError: A clip cannot be read.
        MetricError: Frame counts or sizes differ; the message names the clip and both values.
    """
    return score_frames(
        restored.stem,
        read_frames(restored),
        read_frames(truth),
        analysis,
        protocol,
        metrics=metrics,
    )


def score_frames(
    clip: str,
    restored: Iterable[NDArray[np.uint8]],
    truth: Iterable[NDArray[np.uint8]],
    analysis: TruthAnalysis,
    protocol: EvaluationProtocol,
    *,
    metrics: Collection[str] = METRICS,
) -> ClipScore:
    """Scores streams of frames (S, S, 3) uint8 RGB, see `score_clip`; `clip` names them."""
    of_sets = _of_sets(metrics)
    looked_at = (features_of(name) if name in of_sets else name for name in metrics)
    chosen = {name: metric_class(name)(analysis, protocol) for name in dict.fromkeys(looked_at)}
    looks_at_faces = any(LANDMARKS in metric.needs for metric in chosen.values())
    landmarks, num_frames = [], 0
    for ours, true in _pairs(clip, restored, truth):
        view = FrameView(
            number=num_frames, restored=ours, truth=true, analysis=analysis, protocol=protocol
        )
        for metric in chosen.values():
            metric.update(view)
        if looks_at_faces:
            landmarks.append(view.landmarks)
        num_frames += 1
    return ClipScore(
        values={name: m.values() for name, m in chosen.items() if isinstance(m, FrameMetric)},
        features={name: m.features() for name, m in chosen.items() if isinstance(m, SetMetric)},
        landmarks=Sides(
            restored=np.array(landmarks, np.float32),
            truth=analysis.landmarks[: len(landmarks)].astype(np.float32),
        ),
        num_frames=num_frames,
        num_filled=analysis.num_filled,
        num_template=analysis.num_template,
    )


def measure(
    clip: str,
    restored: Path | NDArray[np.uint8],
    truth: Path | NDArray[np.uint8],
    protocol: EvaluationProtocol,
    *,
    metrics: Collection[str] = METRICS,
) -> ClipScore:
    """Analyses a true clip and scores a restored one, of files or frames; keeps nothing on disk.

    Args:
        clip: Its name, for messages.
        restored: A video, a folder of frames, or frames (T, S, S, 3) uint8 RGB.
        truth: Likewise.
        protocol: How they are measured.
        metrics: What is measured; nothing that no metric needs is looked for.

    Raises:
        ClipError: A clip cannot be read.
        MetricError: Frame counts or sizes differ, or frames are no faces that can be measured.
    """
    needed = needed_backbones(metrics).values()
    analysis = analyse_frames(clip, _frames_of(truth), protocol, needed=needed)
    ours, true = _frames_of(restored), _frames_of(truth)
    return score_frames(clip, ours, true, analysis, protocol, metrics=metrics)


def _frames_of(clip: Path | NDArray[np.uint8]) -> Iterable[NDArray[np.uint8]]:
    return read_frames(clip) if isinstance(clip, Path) else clip


def set_value(metric: str, features: Sides) -> float:
    """Value of a set-level metric from features of all clips; NaN for fewer than two windows."""
    if len(features.truth) < 2:
        return math.nan
    return metric_class(metric).distance(features.restored, features.truth)


def score_set(
    task: str,
    method: str,
    match: Match,
    out_folder: str | Path,
    *,
    analysis_folder: str | Path,
    protocol: EvaluationProtocol,
    metrics: Collection[str] = METRICS,
    workers: int = 1,
) -> SetScore:
    """Scores all restored clips of a method; clips scored before are not scored again.

    Writes into `out_folder`: `scores/<clip>.npz` as each clip is done, then `metrics.parquet`
    (one row a clip and metric), `frames.parquet` (one row a frame and metric), `fvd.npz`
    (features of all windows, as for every set-level metric) and `landmarks.npz` (68 points of all
    frames, restored and true). A true clip that cannot be scored has rows without values.

    Args:
        task: "bfr", "inpainting" or "colorization"; goes into the rows.
        method: Method id; goes into the rows.
        match: Which restored clip belongs to which true one, wherever they lie.
        out_folder: Where the scores go.
        analysis_folder: Analyses of the truth; missing ones are made.
        protocol: How clips are measured.
        metrics: What is measured. Where it needs no truth, the inputs are the true clips.
        workers: Processes.

    Raises:
        ClipError: A clip cannot be read.
        MetricError: Frame counts or sizes differ.
    """
    out_folder, analysis_folder = Path(out_folder), Path(analysis_folder)
    folder = out_folder / "scores"
    jobs = [
        _Job(
            clip=clip,
            restored=match.restored[clip],
            truth=truth,
            analysis=analysis_folder,
            folder=folder,
            metrics=tuple(metrics),
            made_from=_made_from(match.restored[clip], truth, protocol, metrics),
        )
        for clip, truth in match.truths.items()
        if clip not in match.unusable
    ]
    forget_others(folder, [job.clip for job in jobs])
    stale = [job for job in jobs if find(folder, job.clip, job.made_from) is None]
    map_clips(_score, stale, f"score {method}", protocol, workers)
    scores = {job.clip: ClipScore.load(job.path) for job in jobs}
    rows = {"task": task, "method": method}
    write_frames(out_folder / "frames.parquet", rows, scores, protocol)
    write_landmarks(out_folder / "landmarks.npz", scores)
    sets = {
        name: write_features(out_folder / f"{name}.npz", name, scores)
        for name in feature_sets(metrics)
    }
    write_metrics(out_folder / "metrics.parquet", rows, scores, match, protocol, metrics)
    return _summary(method, match, {name: sets[features_of(name)] for name in _of_sets(metrics)})


@dataclass(frozen=True, kw_only=True)
class _Job:
    clip: str
    restored: Path
    truth: Path
    analysis: Path
    folder: Path
    metrics: tuple[str, ...]
    made_from: Mapping[str, Any]

    @property
    def path(self) -> Path:
        """Where the clip's scores go."""
        return self.folder / f"{self.clip}.npz"


def _made_from(
    restored: Path, truth: Path, protocol: EvaluationProtocol, metrics: Collection[str]
) -> dict[str, Any]:
    """Says what decides a clip's scores: if it differs, the clip is scored again."""
    return made_from(truth, protocol) | {
        "restored": digest_of(restored),
        "backbones": protocol.backbones.digests(),
        "metrics": list(metrics),
    }


def _score(job: _Job, protocol: EvaluationProtocol) -> None:
    with kept(job.folder, job.clip, job.made_from, job.path.name) as piece:
        if piece.todo:
            analysis = truth_analysis(job.clip, job.truth, job.analysis, protocol)
            score_clip(job.restored, job.truth, analysis, protocol, job.metrics).save(job.path)


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


def _of_sets(metrics: Iterable[str]) -> list[str]:
    """Those metrics that have one value for all clips together."""
    return [name for name in metrics if metric_class(name).facts.level == "set"]


def _summary(method: str, match: Match, sets: Mapping[str, Sides]) -> SetScore:
    num_clips, missing = len(match.truths), tuple(match.unusable)
    num_windows = {name: len(features.truth) for name, features in sets.items()}
    _log.info(
        "%s: %d of %d clips scored%s",
        method,
        num_clips - len(missing),
        num_clips,
        "".join(
            f", {METRICS[name].name} over {number} windows"
            + (" (too few to rank by)" if number < METRICS[name].min_windows else "")
            for name, number in num_windows.items()
        ),
    )
    values = {name: set_value(name, features) for name, features in sets.items()}
    return SetScore(num_clips=num_clips, missing=missing, values=values, num_windows=num_windows)
