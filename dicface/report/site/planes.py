"""Charts of points in a plane: quality against stability, cost, damage of the input; ablations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from urllib.parse import quote

import numpy as np

from dicface.base.names import INPUT
from dicface.metrics import METRICS, MetricFacts
from dicface.report.looks import Look, known_looks
from dicface.report.render.cells import number
from dicface.report.site.axes import Axis, axis_of_places, axis_over
from dicface.report.site.contents import System, TaskResults
from dicface.report.site.grids import Grid
from dicface.report.site.values import (
    by_clip,
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
    """A method in a plane, percent; (low, high) of its intervals, None where there is none.

    `address` is the page that it leads to; "" for none.
    """

    look: Look
    x: float
    y: float
    words: str
    across: tuple[float, float] | None = None
    along: tuple[float, float] | None = None
    address: str = ""


@dataclass(frozen=True, kw_only=True)
class Trend:
    """A straight line through a method's points: its ends, percent."""

    look: Look
    start: tuple[float, float]
    end: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Plane:
    """A chart of points; better is up and at the right.

    Attributes:
        title: What is against what.
        x_name, y_name: Metric and unit of an axis.
        x_axis, y_axis: The axes.
        keys: Label and look of each method.
        points: Its points.
        trends: Lines through the points of a method.
        right: What is so at the right.
    """

    title: str
    x_name: str
    y_name: str
    x_axis: Axis
    y_axis: Axis
    keys: tuple[tuple[str, Look], ...]
    points: tuple[Point, ...]
    trends: tuple[Trend, ...] = ()
    right: str = "better"


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


def against_damage(
    task: TaskResults, systems: Sequence[System], facts: MetricFacts, looks: Mapping[str, Look]
) -> Plane | None:
    """One point a method and clip, over the PSNR of the clip's input: the lower, the more damage.

    Args:
        task: The task.
        systems: Those of its methods that are drawn.
        facts: The metric.
        looks: Looks by label.

    Returns:
        The chart; None where no method has two clips whose input was scored.
    """
    psnr = METRICS["psnr"]
    inputs = [by_clip(system, psnr.id) for system in task.systems if system.id == INPUT]
    damage = inputs[0].to_dict() if inputs else {}
    values = {
        system.label: {c: v for c, v in by_clip(system, facts.id).items() if c in damage}
        for system in systems
    }
    values = {label: found for label, found in values.items() if len(found) > 1}
    if not values:
        return None
    ids = {system.label: system.id for system in systems}
    x_axis = axis_over([damage[clip] for found in values.values() for clip in found])
    y_axis = axis_over(
        [value for found in values.values() for value in found.values()],
        reverse=not facts.higher_is_better,
    )

    def place(x: float, y: float) -> tuple[float, float]:
        return x_axis.place(x), round(100 - y_axis.place(y), 2)

    points, trends = [], []
    for label, found in values.items():
        for clip, value in found.items():
            x, y = place(damage[clip], value)
            said = f"{facts.name} {number(value, facts.digits)}"
            points.append(
                Point(
                    look=looks[label],
                    x=x,
                    y=y,
                    words=f"{clip}, {label}: {said}, input {number(damage[clip], psnr.digits)} dB",
                    address=f"clips/{task.id}/{quote(clip)}.html#{quote(ids[label])}",
                )
            )
        x = [damage[clip] for clip in found]
        if min(x) < max(x):
            slope, start = np.polyfit(x, list(found.values()), 1)
            ends = [place(end, float(start + slope * end)) for end in (min(x), max(x))]
            trends.append(Trend(look=looks[label], start=ends[0], end=ends[1]))
    return Plane(
        title=f"{facts.name} against the damage of the input",
        x_name=f"{metric_name(psnr)}, of the input",
        y_name=metric_name(facts),
        x_axis=x_axis,
        y_axis=y_axis,
        keys=tuple((label, looks[label]) for label in values),
        points=tuple(points),
        trends=tuple(trends),
        right="less damage",
    )


def ablation(table: Table) -> list[Plane]:
    """Means of an ablation's rows in their order, joined by a line, a chart a metric.

    All rows are variants of one network: its colour is theirs, and the reference is filled. They
    are numbered on the axis and named below, so that no label lies on another one.
    """
    own = known_looks()["DicFace"]
    reference = next(iter(table.references.values()), None)
    charts = []
    for facts in table.metrics:
        found = means(table, facts)
        rows = [row for row in table.rows if row.method in found]
        if len(rows) < 2:
            continue
        x_axis = axis_of_places(len(rows))
        y_axis = axis_over(
            [value for each in found.values() for value in each],
            reverse=not facts.higher_is_better,
        )
        points, keys = [], []
        for place, row in enumerate(rows, 1):
            look = own if row.method == reference else replace(own, hollow=True)
            text = with_interval(table, facts, *found[row.method])
            mean, low, high = found[row.method]
            keys.append((f"{place}. {row.label}: {text}", look))
            points.append(
                Point(
                    look=look,
                    x=x_axis.place(place),
                    y=round(100 - y_axis.place(mean), 2),
                    along=_along(y_axis, low, high),
                    words=f"{row.label}: {text}",
                )
            )
        charts.append(
            Plane(
                title=metric_name(facts),
                x_name="rows of the table",
                y_name=metric_name(facts),
                x_axis=x_axis,
                y_axis=y_axis,
                keys=tuple(keys),
                points=tuple(points),
                trends=tuple(
                    Trend(look=own, start=(one.x, one.y), end=(other.x, other.y))
                    for one, other in pairwise(points)
                ),
                right="in their order",
            )
        )
    return charts


def _along(axis: Axis, low: float, high: float) -> tuple[float, float] | None:
    """Ends of an upright interval, percent from above; None where there is none."""
    ends = ends_of(axis, low, high)
    if ends["low"] is None:
        return None
    return round(100 - ends["high"], 2), round(100 - ends["low"], 2)


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
        over = ends_of(x_axis, x_low, x_high)
        x_text = with_interval(table, x_facts, x, x_low, x_high)
        y_text = with_interval(table, y_facts, y, y_low, y_high)
        points.append(
            Point(
                look=looks[row.label],
                x=x_axis.place(x),
                y=round(100 - y_axis.place(y), 2),
                across=None if over["low"] is None else (over["low"], over["high"]),
                along=_along(y_axis, y_low, y_high),
                words=f"{row.label}: {x_facts.name} {x_text}, {y_facts.name} {y_text}",
            )
        )
    return Plane(
        title=title,
        x_name=metric_name(x_facts),
        y_name=metric_name(y_facts),
        x_axis=x_axis,
        y_axis=y_axis,
        keys=tuple((row.label, looks[row.label]) for row in rows),
        points=tuple(points),
    )
