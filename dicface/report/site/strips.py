"""Charts of rows on one axis: paired differences, and every clip as a dot.

Nothing is text inside a picture: labels stand beside their own row, so that none can lie on another
one, however narrow the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

import pandas as pd

from dicface.metrics import MetricFacts
from dicface.report.looks import Look
from dicface.report.render import cells
from dicface.report.render.cells import NO_BREAK_SPACE, number
from dicface.report.site.axes import Axis, axis_over
from dicface.report.site.contents import System, TaskResults
from dicface.report.site.values import by_clip, ends_of, metric_name, with_interval
from dicface.report.tables.table import Table


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A value on an axis, percent; its interval (None: there is none), address and words."""

    x: float
    words: str
    low: float | None = None
    high: float | None = None
    address: str = ""


@dataclass(frozen=True, kw_only=True)
class Strip:
    """A row of a chart: a label with its look, marks, and what is said behind them."""

    label: str
    look: Look
    marks: tuple[Mark, ...]
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Strips:
    """A chart of rows on one axis.

    Attributes:
        title: What the axis measures.
        axis: Better is at the right.
        strips: Its rows.
        zero: Place of the value that rows are compared with; None: there is none.
    """

    title: str
    axis: Axis
    strips: tuple[Strip, ...]
    zero: float | None = None


def forest(
    table: Table,
    metrics: Sequence[MetricFacts],
    task: TaskResults | None,
    looks: Mapping[str, Look],
) -> list[Strips]:
    """Paired differences of the reference and every other row, a chart for each of the metrics."""
    charts = []
    systems = {system.id: system for system in task.systems} if task else {}
    for facts in metrics:
        lines = table.differences[
            (table.differences["metric"] == facts.id) & table.differences["mean"].notna()
        ]
        if lines.empty:
            continue
        ends = [0.0, *lines["mean"], *lines["low"], *lines["high"]]
        axis = axis_over(ends, reverse=not facts.higher_is_better)
        charts.append(
            Strips(
                title=metric_name(facts),
                axis=axis,
                zero=axis.place(0.0),
                strips=tuple(
                    _difference(table, line, facts, axis, systems, looks)
                    for _, line in lines.iterrows()
                ),
            )
        )
    return charts


def clip_dots(task: TaskResults, facts: MetricFacts, looks: Mapping[str, Look]) -> Strips | None:
    """One dot a clip for every method that was scored; each leads to the clip's page."""
    values = {system.id: by_clip(system, facts.id) for system in task.systems}
    axis = axis_over(
        [value for of_method in values.values() for value in of_method],
        reverse=not facts.higher_is_better,
    )
    strips = []
    for system in task.systems:
        found = values[system.id]
        marks = tuple(
            Mark(
                x=axis.place(value),
                words=f"{clip}: {number(value, facts.digits)}",
                address=f"clips/{task.id}/{quote(clip)}.html#{quote(system.id)}",
            )
            for clip, value in found.items()
            if clip in task.clips
        )
        if marks:
            strips.append(Strip(label=system.label, look=looks[system.label], marks=marks))
    if not strips:
        return None
    return Strips(title=metric_name(facts), axis=axis, strips=tuple(strips))


def better_share(a: System | None, b: System | None, facts: MetricFacts) -> float | None:
    """Share of the clips that both have on which `a` is better; equal ones count half.

    None where no clip has a value of both.
    """
    if a is None or b is None:
        return None
    first, second = by_clip(a, facts.id), by_clip(b, facts.id)
    both = first.index.intersection(second.index)
    if both.empty:
        return None
    lead = (first[both] - second[both]) * (1 if facts.higher_is_better else -1)
    return float(((lead > 0) + 0.5 * (lead == 0)).mean())


def _difference(
    table: Table,
    line: pd.Series,
    facts: MetricFacts,
    axis: Axis,
    systems: Mapping[str, System],
    looks: Mapping[str, Look],
) -> Strip:
    a, b = line["method_a"], line["method_b"]
    label = table.label(b, line["block"])
    mean, low, high = (float(line[name]) for name in ("mean", "low", "high"))
    shown = with_interval(table, facts, mean, low, high, signed=True)
    said = [" ".join(filter(None, (shown, cells.verdict(line, facts))))]
    share = better_share(systems.get(a), systems.get(b), facts)
    said += [] if share is None else [f"P{NO_BREAK_SPACE}{100 * share:.0f}{NO_BREAK_SPACE}%"]
    text = ", ".join(said)
    words = f"{table.label(a, line['block'])} − {label}: {text}"
    mark = Mark(x=axis.place(mean), **ends_of(axis, low, high), words=words)
    of_reference = a == table.references.get(line["block"])
    shown = f"− {label}" if of_reference else f"{table.label(a, line['block'])} − {label}"
    return Strip(label=shown, look=looks[label], marks=(mark,), text=text)
