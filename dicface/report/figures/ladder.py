"""The ladder: what each part of a method brings, one at a time, and the step of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dicface.base.errors import MetricError
from dicface.metrics import MetricFacts
from dicface.report.figures.style import TEXT_WIDTH, Drawn, new_figure, save
from dicface.report.looks import BLUE, GREEN, ORANGE, PURPLE
from dicface.report.render.cells import arrow
from dicface.report.tables.table import Table

LOOKS = ((BLUE, "o", BLUE), (ORANGE, "s", "white"), (GREEN, "^", GREEN), (PURPLE, "D", "white"))
"""Colour, marker and its face, of the protocols in the order given."""

RUNG_HEIGHT, AROUND = 0.19, 0.95
"""Inches of a rung in a panel, and of what stands around the panels."""

APART = 0.3
"""Between the first protocol and the last of a rung, in rungs."""


def draw_ladder(tables: Mapping[str, Table], rungs: Sequence[str], path: str | Path) -> Drawn:
    """Draws, for each metric, the value of every rung and below it the step to the rung before.

    Args:
        tables: Protocol -> its table, a row a rung.
        rungs: What the rungs are called, from the lowest to the highest.
        path: Where to write, without suffix.

    Raises:
        MetricError: There is no table, there are too many, or they differ in metrics or rungs.
    """
    if not 0 < len(tables) <= len(LOOKS):
        raise MetricError(f"a ladder of {len(tables)} tables; expected 1 to {len(LOOKS)}.")
    found = {
        (tuple(facts.id for facts in table.metrics), len(table.rows)) for table in tables.values()
    }
    if len(found) > 1:
        raise MetricError(
            "tables of one ladder differ in metrics or number of rungs; give all the same `shown` "
            "and as many `rows`."
        )
    metrics = next(iter(tables.values())).metrics

    def build(width: float) -> Figure:
        figure = new_figure(width, 2 * RUNG_HEIGHT * len(rungs) + AROUND)
        panels = figure.subplots(2, len(metrics), sharey=True, squeeze=False)
        for facts, (values, steps) in zip(metrics, panels.T, strict=True):
            for number, table in enumerate(tables.values()):
                offset = APART * (number / max(1, len(tables) - 1) - 0.5) * (len(tables) > 1)
                places = {row.method: place + offset for place, row in enumerate(table.rows)}
                own, between = table.cells, table.differences
                _points(values, own[own["metric"] == facts.id], "method", places, number)
                between = between[between["metric"] == facts.id]
                _points(steps, between, "method_a", places, number)
            steps.axvline(0, color="#999999", lw=0.6, zorder=0)
            values.set_title(_head(facts), pad=3)
            steps.set_xlabel("step to the rung before")
            for axis in (values, steps):
                axis.grid(axis="x")
                axis.xaxis.set_major_locator(MaxNLocator(4))
        first = panels[0, 0]
        first.set(yticks=range(len(rungs)), yticklabels=rungs, ylim=(len(rungs) - 0.5, -0.5))
        handles = first.get_legend_handles_labels()[0]
        figure.legend(handles, tables, loc="outside upper center", ncols=len(tables))
        return figure

    caption = (
        "Each rung changes one thing of the rung above it in the figure, "
        f"“{rungs[0]}” being the first. Above: means over clips. Below: the paired difference "
        "of a rung and the one before it. Bars: 95 % intervals, as in the tables "
        f"({', '.join(table.name for table in tables.values())})."
    )
    return save(build, path, caption, widths=(TEXT_WIDTH,))


def _points(
    axis: Axes,
    lines: pd.DataFrame,
    method: str,
    places: Mapping[str, float],
    number: int,
) -> None:
    """Means with their intervals, one a rung; a line leads from value to value, not among steps."""
    colour, marker, face = LOOKS[number]
    height = np.array([places[name] for name in lines[method]], dtype=float)
    mean, low, high = (lines[name].to_numpy(dtype=float) for name in ("mean", "low", "high"))
    axis.errorbar(
        mean,
        height,
        xerr=np.nan_to_num(np.stack([mean - low, high - mean])),
        color=colour,
        marker=marker,
        markerfacecolor=face,
        linestyle="-" if method == "method" else "none",
        lw=0.7,
        elinewidth=1.1,
        label=str(number),
    )


def _head(facts: MetricFacts) -> str:
    name = facts.name.replace(" (", "\n(")
    return f"{name} {arrow(facts)}{f', {facts.unit}' if facts.unit else ''}"
