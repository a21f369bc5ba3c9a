"""Writes the scores of a set: metrics.parquet, frames.parquet, landmarks.npz and features."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dicface.base.files import atomic_path
from dicface.metrics import METRICS, MetricFacts, features_of, metric_class
from dicface.metrics.clip_score import ClipScore
from dicface.metrics.facts import LANDMARKS
from dicface.metrics.matching import Match
from dicface.metrics.metric import Sides
from dicface.metrics.protocol import EvaluationProtocol


def write_metrics(
    path: Path,
    rows: Mapping[str, str],
    scores: Mapping[str, ClipScore],
    match: Match,
    protocol: EvaluationProtocol,
) -> None:
    """Writes one row a clip and metric; a clip without scores has rows that say why.

    Args:
        path: Where to.
        rows: Columns that are the same in every row.
        scores: Clip -> its scores.
        match: Says of other clips why they have none, and has notes on scored ones.
        protocol: How they were measured.
    """
    table = []
    for clip in sorted([*scores, *match.unusable]):
        for facts in METRICS.values():
            info = protocol.backbones.of(facts.id)
            cell = _cell(facts, scores[clip]) if clip in scores else _no_cell(match.unusable[clip])
            cell["note"] = "; ".join(filter(None, (cell["note"], match.notes.get(clip, ""))))
            row = {**rows, "clip": clip, "metric": facts.id, "protocol": protocol.id, **cell}
            row |= {"backbone": info.name, "backbone_sha256": info.sha256}
            table.append(row | {"official": info.official})
    columns = ["task", "method", "clip", "metric", "value", "num_frames", "num_missing"]
    columns += ["backbone", "backbone_sha256", "official", "protocol", "note"]
    with atomic_path(path) as temporary:
        pd.DataFrame(table)[columns].to_parquet(temporary, index=False)


Cell = dict[str, float | int | str]
"""Value, frames with and without one, and a note, of one clip and metric."""


def _no_cell(reason: str) -> Cell:
    return {"value": math.nan, "num_frames": 0, "num_missing": 0, "note": reason}


def _cell(facts: MetricFacts, score: ClipScore) -> Cell:
    if facts.level == "set":
        windows = len(score.features[features_of(facts.id)].restored)
        note = f"one value for the whole set, from {windows} windows here"
        return _no_cell(note) | {"num_frames": score.num_frames}
    values = score.values[facts.id]
    used = values[~np.isnan(values)]
    notes = []
    if len(used) < len(values):
        notes.append(f"no face in {len(values) - len(used)} frames")
    if score.num_filled and LANDMARKS in metric_class(facts.id).needs:
        notes.append(f"box taken from neighbours in {score.num_filled} frames")
    if not len(values):
        notes.append("needs two frames")
    return {
        "value": float(used.mean()) if len(used) else math.nan,
        "num_frames": len(used),
        "num_missing": len(values) - len(used),
        "note": "; ".join(notes),
    }


def write_frames(
    path: Path,
    rows: Mapping[str, str],
    scores: Mapping[str, ClipScore],
    protocol: EvaluationProtocol,
) -> None:
    """Writes one row a frame and metric, for the frames at which the metric has a value."""
    tables = [
        pd.DataFrame(
            {
                **rows,
                "clip": clip,
                "frame": metric_class(metric).frames(score.num_frames, protocol),
                "metric": metric,
                "value": values,
            }
        )
        for clip, score in scores.items()
        for metric, values in score.values.items()
    ]
    with atomic_path(path) as temporary:
        pd.concat(tables, ignore_index=True).to_parquet(temporary, index=False)


def write_landmarks(path: Path, scores: Mapping[str, ClipScore]) -> None:
    """Writes 68 points of all frames, float32 px of the 512-px face, clip after clip."""
    _write_sides(path, {clip: score.landmarks for clip, score in scores.items()}, "frame_clip")


def write_features(path: Path, metric: str, scores: Mapping[str, ClipScore]) -> Sides:
    """Writes and returns a set-level metric's features of all windows, clip after clip."""
    by_clip = {clip: score.features[metric] for clip, score in scores.items()}
    return _write_sides(path, by_clip, "window_clip")


def _write_sides(path: Path, by_clip: Mapping[str, Sides], owner: str) -> Sides:
    """Joins arrays of clips, and says in `owner` from which clip each part is."""
    restored, truth = (
        np.concatenate([getattr(sides, side) for sides in by_clip.values()])
        for side in ("restored", "truth")
    )
    counts = [len(sides.truth) for sides in by_clip.values()]
    owners: dict[str, NDArray] = {owner: np.repeat(np.arange(len(by_clip)), counts)}
    with atomic_path(path) as temporary:
        np.savez(temporary, clips=np.array(list(by_clip)), restored=restored, truth=truth, **owners)
    return Sides(restored=restored, truth=truth)
