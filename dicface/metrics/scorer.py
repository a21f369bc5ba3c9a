"""Scores sets of restored clips, of one method or of several against one truth."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicface.base.counts import how_many
from dicface.base.files import digest_of
from dicface.metrics import METRICS, feature_sets, features_of, metric_class
from dicface.metrics.analysis import made_from, truth_analysis
from dicface.metrics.clip_score import ClipScore
from dicface.metrics.clip_scorer import of_sets, score_beside
from dicface.metrics.matching import Match
from dicface.metrics.metric import Sides
from dicface.metrics.outputs import (
    write_features,
    write_frames,
    write_landmarks,
    write_metrics,
)
from dicface.metrics.protocol import EvaluationProtocol
from dicface.metrics.workers import map_clips
from dicface.provenance.kept import find, forget_others, kept
from dicface.video.clips import list_clips, read_frames
from dicface.video.masks import endless_masks

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


def set_value(metric: str, features: Sides) -> float:
    """Value of a set-level metric from features of all clips; NaN for fewer than two windows."""
    if len(features.truth) < 2:
        return math.nan
    return metric_class(metric).distance(features.restored, features.truth)


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A method whose clips are scored.

    Attributes:
        method: Its id; goes into the rows.
        match: Which restored clip belongs to which true one, wherever they lie.
        folder: Where the scores go.
    """

    method: str
    match: Match
    folder: Path


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
    scored = Scored(method=method, match=match, folder=Path(out_folder))
    return score_sets(
        task,
        [scored],
        analysis_folder=analysis_folder,
        protocol=protocol,
        metrics=metrics,
        workers=workers,
    )[0]


def score_sets(
    task: str,
    several: Sequence[Scored],
    *,
    analysis_folder: str | Path,
    protocol: EvaluationProtocol,
    metrics: Collection[str] = METRICS,
    workers: int = 1,
    masks: Path | None = None,
) -> list[SetScore]:
    """Scores several methods against one truth, side by side; otherwise as `score_set`.

    `masks` is a folder of the clips' masks (`dicface.video.masks`), for metrics that ask for them.
    """
    masked = {} if masks is None else list_clips(masks)
    truths: dict[str, Path] = {}
    stale: dict[str, list[_Piece]] = {}
    pieces: dict[str, dict[str, _Piece]] = {}
    for one in several:
        pieces[one.method] = {
            clip: _Piece(
                restored=one.match.restored[clip],
                folder=one.folder / "scores",
                made_from=_made_from(one.match.restored[clip], truth, protocol, metrics)
                | ({"mask": digest_of(masked[clip])} if clip in masked else {}),
            )
            for clip, truth in one.match.truths.items()
            if clip not in one.match.unusable
        }
        truths |= one.match.truths
        forget_others(one.folder / "scores", list(pieces[one.method]))
        for clip, piece in pieces[one.method].items():
            if find(piece.folder, clip, piece.made_from) is None:
                stale.setdefault(clip, []).append(piece)
    jobs = [
        _Job(
            clip=clip,
            truth=truths[clip],
            analysis=Path(analysis_folder),
            metrics=tuple(metrics),
            pieces=tuple(stale[clip]),
            mask=masked.get(clip),
        )
        for clip in truths
        if clip in stale
    ]
    named = f"{len(several)} rows" if len(several) > 3 else ", ".join(o.method for o in several)
    map_clips(_score, jobs, f"score {named}", protocol, workers)
    return [_written(task, one, list(pieces[one.method]), protocol, metrics) for one in several]


def _written(
    task: str,
    one: Scored,
    clips: Sequence[str],
    protocol: EvaluationProtocol,
    metrics: Collection[str],
) -> SetScore:
    """Writes the files of a method whose clips are scored, and sums them up."""
    scores = {clip: ClipScore.load(_file(one.folder / "scores", clip)) for clip in clips}
    rows = {"task": task, "method": one.method}
    write_frames(one.folder / "frames.parquet", rows, scores, protocol)
    write_landmarks(one.folder / "landmarks.npz", scores)
    sets = {
        name: write_features(one.folder / f"{name}.npz", name, scores)
        for name in feature_sets(metrics)
    }
    write_metrics(one.folder / "metrics.parquet", rows, scores, one.match, protocol, metrics)
    found = {name: sets[features_of(name)] for name in of_sets(metrics)}
    return _summary(one.method, one.match, found)


@dataclass(frozen=True, kw_only=True)
class _Piece:
    """A restored clip that is to be scored, where its scores go, and what decides them."""

    restored: Path
    folder: Path
    made_from: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Job:
    clip: str
    truth: Path
    analysis: Path
    metrics: tuple[str, ...]
    pieces: tuple[_Piece, ...]
    mask: Path | None


def _file(folder: Path, clip: str) -> Path:
    """Where the scores of a clip go."""
    return folder / f"{clip}.npz"


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
    analysis = truth_analysis(job.clip, job.truth, job.analysis, protocol)
    scores = score_beside(
        job.clip,
        [read_frames(piece.restored) for piece in job.pieces],
        read_frames(job.truth),
        analysis,
        protocol,
        metrics=job.metrics,
        masks=endless_masks(job.mask) if job.mask else None,
    )
    for piece, score in zip(job.pieces, scores, strict=True):
        path = _file(piece.folder, job.clip)
        with kept(piece.folder, job.clip, piece.made_from, path.name):
            score.save(path)


def _summary(method: str, match: Match, sets: Mapping[str, Sides]) -> SetScore:
    num_clips, missing = len(match.truths), tuple(match.unusable)
    num_windows = {name: len(features.truth) for name, features in sets.items()}
    _log.info(
        "%s: %d of %d clips scored%s",
        method,
        num_clips - len(missing),
        num_clips,
        "".join(
            f", {METRICS[name].name} over {how_many(number, 'window')}"
            + (" (too few to rank by)" if number < METRICS[name].min_windows else "")
            for name, number in num_windows.items()
        ),
    )
    values = {name: set_value(name, features) for name, features in sets.items()}
    return SetScore(num_clips=num_clips, missing=missing, values=values, num_windows=num_windows)
