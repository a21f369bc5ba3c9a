"""The metrics: definitions, backbones, the scorer, the noise floor.

`METRICS` are those of the paper's tables, `WITHOUT_TRUTH` those of clips that have no truth, and
`PANEL_METRICS` those of the tables beside the paper's.

A metric is one file here and one line below, see docs/add-a-metric.md. Importing this package, and
reading the facts of a metric, loads no network and no torch.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from dicface.base.names import BY_REGION, IN_COLOUR, OVER_TIME
from dicface.metrics.facts import FACE_SIZE, BackboneFacts, MetricFacts, load_class

if TYPE_CHECKING:
    from dicface.metrics import functional
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

LISTED_WITHOUT_TRUTH = {
    "niqe": "dicface.metrics.niqe:Niqe",
    "musiq": "dicface.metrics.musiq:Musiq",
    "clipiqa": "dicface.metrics.clipiqa:ClipIqa",
    "topiq": "dicface.metrics.topiq:Topiq",
    "jitter": "dicface.metrics.jitter:Jitter",
    "shape_flicker": "dicface.metrics.shape_flicker:ShapeFlicker",
    "warping_error": "dicface.metrics.warping_error:WarpingError",
    "flicker_slow": "dicface.metrics.flicker:FlickerSlow",
    "flicker_middle": "dicface.metrics.flicker:FlickerMiddle",
    "flicker_fast": "dicface.metrics.flicker:FlickerFast",
    "flicker_eyes": "dicface.metrics.flicker:FlickerEyes",
    "flicker_mouth": "dicface.metrics.flicker:FlickerMouth",
    "flicker_background": "dicface.metrics.flicker:FlickerBackground",
    "identity_steps": "dicface.metrics.identity_steps:IdentitySteps",
    "identity_input": "dicface.metrics.identity_input:IdentityToInput",
}
"""Metric -> its class, in the order of the columns: the input stands in the place of the truth."""

LISTED_FOR_PANELS = {
    "flow_error": "dicface.metrics.flow_error:FlowError",
    "flicker_error": "dicface.metrics.flicker:FlickerError",
    "ciede2000": "dicface.metrics.colour:ColourDifference",
    "chroma_error": "dicface.metrics.colour:ChromaError",
}
"""Metric -> its class, of those that need a truth and stand in a panel alone."""

LISTED_WITH_MASK = {
    "psnr_masked": "dicface.metrics.regions:PsnrMasked",
    "psnr_seam": "dicface.metrics.regions:PsnrSeam",
    "psnr_known": "dicface.metrics.regions:PsnrKnown",
    "psnr_composited": "dicface.metrics.regions:PsnrComposited",
}
"""Metric -> its class, of those that ask which pixels were missing."""

PANEL_METRICS: dict[str, tuple[str, ...]] = {
    OVER_TIME.id: (
        *("tlme", "warping_error", "flow_error", "flicker_slow", "flicker_middle"),
        *("flicker_fast", "flicker_error", "jitter", "shape_flicker", "identity_steps"),
    ),
    BY_REGION.id: ("psnr", "psnr_masked", "psnr_seam", "psnr_known", "psnr_composited"),
    IN_COLOUR.id: ("psnr", "ciede2000", "chroma_error"),
}
"""Panel -> its metrics in the order of its columns; those of any list, here beside the truth."""


def __getattr__(name: str) -> object:
    # At its first use, as it imports from here.
    if name == "functional":
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def metric_class(name: str) -> type[Metric]:
    """Returns the class of a metric of any list.

    Raises:
        KeyError: No metric of that name is listed.
    """
    listed = LISTED | LISTED_WITHOUT_TRUTH | LISTED_FOR_PANELS | LISTED_WITH_MASK
    return load_class(listed[name])


class _Metrics(Mapping[str, MetricFacts]):
    """Facts of listed metrics; the file of a metric is imported when they are read."""

    def __init__(self, listed: Callable[[], Mapping[str, str]]) -> None:
        self._listed = listed

    def __getitem__(self, name: str) -> MetricFacts:
        return load_class(self._listed()[name]).facts

    def __iter__(self) -> Iterator[str]:
        return iter(self._listed())

    def __len__(self) -> int:
        return len(self._listed())


METRICS: Mapping[str, MetricFacts] = _Metrics(lambda: LISTED)
"""Metric -> its facts, in the order of the paper's columns."""

WITHOUT_TRUTH: Mapping[str, MetricFacts] = _Metrics(lambda: LISTED_WITHOUT_TRUTH)
"""Metric -> its facts, of those that need no truth; their reference is the input, or nothing."""


def needed_backbones(metrics: Iterable[str] | None = None) -> dict[str, BackboneFacts]:
    """Returns kind -> backbone, of all that some metrics need, or all of the paper's tables."""
    names = LISTED if metrics is None else metrics
    return {needed.kind: needed for name in names for needed in metric_class(name).needs}


def official_files(metrics: Iterable[str] | None = None) -> list[str]:
    """Returns the names, in the weights registry, of the files of the official backbones."""
    return [needed.file for needed in needed_backbones(metrics).values() if needed.file]


def features_of(name: str) -> str:
    """Returns the metric whose features a set-level metric compares: itself, or another one."""
    return metric_class(name).features_of or name


def feature_sets(metrics: Iterable[str] = METRICS) -> list[str]:
    """Returns the set-level metrics whose features scoring keeps, each in `<metric>.npz`."""
    of_sets = (name for name in metrics if metric_class(name).facts.level == "set")
    return list(dict.fromkeys(map(features_of, of_sets)))


def score_files(metrics: Iterable[str] = METRICS) -> list[str]:
    """Returns the names of all files that scoring leaves in a method's folder."""
    return [
        "metrics.parquet",
        "frames.parquet",
        *(f"{name}.npz" for name in feature_sets(metrics)),
        "landmarks.npz",
    ]


__all__ = [
    "FACE_SIZE",
    "METRICS",
    "PANEL_METRICS",
    "WITHOUT_TRUTH",
    "BackboneFacts",
    "MetricFacts",
    "feature_sets",
    "features_of",
    "functional",
    "load_class",
    "metric_class",
    "needed_backbones",
    "official_files",
    "score_files",
]
