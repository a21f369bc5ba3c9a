"""The charts of the first page, from a run's tables, tasks and costs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from dicface.base.names import BLIND, controlled
from dicface.report.looks import Look, looks_of
from dicface.report.site.contents import System, TaskResults
from dicface.report.site.grids import Grid
from dicface.report.site.planes import (
    Plane,
    ablation,
    against_damage,
    quality_against_cost,
    quality_against_stability,
)
from dicface.report.site.strips import Strips, clip_dots, forest
from dicface.report.site.table_pages import page_digits
from dicface.report.site.values import QUALITY, STABILITY, of_quality, of_stability
from dicface.report.site.weights import weights
from dicface.report.tables.table import Table


@dataclass(frozen=True, kw_only=True)
class Charts:
    """The charts of the first page; empty or None where a run has nothing to draw.

    Attributes:
        planes: Quality against stability, and against cost.
        reference: Label of the row that others are compared with; "" for none.
        forests: Paired differences by quality and by stability.
        more_forests: Those by every other metric.
        dots: Task and its clips as dots, by quality and by stability.
        damage: Id of a task -> the same over the damage of each clip's input.
        ablations: Title and charts of each ablation.
        weights: What the sliders rank by (JSON values); empty without a table of two rows.
    """

    planes: Sequence[Plane]
    reference: str
    forests: Sequence[Strips]
    more_forests: Sequence[Strips]
    dots: Sequence[tuple[TaskResults, Sequence[Strips]]]
    damage: Mapping[str, Sequence[Plane]]
    ablations: Sequence[tuple[str, Sequence[Plane]]]
    weights: Mapping[str, object]


def page_looks(results: Sequence[Table], tasks: Sequence[TaskResults]) -> dict[str, Look]:
    """Label -> look, of every method of a report; variants in ablations are told by their rows."""
    labels = [row.label for table in results if not is_ablation(table) for row in table.rows]
    labels += [system.label for task in tasks for system in task.systems]
    return looks_of(dict.fromkeys([*labels, "Truth"]))


def charts(
    results: Sequence[Table],
    tasks: Sequence[TaskResults],
    costs: Mapping[str, Grid],
    looks: Mapping[str, Look],
) -> Charts:
    """All charts of a report.

    Args:
        results: Its tables, the headline first.
        tasks: Its tasks.
        costs: Costs by task.
        looks: As `page_looks` gives them.
    """
    shown = [replace(table, digits=page_digits(table)) for table in results]
    headline = next((table for table in shown if not is_ablation(table)), None)
    if headline and len({row.block for row in headline.rows}) > 1:
        headline = None
    task = next((task for task in tasks if task.id == BLIND.id), None)
    planes, forests, more_forests = [], [], []
    if headline:
        planes.append(quality_against_stability(headline, looks))
        if BLIND.id in costs:
            planes.append(quality_against_cost(headline, costs[BLIND.id], looks))
        first = [facts for facts in (of_quality(headline), of_stability(headline)) if facts]
        others = [facts for facts in headline.metrics if facts not in first]
        forests = forest(headline, first, task, looks)
        more_forests = forest(headline, others, task, looks)
    reference = next(iter(headline.references.values()), "") if headline else ""
    facts = {facts.id: facts for table in shown for facts in table.metrics}
    by_clip = [facts[name] for name in (*QUALITY, *STABILITY) if name in facts]
    named = {row.method for table in results if not is_ablation(table) for row in table.rows}
    named = {method for method in named if not controlled(method)}
    dots = [(task, [clip_dots(task, each, looks) for each in by_clip]) for task in tasks]
    return Charts(
        planes=[plane for plane in planes if plane],
        reference=headline.label(reference) if headline and reference else "",
        forests=forests,
        more_forests=more_forests,
        dots=[(task, found) for task, all_ in dots if (found := [one for one in all_ if one])],
        damage={
            task.id: [
                plane
                for each in by_clip
                if (plane := against_damage(task, _in(task, named), each, looks))
            ]
            for task in tasks
        },
        ablations=[(table.title, ablation(table)) for table in shown if is_ablation(table)],
        weights=weights(headline, task) if headline else {},
    )


def _in(task: TaskResults, methods: Collection[str]) -> list[System]:
    return [system for system in task.methods if system.id in methods]


def is_ablation(table: Table) -> bool:
    """Whether a table compares variants of one network."""
    return table.name.startswith("appendix_") or table.name in ("table3", "table4")
