"""Builds a table from scores: rows of methods × columns of metrics, with intervals and footnotes.

Nothing here is typed by hand: values come from the scores, directions and digits from the
metrics' own facts, footnotes from what computed them. A row without scores keeps its place and
says why. `render_table` writes the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dicface.base.errors import ConfigError, MetricError
from dicface.report.tables import footnotes
from dicface.report.tables.columns import (
    CELL_COLUMNS,
    DIFFERENCE_COLUMNS,
    Comparison,
    column,
    differences,
)
from dicface.report.tables.paper_numbers import beside_ours
from dicface.report.tables.scores import Backbone, Scores, read_noise_floor, read_scores
from dicface.report.tables.statistics import Distance, bootstrap_counts

if TYPE_CHECKING:
    from dicface.metrics import MetricFacts


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a table: scores of a method, or the reason why there are none.

    Attributes:
        method: Id of the method; unique within its block.
        label: What the table prints.
        group: Heading under which the row stands.
        metrics: Its `metrics.parquet`; None when it did not run.
        reason: Why it did not run; None when it did.
        notes: Footnotes of the row, for example what it was trained on.
        paper_name: Its name in the paper's table; None when it is not there.
        block: Rows are ranked and compared within a block (a task, in Table 2).
    """

    method: str
    label: str
    group: str
    metrics: Path | None = None
    reason: str | None = None
    notes: tuple[str, ...] = ()
    paper_name: str | None = None
    block: str = ""

    def __post_init__(self) -> None:
        """Refuses a row with neither scores nor a reason, or with both."""
        if (self.metrics is None) == (not self.reason):
            raise ConfigError(
                f"row '{self.method}': found metrics={self.metrics}, reason={self.reason!r}; "
                "expected either a scores file or the reason why there is none."
            )


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table ready to be written.

    Attributes:
        name: File name without suffix, for example `table1`.
        title: Heading.
        metrics: Facts of the printed columns, in order.
        rows: Rows in order, with or without scores.
        cells: One line per row and metric (columns `CELL_COLUMNS`), the printed metrics first, then
            those that are in the CSV alone; `rank` is 1 for best, 2 for second best; `tied`: not
            told apart from the best.
        differences: Paired differences a - b (columns `DIFFERENCE_COLUMNS`), of all metrics.
        references: Block -> method that every other row is tested against.
        comparison: Paper beside ours (columns `paper_numbers.COLUMNS`); empty without the paper's
            numbers.
        setting: How the protocol differs from the paper's, in words; empty when it is the paper's.
        daggers: Metric -> backbone, for every metric that is not on the paper's kind of backbone.
        numbered: Numbered footnotes of rows.
        marks: (block, method) -> numbers of its footnotes, from 1.
        general: Notes on the whole table.
        num_clips: Number of clips in the set.
        digits: Metric -> digits after the point.
    """

    name: str
    title: str
    metrics: tuple[MetricFacts, ...]
    rows: tuple[Row, ...]
    cells: pd.DataFrame
    differences: pd.DataFrame
    references: dict[str, str]
    comparison: pd.DataFrame
    setting: str
    daggers: dict[str, str]
    numbered: tuple[str, ...]
    marks: dict[tuple[str, str], tuple[int, ...]]
    general: tuple[str, ...]
    num_clips: int
    digits: dict[str, int]

    def label(self, method: str, block: str | None = None) -> str:
        """Label of a method, in a block where it differs between blocks."""
        return next(r.label for r in self.rows if r.method == method and block in (None, r.block))

    @property
    def paper(self) -> pd.DataFrame:
        """Paper beside ours where the protocol is the paper's; empty elsewhere."""
        return self.comparison.iloc[:0] if self.setting else self.comparison


