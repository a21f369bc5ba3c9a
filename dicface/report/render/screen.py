"""The end of a run on a terminal: what was computed, what follows, and where the rest is."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from dicface.report.render import cells
from dicface.report.render.cells import number
from dicface.report.tables.table import Table

WIDTH = 100


def to_screen(table: Table, paths: Sequence[Path]) -> str:
    """The rows that have scores, the finding, and paths to open.

    Args:
        table: The table.
        paths: Files to open, of which those that are there are named.

    Returns:
        A line a row and a dozen more; sentences at most `WIDTH` columns wide.
    """
    heads, below = [], []
    for facts in table.metrics:
        # The network of a metric that is another one by it stands below.
        name, bracket, network = facts.name.partition(" (")
        heads.append(f"{name} {cells.arrow(facts)}")
        below.append(f"{bracket.strip()}{network}")
    computed, empty = [], []
    for row, values in cells.main_cells(table):
        if row.metrics is None:
            empty.append(row.label)
        else:
            computed.append((row.label, [f"{'≈' * c.tied}{c.value}" for c in values]))
    side = max((len(label) for label, _ in computed), default=0)
    wide = [
        max(len(text) for text in (heads[i], below[i], *(values[i] for _, values in computed)))
        for i in range(len(heads))
    ]
    lines = [table.title, "", _line("", heads, side, wide)]
    lines += [_line("", below, side, wide)] if any(below) else []
    lines += [_line(label, values, side, wide) for label, values in computed]
    found = finding(table)
    lines += ["", *textwrap.wrap(found, WIDTH)] if found else []
    if empty:
        lines += textwrap.wrap(f"Without scores: {', '.join(empty)}; reasons in the table.", WIDTH)
    there = [str(path) for path in paths if path.exists()]
    return "\n".join([*lines, "", *(f"  {path}" for path in there)])


def finding(table: Table) -> str:
    """One sentence: the reference row against the strongest other one, by PSNR.

    Empty where the table has no reference, no rival or no PSNR.
    """
    if not (found := compared(table)):
        return ""
    reference, rival = found
    parts = [
        f"{text} ({verdict})" if verdict else text
        for _, text, verdict in differences_in_words(table, reference, rival)
    ]
    if not parts:
        return ""
    return (
        f"{table.label(reference)} against {table.label(rival)}, the strongest other row by PSNR: "
        f"{', '.join(parts)}." + (" ≈: not told apart." if "≈" in "".join(parts) else "")
    )


def differences_in_words(
    table: Table, reference: str, rival: str, metrics: Collection[str] = ("psnr", "tlme")
) -> list[tuple[str, str, str]]:
    """Names of some metrics, as far as both rows have them, difference, and verdict."""
    pairs = table.differences
    pairs = pairs[(pairs["method_a"] == reference) & (pairs["method_b"] == rival)]
    found = []
    for facts in table.metrics:
        line = pairs[pairs["metric"] == facts.id]
        if facts.id not in metrics or line.empty or not np.isfinite(line.iloc[0]["mean"]):
            continue
        line, digits = line.iloc[0], table.digits[facts.id]
        low, high = (number(line[end], digits, signed=True) for end in ("low", "high"))
        unit = f" {facts.unit}" if facts.unit else ""
        text = f"{facts.name} {number(line['mean'], digits, signed=True)}{unit} [{low}, {high}]"
        found.append((facts.name, text, cells.verdict(line, facts)))
    return found


def compared(table: Table) -> tuple[str, str] | None:
    """The reference row and the strongest other one by PSNR, which the finding is about.

    None where the table has no reference, no rival or no PSNR.
    """
    reference = next(iter(table.references.values()), None)
    psnr = table.cells[(table.cells["metric"] == "psnr") & table.cells["mean"].notna()]
    rivals = psnr[psnr["method"] != reference]
    if len(table.references) != 1 or rivals.empty:
        return None
    return str(reference), str(rivals.loc[rivals["mean"].idxmax(), "method"])


def _line(label: str, values: Sequence[str], side: int, wide: Sequence[int]) -> str:
    columns = (f"{value:>{width}}" for value, width in zip(values, wide, strict=True))
    return "  ".join((f"{label:{side}}", *columns))
