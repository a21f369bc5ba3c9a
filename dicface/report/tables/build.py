"""Builds a table from scores: rows of methods × columns of metrics, with intervals and footnotes.

Nothing here is typed by hand: values come from the scores, directions and digits from the
metrics' own facts, footnotes from what computed them. A row without scores keeps its place and
says why. `dicface.report.render` writes the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from dicface.base.errors import ConfigError, MetricError
from dicface.metrics import METRICS, WITHOUT_TRUTH, MetricFacts, metric_class
from dicface.report.tables import footnotes
from dicface.report.tables.columns import (
    CELL_COLUMNS,
    DIFFERENCE_COLUMNS,
    Comparison,
    column,
    differences,
)
from dicface.report.tables.paper_numbers import beside_ours
from dicface.report.tables.rows import Row
from dicface.report.tables.scores import Backbone, Scores, read_noise_floor, read_scores
from dicface.report.tables.spec import NOT_ASKED_FOR, TableSpec
from dicface.report.tables.statistics import Distance, bootstrap_counts
from dicface.report.tables.table import Table


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What a run decides of a declared table.

    Attributes:
        title: Heading in place of the declared one; empty: the declared one.
        metrics: Columns in printed order; None: all of the paper's, in its order.
        clips: Names of the clips of the set; None: all that any row scored.
        noise_floor: Parquet with kind, metric, value, clips, backbone; None: not measured.
        setting: How test set and protocol differ from the paper's; stands where a gap would. Empty:
            they do not.
        paper_numbers: The paper's table as CSV: method and one column per metric.
        notes: Notes on the whole table, after the declared ones.
        distance: Distance of set-level features; None: each metric's own.
    """

    title: str = ""
    metrics: Sequence[MetricFacts] | None = None
    clips: Sequence[str] | None = None
    noise_floor: Path | None = None
    setting: str = "other clips than the paper's test set"
    paper_numbers: Path | None = None
    notes: Sequence[str] = ()
    distance: Distance | None = None


def build_table(
    spec: TableSpec, rows: Sequence[Row], conditions: Conditions | None = None
) -> Table:
    """Builds a declared table from the rows that a run has.

    Declared rows that are not among `rows` get a row that says so. The order is the declared one;
    added methods stand at the end of their block, as given.

    Args:
        spec: The table.
        rows: What became of each row, in any order; see `RowSpec.filled`.
        conditions: What the run decides.

    Raises:
        ConfigError: Two rows have one name, a pair names no row, or a column no metric.
        MetricError: A scores file cannot be used, or rows differ in backbone, protocol or clips.
    """
    conditions = conditions or Conditions()
    setting, clips = conditions.setting, conditions.clips
    metrics = list(METRICS.values()) if conditions.metrics is None else conditions.metrics
    distances = {
        facts.id: conditions.distance or metric_class(facts.id).distance
        for facts in metrics
        if facts.level == "set"
    }
    rows = _in_order(spec, rows)
    _check_rows(rows, spec.pairs)
    scores = {(row.block, row.method): _read(row, distances) for row in rows if row.metrics}
    trainings = [each for one in scores.values() for each in one.trainings]
    backbones = _shared_backbones(trainings)
    metrics = [_named(facts, backbones.get(facts.id)) for facts in metrics]
    printed = _printed(metrics, spec.shown)
    metrics = [*printed, *(facts for facts in metrics if facts not in printed)]
    protocol = _shared_protocol(trainings)
    if clips is None:
        clips = sorted({clip for one in trainings for clip in one.clips})
    counts = bootstrap_counts(clips) if clips else np.zeros((0, 0))
    compare = Comparison(clips=tuple(clips), counts=counts)

    rows = [_with_missing(row, metrics, scores.get((row.block, row.method))) for row in rows]
    rows = [_with_spreads(row, metrics, scores.get((row.block, row.method)), clips) for row in rows]

    lines, compared, digits, chosen = [], [], {}, {}
    for facts in metrics:
        found = [compare.mean(facts, one).mean for one in scores.values()]
        digits[facts.id] = shown_digits(facts, found)
    for block in dict.fromkeys(row.block for row in rows):
        inside = [row for row in rows if row.block == block]
        by_method = {row.method: scores.get((block, row.method)) for row in inside}
        reference = next((method for method in spec.references if by_method.get(method)), None)
        if reference is not None:
            chosen[block] = reference
        wanted = [*spec.pairs, *((reference, row.method) for row in inside if reference)]
        wanted = [(a, b) for a, b in dict.fromkeys(wanted) if a != b]
        for facts in metrics:
            place = facts, digits[facts.id], inside, by_method, backbones, compare
            lines += column(*place, unranked=spec.unranked)
            compared += differences(facts, block, wanted, by_method, compare)
    order = {(row.block, row.method): position for position, row in enumerate(rows)}
    lines.sort(key=lambda line: order[line["block"], line["method"]])
    cells = pd.DataFrame(lines, columns=list(CELL_COLUMNS))
    daggers = footnotes.of_backbones(metrics, backbones)
    numbered, marks = footnotes.of_rows(rows)
    noise = conditions.noise_floor and read_noise_floor(conditions.noise_floor)
    paper = conditions.paper_numbers
    between = pd.DataFrame(compared, columns=list(DIFFERENCE_COLUMNS))
    return Table(
        name=spec.name,
        title=conditions.title or spec.title,
        metrics=tuple(printed),
        rows=tuple(rows),
        cells=cells,
        differences=_by_pair(between),
        references=chosen,
        comparison=beside_ours(spec.name, cells, rows, paper, setting, daggers, len(clips)),
        setting=setting,
        daggers=daggers,
        numbered=numbered,
        marks=marks,
        general=(
            *footnotes.of_few_clips(len(clips), between),
            *footnotes.of_replicates(scores.values()),
            *footnotes.of_set(printed, scores.values(), len(clips)),
            *footnotes.of_noise_floor(printed, noise),
            *footnotes.of_protocol(protocol, setting, spec.name, paper),
            *footnotes.of_other_columns(spec.name, printed, metrics),
            *footnotes.of_references(spec.references, chosen, rows),
            *footnotes.of_pairs(spec.pairs, rows),
            *spec.notes,
            *conditions.notes,
        ),
        num_clips=len(clips),
        digits=digits,
    )


