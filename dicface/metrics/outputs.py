"""Writes the scores of a set: metrics.parquet, frames.parquet, landmarks.npz and features."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dicface.base.counts import how_many
from dicface.base.files import atomic_path, write_parquet
from dicface.metrics import METRICS, WITHOUT_TRUTH, MetricFacts, features_of, metric_class
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
    metrics: Iterable[str] = METRICS,
) -> None:
    """Writes one row a clip and metric; a clip without scores has rows that say why.

    Args:
        path: Where to.
        rows: Columns that are the same in every row.
        scores: Clip -> its scores.
        match: Says of other clips why they have none, and has notes on scored ones.
        protocol: How they were measured.
        metrics: What was measured.
    """
    table = metrics_table(
        scores, protocol, unusable=match.unusable, notes=match.notes, metrics=metrics
    )
    write_parquet(path, table.assign(**rows)[[*rows, *table]])


def metrics_table(
    scores: Mapping[str, ClipScore],
    protocol: EvaluationProtocol,
    *,
    unusable: Mapping[str, str] = MappingProxyType({}),
    notes: Mapping[str, str] = MappingProxyType({}),
    metrics: Iterable[str] = METRICS,
) -> pd.DataFrame:
    """Returns one row a clip and metric, with what it was measured by, see `write_metrics`."""
    table = []
    for clip in sorted([*scores, *unusable]):
        for facts in (metric_class(name).facts for name in metrics):
            info = protocol.backbones.of(facts.id)
            cell = _cell(facts, scores[clip]) if clip in scores else _no_cell(unusable[clip])
            cell["note"] = "; ".join(filter(None, (cell["note"], notes.get(clip, ""))))
            row = {"clip": clip, "metric": facts.id, "protocol": protocol.id, **cell}
            row |= {"backbone": info.name, "backbone_sha256": info.sha256}
            table.append(row | {"official": info.official})
    columns = ["clip", "metric", "value", "num_frames", "num_missing"]
    columns += ["backbone", "backbone_sha256", "official", "protocol", "note"]
    return pd.DataFrame(table, columns=columns)


Cell = dict[str, float | int | str]
"""Value, frames with and without one, and a note, of one clip and metric."""


def _no_cell(reason: str) -> Cell:
    return {"value": math.nan, "num_frames": 0, "num_missing": 0, "note": reason}


def _cell(facts: MetricFacts, score: ClipScore) -> Cell:
    if facts.level == "set":
        windows = len(score.features[features_of(facts.id)].restored)
        note = f"one value for the whole set, from {how_many(windows, 'window')} here"
        return _no_cell(note) | {"num_frames": score.num_frames}
    values = score.values[facts.id]
    num_missing = int(np.isnan(values).sum())
    looks_at_faces = LANDMARKS in metric_class(facts.id).needs
    notes = []
    if num_missing:
        notes.append(
            f"no {'face' if looks_at_faces else 'value'} in {how_many(num_missing, 'frame')}"
        )
    if looks_at_faces:
        if score.num_filled:
            notes.append(f"box taken from neighbours in {how_many(score.num_filled, 'frame')}")
        if score.num_template:
            notes.append(f"box of an aligned face taken in {how_many(score.num_template, 'frame')}")
    if not len(values):
        notes.append("needs more frames" if facts.id in WITHOUT_TRUTH else "needs two frames")
    return {
        "value": score.value(facts.id),
        "num_frames": len(values) - num_missing,
        "num_missing": num_missing,
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
    joined = join(by_clip.values())
    counts = [len(sides.truth) for sides in by_clip.values()]
    owners: dict[str, NDArray] = {owner: np.repeat(np.arange(len(by_clip)), counts)}
    with atomic_path(path) as temporary:
        np.savez(
            temporary,
            clips=np.array(list(by_clip)),
            restored=joined.restored,
            truth=joined.truth,
            **owners,
        )
    return joined


def join(several: Iterable[Sides]) -> Sides:
    """Puts arrays of clips one after the other."""
    restored, truth = zip(*((sides.restored, sides.truth) for sides in several), strict=True)
    return Sides(restored=np.concatenate(restored), truth=np.concatenate(truth))
