"""Builds a table from scores: rows of methods × columns of metrics, with intervals and footnotes.

Nothing here is typed by hand: values come from the scores, directions and digits from the
metrics' own facts, footnotes from what computed them. A row without scores keeps its place and
says why. `render_table` writes the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dicface.errors import ConfigError, MetricError
from dicface.report import footnotes
from dicface.report.paper_numbers import beside_ours
from dicface.report.scores import Backbone, Scores, read_noise_floor, read_scores
from dicface.report.statistics import (
    Distance,
    Estimate,
    bootstrap_counts,
    holm,
    mean_interval,
    ranks,
    set_difference,
    set_interval,
    sign_flip_test,
)

if TYPE_CHECKING:
    from dicface.metrics import MetricFacts

SIGNIFICANCE = 0.05
NO_VALUE = Estimate(mean=np.nan, low=np.nan, high=np.nan, clips=0)
CELL_COLUMNS = (
    "block",
    "group",
    "method",
    "label",
    "metric",
    "mean",
    "low",
    "high",
    "clips",
    "backbone",
    "note",
    "rank",
    "tied",
)
DIFFERENCE_COLUMNS = ("block", "method_a", "method_b", "metric", "mean", "low", "high", "clips")


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
        metrics: Facts of the columns, in order.
        rows: Rows in order, with or without scores.
        cells: One line per row and metric (columns `CELL_COLUMNS`); `rank` is 1 for best, 2 for
            second best; `tied`: not told apart from the best.
        differences: Paired differences a - b (columns `DIFFERENCE_COLUMNS`).
        paper: Paper beside ours (columns `paper_numbers.COLUMNS`); empty unless the protocol is the
            paper's.
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
    paper: pd.DataFrame
    daggers: dict[str, str]
    numbered: tuple[str, ...]
    marks: dict[tuple[str, str], tuple[int, ...]]
    general: tuple[str, ...]
    num_clips: int
    digits: dict[str, int]

    def label(self, method: str) -> str:
        """Label of a method."""
        return next(row.label for row in self.rows if row.method == method)


def build_table(
    *,
    name: str,
    title: str,
    rows: Sequence[Row],
    metrics: Sequence[MetricFacts] | None = None,
    pairs: Sequence[tuple[str, str]] = (),
    clips: Sequence[str] | None = None,
    noise_floor: Path | None = None,
    protocol_is_paper: bool = False,
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
        pairs: (a, b) of methods whose paired difference a - b is reported, whatever its sign.
        clips: Names of the clips of the set; None: all that any row scored.
        noise_floor: Parquet with kind, metric, value, clips, backbone; None: not measured.
        protocol_is_paper: Only then are the paper's numbers set beside ours.
        paper_numbers: The paper's table as CSV: method and one column per metric.
        notes: Notes on the whole table.
        distance: Fréchet distance of set-level features; None: the metric's own.

    Raises:
        ConfigError: Two rows have one name, or a pair names no row.
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
    scores = {
        (row.block, row.method): read_scores(row.metrics, distance) for row in rows if row.metrics
    }
    backbones = _shared_backbones(scores.values())
    protocol = _shared_protocol(scores.values())
    if clips is None:
        clips = sorted({clip for one in scores.values() for clip in one.clips})
    counts = bootstrap_counts(clips) if clips else np.zeros((0, 0))
    compare = _Comparison(clips=tuple(clips), counts=counts)

    lines, differences, digits = [], [], {}
    for facts in metrics:
        found = [compare.mean(facts, one).mean for one in scores.values()]
        digits[facts.id] = shown_digits(facts, found)
    for block in dict.fromkeys(row.block for row in rows):
        inside = [row for row in rows if row.block == block]
        by_method = {row.method: scores.get((block, row.method)) for row in inside}
        for facts in metrics:
            lines += _column(facts, digits[facts.id], inside, by_method, backbones, compare)
        differences += [
            {"block": block, **_difference(facts, a, b, by_method, compare)}
            for a, b in pairs
            for facts in metrics
            if by_method.get(a) and by_method.get(b)
        ]
    order = {(row.block, row.method): position for position, row in enumerate(rows)}
    lines.sort(key=lambda line: order[line["block"], line["method"]])
    cells = pd.DataFrame(lines, columns=list(CELL_COLUMNS))
    paper = beside_ours(cells, rows, paper_numbers if protocol_is_paper else None)
    numbered, marks = footnotes.of_rows(rows)
    noise = None if noise_floor is None else read_noise_floor(noise_floor)
    return Table(
        name=name,
        title=title,
        metrics=tuple(metrics),
        rows=tuple(rows),
        cells=cells,
        differences=pd.DataFrame(differences, columns=list(DIFFERENCE_COLUMNS)),
        paper=paper,
        daggers=footnotes.of_backbones(metrics, backbones),
        numbered=numbered,
        marks=marks,
        general=(
            *footnotes.of_few_clips(len(clips)),
            *footnotes.of_set(metrics, scores.values(), len(clips)),
            *footnotes.of_noise_floor(metrics, noise),
            *footnotes.of_protocol(protocol, protocol_is_paper, paper_numbers),
            *footnotes.of_pairs(pairs, rows),
            *notes,
        ),
        num_clips=len(clips),
        digits=digits,
    )


def shown_digits(facts: MetricFacts, values: Sequence[float]) -> int:
    """Digits after the point: the metric's own, and three significant ones of a set-level value.

    A Fréchet distance is in squared units of its network's features: on another backbone than the
    paper's all values may be far below one.
    """
    largest = max((abs(value) for value in values if np.isfinite(value)), default=0.0)
    if facts.level != "set" or largest == 0:
        return facts.digits
    return int(np.clip(2 - np.floor(np.log10(largest)), facts.digits, 6))


@dataclass(frozen=True, kw_only=True)
class _Comparison:
    """The clips of the set and how often each resample drew them."""

    clips: tuple[str, ...]
    counts: np.ndarray

    def mean(self, facts: MetricFacts, one: Scores) -> Estimate:
        if facts.level == "set":
            return set_interval(one.features) if one.features else NO_VALUE
        return mean_interval(one.vector(facts.id, self.clips), self.counts)

    def difference(self, facts: MetricFacts, a: Scores, b: Scores) -> tuple[Estimate, float]:
        """Paired a - b, and its p value before any correction."""
        if facts.level == "set":
            if a.features is None or b.features is None:
                return NO_VALUE, float("nan")
            return set_difference(a.features, b.features)
        values = a.vector(facts.id, self.clips) - b.vector(facts.id, self.clips)
        return mean_interval(values, self.counts), sign_flip_test(values, facts.id, *self.clips)


def _column(
    facts: MetricFacts,
    digits: int,
    rows: Sequence[Row],
    scores: dict[str, Scores | None],
    backbones: dict[str, Backbone],
    compare: _Comparison,
) -> list[dict[str, object]]:
    estimates = {
        method: compare.mean(facts, one) if one else NO_VALUE for method, one in scores.items()
    }
    means = {method: estimate.mean for method, estimate in estimates.items()}
    place = ranks(means, higher_is_better=facts.higher_is_better, digits=digits)
    best = next((method for method, rank in place.items() if rank == 1), None)
    p_values = holm(
        {
            method: compare.difference(facts, scores[method], scores[best])[1]
            for method, rank in place.items()
            if rank > 1
        }
    )
    lines = []
    for row in rows:
        estimate, one = estimates[row.method], scores[row.method]
        p = p_values.get(row.method)
        backbone = backbones.get(facts.id)
        lines.append(
            {
                "block": row.block,
                "group": row.group,
                "method": row.method,
                "label": row.label,
                "metric": facts.id,
                "mean": estimate.mean,
                "low": estimate.low,
                "high": estimate.high,
                "clips": estimate.clips,
                "backbone": backbone.name if one and backbone else "",
                "note": footnotes.of_cell(facts, row, one, estimate, len(compare.clips)),
                "rank": place[row.method],
                # Without a test (too few clips) nothing tells them apart either.
                "tied": p is not None and not p < SIGNIFICANCE,
            }
        )
    return lines


def _difference(
    facts: MetricFacts, a: str, b: str, scores: dict[str, Scores | None], compare: _Comparison
) -> dict[str, object]:
    estimate, _ = compare.difference(facts, scores[a], scores[b])
    return {
        "method_a": a,
        "method_b": b,
        "metric": facts.id,
        "mean": estimate.mean,
        "low": estimate.low,
        "high": estimate.high,
        "clips": estimate.clips,
    }


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
