"""Writes the scores of a set: metrics.parquet, frames.parquet, landmarks.npz and fvd.npz."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dicface.base.files import atomic_path
from dicface.metrics import METRICS
from dicface.metrics.backbones import Backbones

FRAME_METRICS = tuple(name for name, facts in METRICS.items() if facts.level != "set")


def frame_numbers(metric: str, num_frames: int, identity_stride: int = 1) -> range:
    """Frames at which a metric has a value: TLME from 1 on, IDS every `identity_stride`."""
    if metric == "tlme":
        return range(1, num_frames)
    return range(0, num_frames, identity_stride if metric == "ids" else 1)


def write_metrics(
    path: Path,
    facts: dict[str, str],
    scores: dict[str, dict[str, NDArray]],
    unusable: Mapping[str, str],
    notes: Mapping[str, str],
    backbones: Backbones,
) -> None:
    """Writes one row a clip and metric; a clip without scores has rows that say why.

    Args:
        path: Where to.
        facts: Columns that are the same in every row.
        scores: Clip -> its scores.
        unusable: Clip without scores -> why.
        notes: Clip -> what stands in the note of each of its rows.
        backbones: What measured.
    """
    rows = []
    for clip in sorted([*scores, *unusable]):
        score = scores.get(clip)
        for metric in METRICS.values():
            info = backbones.of(metric)
            row = {**facts, "clip": clip, "metric": metric.id, "backbone": info.name}
            row |= {"backbone_sha256": info.sha256, "official": info.official}
            cell = _cell(metric.id, score, unusable.get(clip, ""))
            cell["note"] = "; ".join(filter(None, (cell["note"], notes.get(clip, ""))))
            rows.append(row | cell)
    columns = ["task", "method", "clip", "metric", "value", "num_frames", "num_missing"]
    columns += ["backbone", "backbone_sha256", "official", "protocol", "note"]
    with atomic_path(path) as temporary:
        pd.DataFrame(rows)[columns].to_parquet(temporary, index=False)


def _cell(
    metric: str, score: dict[str, NDArray] | None, reason: str
) -> dict[str, float | int | str]:
    """Value, frames with and without one, and a note, of one clip and metric."""
    if score is None:
        return {"value": math.nan, "num_frames": 0, "num_missing": 0, "note": reason}
    if metric == "fvd":
        note = f"one value for the whole set, from {len(score['restored_features'])} windows here"
        num_frames = int(score["num_frames"])
        return {"value": math.nan, "num_frames": num_frames, "num_missing": 0, "note": note}
    values = score[metric]
    used = values[~np.isnan(values)]
    notes = []
    if len(used) < len(values):
        notes.append(f"no face in {len(values) - len(used)} frames")
    if score["num_filled"] and METRICS[metric].needs[:1] == ("landmarks",):
        notes.append(f"box taken from neighbours in {int(score['num_filled'])} frames")
    if not len(values):
        notes.append("needs two frames")
    return {
        "value": float(used.mean()) if len(used) else math.nan,
        "num_frames": len(used),
        "num_missing": len(values) - len(used),
        "note": "; ".join(notes),
    }


def write_frames(
    path: Path, facts: dict[str, str], scores: dict[str, dict[str, NDArray]], stride: int
) -> None:
    """Writes one row a frame and metric, for the frames of `frame_numbers`."""
    tables = [
        pd.DataFrame(
            {
                **facts,
                "clip": clip,
                "frame": frame_numbers(metric, int(score["num_frames"]), stride),
                "metric": metric,
                "value": score[metric],
            }
        )
        for clip, score in scores.items()
        for metric in FRAME_METRICS
    ]
    with atomic_path(path) as temporary:
        pd.concat(tables, ignore_index=True).to_parquet(temporary, index=False)


def write_landmarks(path: Path, scores: dict[str, dict[str, NDArray]]) -> None:
    """Writes 68 points of all frames, float32 px of the 512-px face, clip after clip."""
    counts = [int(score["num_frames"]) for score in scores.values()]
    with atomic_path(path) as temporary:
        np.savez(
            temporary,
            clips=np.array(list(scores)),
            restored=np.concatenate([score["restored_landmarks"] for score in scores.values()]),
            truth=np.concatenate([score["truth_landmarks"] for score in scores.values()]),
            frame_clip=np.repeat(np.arange(len(scores)), counts),
        )


def write_features(
    path: Path, scores: dict[str, dict[str, NDArray]]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Writes and returns video features of all windows, restored and true."""
    restored = np.concatenate([score["restored_features"] for score in scores.values()])
    truth = np.concatenate([score["truth_features"] for score in scores.values()])
    counts = [len(score["truth_features"]) for score in scores.values()]
    with atomic_path(path) as temporary:
        np.savez(
            temporary,
            clips=np.array(list(scores)),
            restored=restored,
            truth=truth,
            window_clip=np.repeat(np.arange(len(scores)), counts),
        )
    return restored, truth