def _in_order(spec: TableSpec, rows: Sequence[Row]) -> list[Row]:
    """Rows in the declared order, with one for each that is declared and not given."""
    given = {(row.block, row.method) for row in rows}
    declared = [(row.block, row.method) for row in spec.rows]
    absent = [
        row.filled(reason=NOT_ASKED_FOR)
        for row in spec.rows
        if (row.block, row.method) not in given
    ]
    blocks = list(dict.fromkeys(row.block for row in (*spec.rows, *rows)))

    def place(row: Row) -> tuple[int, int]:
        key = (row.block, row.method)
        return blocks.index(row.block), declared.index(key) if key in declared else len(declared)

    return sorted([*rows, *absent], key=place)


def _with_missing(row: Row, metrics: Sequence[MetricFacts], scores: Scores | None) -> Row:
    """The row with notes on clips that lack a value, but for those that it has already."""
    missing = footnotes.of_missing(metrics, scores) if scores else ()
    return replace(row, notes=(*row.notes, *(text for text in missing if text not in row.notes)))


def _with_spreads(
    row: Row, metrics: Sequence[MetricFacts], scores: Scores | None, clips: Sequence[str]
) -> Row:
    """The row with a note on the spreads of its trainings, where it has several."""
    notes = footnotes.of_spreads(metrics, scores, clips) if scores and scores.replicates else ()
    return replace(row, notes=(*row.notes, *notes))


def _read(row: Row, distances: Mapping[str, Distance]) -> Scores:
    """Scores of a row with those of its further trainings."""
    replicates = tuple(read_scores(path, distances) for path in row.replicates)
    return replace(read_scores(row.metrics, distances), replicates=replicates)


def _printed(metrics: Sequence[MetricFacts], shown: Sequence[str]) -> list[MetricFacts]:
    unknown = sorted(set(shown) - {facts.id for facts in metrics})
    if unknown:
        raise ConfigError(
            f"metrics: there is none named {', '.join(unknown)}. "
            f"Metrics: {', '.join(facts.id for facts in metrics)}."
        )
    return [facts for facts in metrics if facts.id in shown or not shown]


def _by_pair(between: pd.DataFrame) -> pd.DataFrame:
    """Lines of one pair together; pairs and metrics keep their order."""
    keys = ["block", "method_a", "method_b"]
    groups = [lines for _, lines in between.groupby(keys, sort=False)]
    return pd.concat(groups, ignore_index=True) if groups else between


def _named(facts: MetricFacts, backbone: Backbone | None) -> MetricFacts:
    """The metric, with its backbone in its name where it is another metric by that backbone."""
    needs = metric_class(facts.id).needs if facts.id in {*METRICS, *WITHOUT_TRUTH} else ()
    if backbone is None or backbone.official or not needs or not needs[-1].another_metric:
        return facts
    return replace(facts, name=f"{facts.name} ({backbone.name})")


def shown_digits(facts: MetricFacts, values: Sequence[float]) -> int:
    """Digits after the point: the metric's own, and three significant ones of a set-level value.

    A Fréchet distance is in squared units of its network's features: on another backbone than the
    paper's all values may be far below one.
    """
    largest = max((abs(value) for value in values if np.isfinite(value)), default=0.0)
    if facts.level != "set" or largest == 0:
        return facts.digits
    return int(np.clip(2 - np.floor(np.log10(largest)), facts.digits, 6))


def _check_rows(rows: Sequence[Row], pairs: Sequence[tuple[str, str]]) -> None:
    keys = [(row.block, row.method) for row in rows]
    twice = sorted({method for block, method in keys if keys.count((block, method)) > 1})
    if twice:
        raise ConfigError(f"rows: {', '.join(twice)} stand in the table twice; expected once.")
    unknown = {method for pair in pairs for method in pair} - {method for _, method in keys}
    if unknown:
        raise ConfigError(
            f"differences: no row is named {', '.join(sorted(unknown))}. "
            f"Rows: {', '.join(method for _, method in keys)}."
        )


def _shared_backbones(scores: Iterable[Scores]) -> dict[str, Backbone]:
    """Metric -> backbone; one column, one backbone, or its rows could not be compared."""
    shared: dict[str, tuple[Backbone, Path]] = {}
    for one in scores:
        for metric, backbone in one.backbones.items():
            first, path = shared.setdefault(metric, (backbone, one.path))
            if first != backbone:
                raise MetricError(
                    f"{one.path}: {metric} was computed by {backbone.name} "
                    f"({backbone.sha256[:12] or 'no weights'}), but by {first.name} "
                    f"({first.sha256[:12] or 'no weights'}) in {path}. Expected one backbone in a "
                    "column: delete the older file and score that method again."
                )
    return {metric: backbone for metric, (backbone, _) in shared.items()}


def _shared_protocol(scores: Iterable[Scores]) -> str:
    found = {one.protocol: one.path for one in scores}
    if len(found) > 1:
        listed = "; ".join(f"{protocol} in {path}" for protocol, path in sorted(found.items()))
        raise MetricError(
            f"found scores of {len(found)} protocols ({listed}); expected one. "
            "Delete the scores of the older protocol and score those methods again."
        )
    return next(iter(found), "")
