"""The metrics of the paper's tables: definitions, backbones, the scorer, the noise floor.

A metric is one file here and one line below, see docs/add-a-metric.md. Importing this package, and
reading the facts of a metric, loads no network and no torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from dicface.metrics.facts import FACE_SIZE, BackboneFacts, MetricFacts, load_class

if TYPE_CHECKING:
    from dicface.metrics.metric import Metric

LISTED = {
    "psnr": "dicface.metrics.psnr:Psnr",
    "ssim": "dicface.metrics.ssim:Ssim",
    "lpips": "dicface.metrics.lpips:Lpips",
    "ids": "dicface.metrics.ids:Ids",
    "akd": "dicface.metrics.akd:Akd",
    "fvd": "dicface.metrics.fvd:Fvd",
    "kvd": "dicface.metrics.kvd:Kvd",
    "tlme": "dicface.metrics.tlme:Tlme",
}
"""Metric -> its class, in the order of the paper's columns."""


def metric_class(name: str) -> type[Metric]:
    """Returns the class of a listed metric.

    Raises:
        KeyError: No metric of that name is listed.
    """
    return load_class(LISTED[name])


class _Metrics(Mapping[str, MetricFacts]):
    """Facts of the listed metrics; the file of a metric is imported when they are read."""

    def __getitem__(self, name: str) -> MetricFacts:
        return metric_class(name).facts

    def __iter__(self) -> Iterator[str]:
        return iter(LISTED)

    def __len__(self) -> int:
        return len(LISTED)


METRICS: Mapping[str, MetricFacts] = _Metrics()
"""Metric -> its facts, in the order of the paper's columns."""


def needed_backbones() -> dict[str, BackboneFacts]:
    """Returns kind -> backbone, of all that the listed metrics need."""
    return {needed.kind: needed for name in LISTED for needed in metric_class(name).needs}


def official_files() -> list[str]:
    """Returns the names, in the weights registry, of the files of the official backbones."""
    return [needed.file for needed in needed_backbones().values() if needed.file]


def features_of(name: str) -> str:
    """Returns the metric whose features a set-level metric compares: itself, or another one."""
    return metric_class(name).features_of or name


def feature_sets() -> list[str]:
    """Returns the set-level metrics whose features scoring keeps, each in `<metric>.npz`."""
    of_sets = (name for name, facts in METRICS.items() if facts.level == "set")
    return list(dict.fromkeys(map(features_of, of_sets)))


def score_files() -> list[str]:
    """Returns the names of all files that scoring leaves in a method's folder."""
    return [
        "metrics.parquet",
        "frames.parquet",
        *(f"{name}.npz" for name in feature_sets()),
        "landmarks.npz",
    ]


__all__ = [
    "FACE_SIZE",
    "METRICS",
    "BackboneFacts",
    "MetricFacts",
    "metric_class",
    "feature_sets",
    "features_of",
    "load_class",
    "needed_backbones",
    "official_files",
    "score_files",
]
