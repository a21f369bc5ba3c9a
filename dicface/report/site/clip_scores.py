"""Scores for pages: of one clip, frame by frame, and the best and worst clips of a method."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from markupsafe import Markup

from dicface.base.names import INPUT
from dicface.metrics import MetricFacts
from dicface.report.render.cells import number
from dicface.report.site.contents import System, TaskResults
from dicface.report.site.grids import (
    Cell,
    Grid,
    Head,
    Line,
    metric_head,
    number_cell,
    text_cell,
)

NUM_EXTREMES = 3
"""Clips shown at either end; fewer where the two ends would meet."""


@dataclass(frozen=True, kw_only=True)
class Extremes:
    """Worst and best clips of one method by one metric, each end from the outermost inward."""

    system: System
    worst: tuple[tuple[str, str], ...]
    best: tuple[tuple[str, str], ...]


def shown_metrics(task: TaskResults, metrics: Sequence[MetricFacts]) -> list[MetricFacts]:
    """Metrics that give a value to a clip and that some method of the task has."""
    found = {metric for system in task.systems for metric in system.scores["metric"].unique()}
    return [facts for facts in metrics if facts.level != "set" and facts.id in found]


def clip_grid(task: TaskResults, clip: str, metrics: Sequence[MetricFacts]) -> Grid:
    """Scores of every method on one clip; the input stands there only where it was scored."""
    shown = [s for s in task.systems if s.id != INPUT or not s.scores.empty]
    lines = [
        Line(
            cells=(text_cell(system.label), *_score_cells(system, clip, metrics)), method=system.id
        )
        for system in shown
    ]
    return Grid(heads=(Head(markup="Method"), *map(metric_head, metrics)), lines=tuple(lines))


def method_grid(task: TaskResults, system: System, metrics: Sequence[MetricFacts]) -> Grid:
    """Scores of one method on every clip; each name leads to the clip's page, for `index.html`."""
    lines = []
    for clip in task.clips:
        page = Markup('<a href="clips/{}/{}.html#{}">{}</a>').format(
            quote(task.id), quote(clip), quote(system.id), clip
        )
        name = Cell(markup=page, value=clip)
        lines.append(Line(cells=(name, *_score_cells(system, clip, metrics)), method=system.id))
    return Grid(heads=(Head(markup="Clip"), *map(metric_head, metrics)), lines=tuple(lines))


def _score_cells(system: System, clip: str, metrics: Sequence[MetricFacts]) -> list[Cell]:
    found = [(system.value(clip, facts.id), facts.digits) for facts in metrics]
    return [number_cell(value, digits, note) for (value, note), digits in found]


def frame_values(
    system: System, clip: str, metrics: Sequence[MetricFacts], num_frames: int
) -> dict[str, list[float | None]]:
    """Metric -> value of each frame, None where there is none; metrics without any are left out."""
    own = system.frames[system.frames["clip"] == clip]
    values = {}
    for facts in metrics:
        lines = own[own["metric"] == facts.id]
        if lines.empty:
            continue
        row: list[float | None] = [None] * num_frames
        for frame, value in zip(lines["frame"], lines["value"], strict=True):
            if frame < num_frames and math.isfinite(value):
                row[int(frame)] = round(float(value), facts.digits + 1)
        values[facts.id] = row
    return values


def extremes(task: TaskResults, facts: MetricFacts) -> list[Extremes]:
    """Worst and best clips of every method of a task by one metric.

    Equal scores are ordered by name. At most `NUM_EXTREMES` a side, at most half of the clips.
    """
    found = []
    for system in task.systems:
        lines = system.scores[system.scores["metric"] == facts.id]
        values = {
            str(clip): float(value)
            for clip, value in zip(lines["clip"], lines["value"], strict=True)
            if math.isfinite(value) and clip in task.clips
        }
        sign = 1 if facts.higher_is_better else -1
        order = sorted(values, key=lambda clip: (sign * values[clip], clip))
        count = min(NUM_EXTREMES, max(1, len(order) // 2))
        named = [(clip, number(values[clip], facts.digits)) for clip in order]
        if named:
            best = tuple(reversed(named[-count:]))
            found.append(Extremes(system=system, worst=tuple(named[:count]), best=best))
    return found
