"""What charts are drawn from: scores by clip, means with intervals, and the metrics that speak."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import pandas as pd

from dicface.metrics import MetricFacts
from dicface.report.render.cells import number
from dicface.report.site.axes import Axis
from dicface.report.site.contents import System
from dicface.report.tables.table import Table

QUALITY = ("psnr", "musiq", "niqe")
STABILITY = ("tlme", "jitter", "warping_error")
"""Metrics that speak for quality and for stability: of each the first that a table has."""


def of_quality(table: Table) -> MetricFacts | None:
    """The metric of a table that speaks for quality; None where it has none of them."""
    return _first(table, QUALITY)


def of_stability(table: Table) -> MetricFacts | None:
    """The metric of a table that speaks for stability; None where it has none of them."""
    return _first(table, STABILITY)


def by_clip(system: System, metric: str) -> pd.Series:
    """Value of each clip that has one, by name."""
    lines = system.scores[system.scores["metric"] == metric]
    values = pd.Series(lines["value"].to_numpy(float), index=lines["clip"].astype(str))
    return values.dropna()


def metric_name(facts: MetricFacts) -> str:
    """Name and unit of a metric: "PSNR, dB"."""
    return f"{facts.name}, {facts.unit}" if facts.unit else facts.name


def means(table: Table, facts: MetricFacts) -> dict[str, tuple[float, float, float]]:
    """Method -> mean and ends of its interval, of rows that have one."""
    lines = table.cells[(table.cells["metric"] == facts.id) & table.cells["mean"].notna()]
    return {
        line.method: (float(line.mean), float(line.low), float(line.high))
        for line in lines[["method", "mean", "low", "high"]].itertuples(index=False)
    }


def with_interval(
    table: Table, facts: MetricFacts, mean: float, low: float, high: float, *, signed: bool = False
) -> str:
    """A mean with its interval where it has one, in the table's digits: "23.10 [22.04, 24.21]"."""
    digits = table.digits.get(facts.id, facts.digits)
    text = number(mean, digits, signed=signed)
    if not (isfinite(low) and isfinite(high)):
        return text
    ends = (number(end, digits, signed=signed) for end in (low, high))
    return f"{text} [{', '.join(ends)}]"


def ends_of(axis: Axis, low: float, high: float) -> dict[str, float | None]:
    """Keywords `low` and `high`: an interval's places on an axis; None where there is none."""
    if not (isfinite(low) and isfinite(high)):
        return {"low": None, "high": None}
    first, last = sorted((axis.place(low), axis.place(high)))
    return {"low": first, "high": last}


def _first(table: Table, ids: Sequence[str]) -> MetricFacts | None:
    by_id = {facts.id: facts for facts in table.metrics}
    return next((by_id[name] for name in ids if name in by_id), None)
