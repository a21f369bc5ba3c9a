"""Charts of points in a plane: quality against stability and against cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dicface.metrics import MetricFacts
from dicface.report.looks import Look
from dicface.report.site.axes import Axis, axis_over
from dicface.report.site.grids import Grid
from dicface.report.site.values import (
    ends_of,
    means,
    metric_name,
    of_quality,
    of_stability,
    with_interval,
)
from dicface.report.tables.table import Table


@dataclass(frozen=True, kw_only=True)
class Point:
    """A method in a plane, percent; (low, high) of its intervals, None where there is none."""

    label: str
    look: Look
    x: float
    y: float
    across: tuple[float, float] | None
    along: tuple[float, float] | None
    words: str


@dataclass(frozen=True, kw_only=True)
class Plane:
    """A chart of points; better is up and at the right."""

    title: str
    x_name: str
    y_name: str
    x_axis: Axis
    y_axis: Axis
    points: tuple[Point, ...]


def quality_against_stability(table: Table, looks: Mapping[str, Look]) -> Plane | None:
    """One point a row, with intervals; None without both metrics or without two rows."""
    x_facts, y_facts = of_stability(table), of_quality(table)
    if not (x_facts and y_facts):
        return None
    across, up = means(table, x_facts), means(table, y_facts)
    return _plane("Quality against stability", table, x_facts, y_facts, across, up, looks)


def quality_against_cost(table: Table, costs: Grid, looks: Mapping[str, Look]) -> Plane | None:
    """One point a row whose time a frame is known; None without two of them."""
    y_facts = of_quality(table)
    heads = [str(head.markup) for head in costs.heads]
    name = "Time a frame, ms"
    if not y_facts or name not in heads:
        return None
    place = heads.index(name)
    times = {
        line.method: (float(line.cells[place].value), float("nan"), float("nan"))
        for line in costs.lines
        if isinstance(line.cells[place].value, float | int)
    }
    time = MetricFacts(
        id="time", name="Time a frame", unit="ms", higher_is_better=False, level="clip", digits=1
    )
    return _plane("Quality against cost", table, time, y_facts, times, means(table, y_facts), looks)


def _plane(
    title: str,
    table: Table,
    x_facts: MetricFacts,
    y_facts: MetricFacts,
    across: Mapping[str, tuple[float, float, float]],
    up: Mapping[str, tuple[float, float, float]],
    looks: Mapping[str, Look],
) -> Plane | None:
    rows = [row for row in table.rows if row.method in across and row.method in up]
    if len(rows) < 2 or len(table.references) > 1:
        return None
    is_cost = x_facts.id == "time"
    x_axis = axis_over(
        [value for row in rows for value in across[row.method]],
        reverse=not x_facts.higher_is_better,
        may_be_log=is_cost,
    )
    y_axis = axis_over(
        [value for row in rows for value in up[row.method]],
        reverse=not y_facts.higher_is_better,
    )
    points = []
    for row in rows:
        x, x_low, x_high = across[row.method]
        y, y_low, y_high = up[row.method]
        over, along = ends_of(x_axis, x_low, x_high), ends_of(y_axis, y_low, y_high)
        x_text = with_interval(table, x_facts, x, x_low, x_high)
        y_text = with_interval(table, y_facts, y, y_low, y_high)
        points.append(
            Point(
                label=row.label,
                look=looks[row.label],
                x=x_axis.place(x),
                y=round(100 - y_axis.place(y), 2),
                across=None if over["low"] is None else (over["low"], over["high"]),
                along=None
                if along["low"] is None
                else (round(100 - along["high"], 2), round(100 - along["low"], 2)),
                words=f"{row.label}: {x_facts.name} {x_text}, {y_facts.name} {y_text}",
            )
        )
    return Plane(
        title=title,
        x_name=metric_name(x_facts),
        y_name=metric_name(y_facts),
        x_axis=x_axis,
        y_axis=y_axis,
        points=tuple(points),
    )