def build_table(
    *,
    name: str,
    title: str,
    rows: Sequence[Row],
    metrics: Sequence[MetricFacts] | None = None,
    shown: Sequence[str] = (),
    pairs: Sequence[tuple[str, str]] = (),
    references: Sequence[str] = (),
    clips: Sequence[str] | None = None,
    noise_floor: Path | None = None,
    protocol_is_paper: bool = False,
    setting: str = "other clips than the paper's test set",
    paper_numbers: Path | None = None,
    notes: Sequence[str] = (),
    distance: Distance | None = None,
) -> Table:
    """Builds a table.

    Args:
        name: File name without suffix.
        title: Heading.
        rows: Rows in printed order.
        metrics: Columns in printed order; None: all of the paper's, in its order.
        shown: Ids of the metrics that are printed; the others are in the CSV alone. Empty: all.
        pairs: (a, b) of methods whose paired difference a - b is reported, whatever its sign.
        references: Methods that every other row is tested against, the first that ran in a block
            stands for it; its differences are added to `pairs`. Empty: none.
        clips: Names of the clips of the set; None: all that any row scored.
        noise_floor: Parquet with kind, metric, value, clips, backbone; None: not measured.
        protocol_is_paper: Test set and protocol are the paper's.
        setting: How they differ where they are not; stands where a gap would.
        paper_numbers: The paper's table as CSV: method and one column per metric.
        notes: Notes on the whole table.
        distance: Fréchet distance of set-level features; None: the metric's own.

    Raises:
        ConfigError: Two rows have one name, a pair names no row, or `shown` names no metric.
        MetricError: A scores file cannot be used, or rows differ in backbone, protocol or clips.
    """
    # Imported here: the metrics load torch, which writing or reading a table does not need.
    if metrics is None:
        from dicface.metrics import METRICS

        metrics = list(METRICS.values())
    if distance is None:
        from dicface.metrics.fvd import frechet_distance

        distance = frechet_distance
    _check_rows(rows, pairs)
    printed = _printed(metrics, shown)
    metrics = [*printed, *(facts for facts in metrics if facts not in printed)]
    scores = {
        (row.block, row.method): read_scores(row.metrics, distance) for row in rows if row.metrics
    }
    backbones = _shared_backbones(scores.values())
    protocol = _shared_protocol(scores.values())
    if clips is None:
        clips = sorted({clip for one in scores.values() for clip in one.clips})
    counts = bootstrap_counts(clips) if clips else np.zeros((0, 0))
    compare = Comparison(clips=tuple(clips), counts=counts)

    rows = [_with_missing(row, metrics, scores.get((row.block, row.method))) for row in rows]

    lines, compared, digits, chosen = [], [], {}, {}
    for facts in metrics:
        found = [compare.mean(facts, one).mean for one in scores.values()]
        digits[facts.id] = shown_digits(facts, found)
    for block in dict.fromkeys(row.block for row in rows):
        inside = [row for row in rows if row.block == block]
        by_method = {row.method: scores.get((block, row.method)) for row in inside}
        reference = next((method for method in references if by_method.get(method)), None)
        if reference is not None:
            chosen[block] = reference
        wanted = [*pairs, *((reference, row.method) for row in inside if reference)]
        wanted = [(a, b) for a, b in dict.fromkeys(wanted) if a != b]
        for facts in metrics:
            lines += column(facts, digits[facts.id], inside, by_method, backbones, compare)
            compared += differences(facts, block, wanted, by_method, compare)
    order = {(row.block, row.method): position for position, row in enumerate(rows)}
    lines.sort(key=lambda line: order[line["block"], line["method"]])
    cells = pd.DataFrame(lines, columns=list(CELL_COLUMNS))
    daggers = footnotes.of_backbones(metrics, backbones)
    setting = "" if protocol_is_paper else setting
    numbered, marks = footnotes.of_rows(rows)
    noise = None if noise_floor is None else read_noise_floor(noise_floor)
    between = pd.DataFrame(compared, columns=list(DIFFERENCE_COLUMNS))
    return Table(
        name=name,
        title=title,
        metrics=tuple(printed),
        rows=tuple(rows),
        cells=cells,
        differences=_by_pair(between),
        references=chosen,
        comparison=beside_ours(name, cells, rows, paper_numbers, setting, daggers, len(clips)),
        setting=setting,
        daggers=daggers,
        numbered=numbered,
        marks=marks,
        general=(
            *footnotes.of_few_clips(len(clips), between),
            *footnotes.of_set(printed, scores.values(), len(clips)),
            *footnotes.of_noise_floor(printed, noise),
            *footnotes.of_protocol(protocol, setting, name, paper_numbers),
            *footnotes.of_other_columns(name, printed, metrics),
            *footnotes.of_references(references, chosen, rows),
            *footnotes.of_pairs(pairs, rows),
            *notes,
        ),
        num_clips=len(clips),
        digits=digits,
    )


def _with_missing(row: Row, metrics: Sequence[MetricFacts], scores: Scores | None) -> Row:
    """The row with notes on clips that lack a value, but for those that it has already."""
    missing = footnotes.of_missing(metrics, scores) if scores else ()
    return replace(row, notes=(*row.notes, *(text for text in missing if text not in row.notes)))


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
