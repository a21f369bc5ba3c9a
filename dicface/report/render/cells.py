"""What Markdown, LaTeX and plain text have in common: numbers as text and columns of a table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from dicface.base.counts import how_many
from dicface.metrics import MetricFacts
from dicface.report.tables.statistics import LEVEL, MIN_VERDICT_CLIPS, NUM_RESAMPLES, SIGNIFICANCE

if TYPE_CHECKING:
    import pandas as pd

    from dicface.report.tables.rows import Row
    from dicface.report.tables.table import Table

NO_VALUE = "–"
NO_BREAK_SPACE, WORD_JOINER = "\u00a0", "\u2060"
"""Keep an interval or a column head on one line where a page is narrow."""

SAME = "≈"
DIFFERENCES = (
    "Clip by clip, with its 95 % interval. Better or worse: told apart by the paired test over "
    f"clips, corrected for the number of differences of a metric, 5 %, over at least "
    f"{MIN_VERDICT_CLIPS} clips; ≈: not told apart."
)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell as text, without any markup.

    Attributes:
        value: The mean, or an en dash.
        interval: The interval without brackets, or nothing.
        rank: 1 best, 2 second best, 3 the rest, 0 no value, or one over fewer clips than others.
        tied: Not told apart from the best.
        partial: "11/12" where clips are missing, else nothing.
        mean: The value as a number; NaN where there is none.
        note: Why the cell is empty, or what is missing from it.
    """

    value: str
    interval: str
    rank: int = 0
    tied: bool = False
    partial: str = ""
    mean: float = np.nan
    note: str = ""


def number(value: float, digits: int, *, signed: bool = False) -> str:
    """A number with a true minus sign; an en dash when there is none; never "-0.000".

    >>> number(-1.25, 1, signed=True), number(-0.0001, 2), number(float("nan"), 2)
    ('−1.2', '0.00', '–')
    """
    if not np.isfinite(value):
        return NO_VALUE
    text = f"{abs(value):.{digits}f}"
    is_zero = float(text) == 0
    sign = "" if is_zero else "−" if value < 0 else "+" if signed else ""
    return sign + text


def span(low: float, high: float, digits: int, *, signed: bool = False) -> str:
    """An interval: "23.1–24.0", or "−0.1 to 0.2" where a dash would meet a sign."""
    if not (np.isfinite(low) and np.isfinite(high)):
        return ""
    first, last = number(low, digits, signed=signed), number(high, digits, signed=signed)
    plain = first[0].isdigit() and last[0].isdigit()
    return f"{first}–{last}" if plain else f"{first} to {last}"


def main_cells(table: Table) -> Iterator[tuple[Row, list[Cell]]]:
    """Rows of the table with their cells, in order."""
    by_row = {key: lines for key, lines in table.cells.groupby(["block", "method"], sort=False)}
    for row in table.rows:
        # Where nothing at all is measured there is no line of any row.
        lines = by_row[row.block, row.method].set_index("metric") if table.metrics else None
        cells = []
        for facts in table.metrics:
            line, digits = lines.loc[facts.id], table.digits[facts.id]
            missing = row.metrics is not None and line["clips"] < table.num_clips
            cells.append(
                Cell(
                    value=number(line["mean"], digits),
                    interval=span(line["low"], line["high"], digits),
                    rank=int(line["rank"]),
                    tied=bool(line["tied"]),
                    partial=f"{line['clips']}/{table.num_clips}" if missing else "",
                    mean=float(line["mean"]),
                    note=line["note"],
                )
            )
        yield row, cells


def difference_lines(table: Table) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    """Labels "a" and "− b" and, per metric, the difference and what stands below it, in order.

    Below stand the interval, the clips where some are missing, and the verdict: "better", "worse",
    or ≈ where the corrected test does not tell the two apart.
    """
    keys = ["block", "method_a", "method_b"]
    several = table.differences["block"].nunique() > 1
    for (block, a, b), lines in table.differences.groupby(keys, sort=False):
        by_metric = lines.set_index("metric")
        texts = []
        for facts in table.metrics:
            line, digits = by_metric.loc[facts.id], table.digits[facts.id]
            parts = []
            if np.isfinite(line["low"]):
                low = number(line["low"], digits, signed=True)
                parts.append(f"[{low}, {number(line['high'], digits, signed=True)}]")
                parts.append(verdict(line, facts))
            if np.isfinite(line["mean"]) and line["clips"] < table.num_clips:
                parts.append(f"({line['clips']}/{how_many(table.num_clips, 'clip')})")
            texts.append((number(line["mean"], digits, signed=True), " ".join(filter(None, parts))))
        label = table.label(a, block)
        yield f"{block}: {label}" if several else label, f"− {table.label(b, block)}", texts


