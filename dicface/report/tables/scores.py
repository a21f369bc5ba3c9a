"""Reads what `dicface score` left of a method: per-clip scores and set-level features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from dicface.base import reading
from dicface.base.errors import MetricError
from dicface.base.reading import Array, Column, Own
from dicface.metrics import features_of
from dicface.report.tables.statistics import Distance, FeatureSet, in_order

SCORES = Own(
    "scores of a method",
    "Delete it and score this method again.",
    "Run `dicface score` for this method first.",
    MetricError,
)
COLUMNS: dict[str, Column] = {
    "task": "text",
    "method": "text",
    "clip": "name",
    "metric": "text",
    "value": "value",
    "num_frames": "count",
    "num_missing": "count",
    "backbone": "note",
    "backbone_sha256": "note",
    "official": "flag",
    "protocol": "text",
    "note": "note",
}
FRAME_COLUMNS: dict[str, Column] = {
    "clip": "name",
    "frame": "count",
    "metric": "text",
    "value": "value",
}
FEATURES = {
    "clips": Array("U", (None,)),
    "restored": Array("f", (None, None)),
    "truth": Array("f", (None, None)),
    "window_clip": Array("iuU", (None,)),
}
NOISE_FLOOR = Own(
    "the noise floor of a run",
    "Delete it and measure it again.",
    "Run `dicface job noise_floor` first.",
    MetricError,
)
NOISE_COLUMNS: dict[str, Column] = {
    "kind": "text",
    "metric": "text",
    "value": "value",
    "clips": "count",
    "backbone": "note",
}


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """What computed a metric: name, digest of its weights, and whether it is the paper's kind."""

    name: str
    sha256: str
    official: bool


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Everything that one method scored.

    Attributes:
        path: The file it was read from.
        values: metric -> clip -> value (NaN where the metric failed on the clip).
        reasons: metric -> clip without a value -> what its scorer said of it.
        num_missing: metric -> frames without a value, over all clips.
        backbones: metric -> what computed it.
        protocol: Id of the evaluation protocol.
        features: set-level metric -> its features of all windows; without those that have none.
        replicates: Scores of further trainings of the same row.
    """

    path: Path
    values: dict[str, dict[str, float]]
    reasons: dict[str, dict[str, str]]
    num_missing: dict[str, int]
    backbones: dict[str, Backbone]
    protocol: str
    features: dict[str, FeatureSet] = field(default_factory=dict)
    replicates: tuple[Scores, ...] = ()

    @property
    def clips(self) -> tuple[str, ...]:
        """Names of the scored clips, sorted."""
        names = {clip for by_clip in self.values.values() for clip in by_clip}
        return tuple(sorted(names.union(*(found.clips for found in self.features.values()))))

    @property
    def trainings(self) -> tuple[Scores, ...]:
        """The scores of each training of the row, these first."""
        return (self, *self.replicates)

    def matrix(self, metric: str, clips: Sequence[str]) -> np.ndarray:
        """Values (S, N) of S trainings; otherwise as `vector`."""
        return np.stack([each.vector(metric, clips) for each in self.trainings])

    def vector(self, metric: str, clips: Sequence[str]) -> np.ndarray:
        """Values of a metric in the order of `clips`, NaN where there is none.

        Raises:
            MetricError: A scored clip is not among `clips`.
        """
        return in_order(self.values.get(metric, {}), clips, str(self.path))


def read_scores(path: str | Path, distances: Mapping[str, Distance] | None = None) -> Scores:
    """Reads `metrics.parquet` and the features of set-level metrics beside it.

    Args:
        path: The parquet file; long form, one row per clip and metric.
        distances: Set-level metric -> distance of two feature sets; its features are in
            the file of `features_of`. None: none is read.

    Raises:
        MetricError: A file is missing, damaged, lacks columns, repeats a clip, or mixes backbones
            or protocols.
    """
    path = Path(path)
    table = read_rows(path)
    by_metric = dict(iter(table.groupby("metric", sort=False)))
    return Scores(
        path=path,
        values={
            metric: dict(zip(rows["clip"].astype(str), rows["value"].astype(float), strict=True))
            for metric, rows in by_metric.items()
        },
        reasons={
            metric: dict(zip(rows["clip"].astype(str), rows["note"].fillna(""), strict=True))
            for metric, rows in table[table["value"].isna()].groupby("metric", sort=False)
        },
        num_missing={metric: int(rows["num_missing"].sum()) for metric, rows in by_metric.items()},
        backbones={metric: _one_backbone(path, metric, rows) for metric, rows in by_metric.items()},
        protocol=_one(path, "protocol", table["protocol"]),
        features={
            metric: _read_features(file, distance)
            for metric, distance in (distances or {}).items()
            if reading.is_there(file := path.with_name(f"{features_of(metric)}.npz"))
        },
    )


def read_rows(path: Path) -> pd.DataFrame:
    """Reads `metrics.parquet`, one row a clip and metric.

    Raises:
        MetricError: It is missing, damaged or no table of scores.
    """
    return reading.read_parquet(path, SCORES, COLUMNS, unique=["clip", "metric"])


def read_frame_rows(path: Path) -> pd.DataFrame:
    """Reads `frames.parquet`, one row a frame and metric (errors as `read_rows`)."""
    return reading.read_parquet(path, SCORES, FRAME_COLUMNS, empty=True)


def read_noise_floor(path: str | Path) -> pd.DataFrame:
    """Reads the noise floor: kind, metric, value, clips, backbone.

    Raises:
        MetricError: It is missing, damaged or lacks a column.
    """
    unique = ["kind", "metric"]
    return reading.read_parquet(path, NOISE_FLOOR, NOISE_COLUMNS, unique=unique)


def _one(path: Path, column: str, values: pd.Series) -> str:
    found = sorted({str(value) for value in values})
    if len(found) != 1:
        raise MetricError(
            f"{path}: found {len(found)} values of '{column}' ({', '.join(found) or 'none'}) where "
            "one was expected: its rows cannot be averaged. Delete it and score this method again."
        )
    return found[0]


def _one_backbone(path: Path, metric: str, rows: pd.DataFrame) -> Backbone:
    return Backbone(
        name=_one(path, f"backbone of {metric}", rows["backbone"].fillna("")),
        sha256=_one(path, f"backbone_sha256 of {metric}", rows["backbone_sha256"].fillna("")),
        official=_one(path, f"official of {metric}", rows["official"]) == "True",
    )


def _read_features(path: Path, distance: Distance) -> FeatureSet:
    arrays = reading.read_npz(path, SCORES, FEATURES)
    clips, window_clip = arrays["clips"].tolist(), arrays["window_clip"]
    restored, truth = (arrays[side].astype(np.float64) for side in ("restored", "truth"))
    if restored.shape != truth.shape or restored.ndim != 2 or len(window_clip) != len(restored):
        raise MetricError(
            f"{path}: restored {restored.shape}, truth {truth.shape} and window_clip "
            f"{window_clip.shape} do not fit; expected (W, D), (W, D) and (W,). Score again."
        )
    names = np.asarray(clips)
    # Window owners are names, or positions in `clips`.
    owner = names[window_clip] if window_clip.dtype.kind in "iu" else window_clip.astype(str)
    with_windows = tuple(sorted({str(clip) for clip in owner}))
    return FeatureSet(
        clips=with_windows,
        restored=restored,
        truth=truth,
        window_clip=owner,
        distance=distance,
    )