def paper_lines(table: Table, columns: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Label and "paper / ours / gap" (or fewer of them) per metric, of rows the paper has."""
    keys = ["block", "method", "label"]
    for (_, _, label), found in table.paper.groupby(keys, sort=False):
        by_metric = found.set_index("metric")
        texts = []
        for facts in table.metrics:
            if facts.id not in by_metric.index:
                texts.append(NO_VALUE)
                continue
            line, digits = by_metric.loc[facts.id], table.digits[facts.id]
            texts.append(" / ".join(number(line[c], digits, signed=c == "gap") for c in columns))
        yield str(label), texts


def grouped(rows: list[tuple[Row, list[Cell]]]) -> Iterator[tuple[str, list]]:
    """Rows under their headings; a block, where it has a name, stands before the group."""
    for (block, group), members in groupby(rows, key=lambda pair: (pair[0].block, pair[0].group)):
        heading = ", ".join(part for part in (block, group) if part)
        yield heading, list(members)


def arrow(facts: MetricFacts) -> str:
    """Arrow in the direction of better."""
    return "↑" if facts.higher_is_better else "↓"


def head(table: Table, facts: MetricFacts) -> str:
    """Head of a column: "LPIPS ↓†", with the unit where it has one."""
    unit = f" {facts.unit}" if facts.unit else ""
    return f"{facts.name} {arrow(facts)}{'†' if facts.id in table.daggers else ''}{unit}"


def unbroken(text: str) -> str:
    """Text that a narrow page does not break."""
    return re.sub(r"(?<=\d)–(?=\d)", f"–{WORD_JOINER}", text.replace(" ", NO_BREAK_SPACE))


def has_ranks(table: Table) -> bool:
    """Whether any cell is marked as best: one row that was scored alone is not the best of any."""
    return bool(table.cells["rank"].any())


def how_to_read(table: Table) -> tuple[str, ...]:
    """Sentences that explain intervals, without the words for best and second best."""
    level = round(100 * LEVEL)
    resamples = f"{NUM_RESAMPLES:,}".replace(",", " ")
    means = (
        f"Means over {how_many(table.num_clips, 'clip')}, with their {level} % intervals: paired "
        f"bootstrap over clips, {resamples} resamples, the same for every row and column."
    )
    if not has_ranks(table):
        return (means,)
    ties = (
        "≈: not told apart from the best of its column (paired test over clips, corrected for "
        "the number of rows, 5 %)."
    )
    most = table.cells.groupby("metric")["clips"].transform("max")
    if ((table.cells["clips"] > 0) & (table.cells["clips"] < most)).any():
        return (means, ties, "Rows over fewer clips than others of their column have no rank.")
    return (means, ties)


def backbone_note(table: Table) -> str:
    """The footnote of the dagger: every metric that is not on the paper's kind of network."""
    by_backbone: dict[str, list[str]] = {}
    for facts in table.metrics:
        if facts.id in table.daggers:
            by_backbone.setdefault(table.daggers[facts.id], []).append(facts.name)
    listed = "; ".join(f"{', '.join(names)} by {text}" for text, names in by_backbone.items())
    if not listed:
        return ""
    return f"Not the paper's kind of network, compare within this table only: {listed}."


def verdict(line: pd.Series, facts: MetricFacts) -> str:
    """What the corrected test says of a difference a - b: is a "better" or "worse", or ≈.

    Nothing without a test: with fewer than `MIN_VERDICT_CLIPS` clips.
    """
    if line["clips"] < MIN_VERDICT_CLIPS or not np.isfinite(line["p_corrected"]):
        return ""
    if line["p_corrected"] >= SIGNIFICANCE:
        return SAME
    return "better" if (line["mean"] > 0) == facts.higher_is_better else "worse"
