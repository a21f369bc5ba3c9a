"""Writes a table as Markdown, CSV and LaTeX. Same table, same bytes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from dicface.files import atomic_path
from dicface.report import layout
from dicface.report.latex import to_latex
from dicface.report.layout import Cell
from dicface.report.tables import Row, Table
from dicface.report.text import to_text

if TYPE_CHECKING:
    from dicface.metrics import MetricFacts

__all__ = ["differences_to_csv", "to_csv", "to_latex", "to_markdown", "to_text", "write_table"]

CSV_COLUMNS = ["method", "metric", "mean", "low", "high", "clips", "backbone", "note"]
NO_BREAK_SPACE, WORD_JOINER = "\u00a0", "\u2060"
"""Keep an interval or a column head on one line where a page is narrow."""
DIFFERENCE_CSV_COLUMNS = ["method_a", "method_b", "metric", "mean", "low", "high", "clips"]


def write_table(table: Table, folder: str | Path) -> dict[str, Path]:
    """Writes `<name>.md`, `.csv`, `.tex` and `<name>_differences.csv`, each whole or not at all.

    Returns:
        Kind (md, csv, tex, differences) -> path.
    """
    folder = Path(folder)
    texts = {
        "csv": (f"{table.name}.csv", to_csv(table)),
        "differences": (f"{table.name}_differences.csv", differences_to_csv(table)),
        "tex": (f"{table.name}.tex", to_latex(table)),
        "md": (f"{table.name}.md", to_markdown(table)),
    }
    written = {}
    for kind, (name, text) in texts.items():
        with atomic_path(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
        written[kind] = folder / name
    return written


def to_csv(table: Table) -> str:
    """Tidy CSV, one line per row and metric; a `task` column comes first if there are several."""
    return _csv(table.cells, CSV_COLUMNS)


def differences_to_csv(table: Table) -> str:
    """Tidy CSV of the paired differences a − b, with a `task` column if there are several."""
    return _csv(table.differences, DIFFERENCE_CSV_COLUMNS)


def _csv(lines: pd.DataFrame, columns: list[str]) -> str:
    several = lines["block"].nunique() > 1
    chosen = lines.rename(columns={"block": "task"})[(["task"] if several else []) + columns]
    return chosen.to_csv(index=False, float_format="%.6g", lineterminator="\n")


# Markdown -----------------------------------------------------------------------------------------


def to_markdown(table: Table) -> str:
    """Markdown as GitHub shows it; columns are aligned in the source too."""
    head = ["Method", *(_head(table, facts) for facts in table.metrics)]
    lines = []
    for heading, members in layout.grouped(list(layout.main_cells(table))):
        if heading:
            lines.append([f"*{_unbroken(heading)}*", *[""] * len(table.metrics)])
        for row, cells in members:
            lines.append([_markdown_label(table, row), *map(_markdown_cell, cells)])
    parts = [
        f"# {table.title}",
        _pipes(head, lines),
        " ".join(
            ("**Bold**: best; <ins>underlined</ins>: second best.", *layout.how_to_read(table))
        ),
    ]
    differences = list(layout.difference_columns(table))
    if differences:
        head = ["Metric", *(_markdown_escape(label) for label, _ in differences)]
        lines = [
            [_head(table, facts), *(texts[i] for _, texts in differences)]
            for i, facts in enumerate(table.metrics)
        ]
        parts += ["## Paired differences", _pipes(head, lines), layout.DIFFERENCES]
    if not table.paper.empty:
        head = ["Method", *(facts.name for facts in table.metrics)]
        lines = [
            [_unbroken(_markdown_escape(label)), *map(_unbroken, texts)]
            for label, texts in layout.paper_lines(table, ("paper", "ours", "gap"))
        ]
        parts += ["## Paper / ours / gap", _pipes(head, lines)]
    notes = [f"- † {layout.backbone_note(table)}"] if table.daggers else []
    notes += [f"- {text}" for text in table.general]
    notes += [f"- <sup>{index}</sup> {text}" for index, text in enumerate(table.numbered, 1)]
    parts += ["## Notes", "\n".join(notes)]
    return "\n\n".join(parts) + "\n"


def _head(table: Table, facts: MetricFacts) -> str:
    unit = f" {facts.unit}" if facts.unit else ""
    dagger = "†" if facts.id in table.daggers else ""
    return _unbroken(f"{facts.name} {layout.arrow(facts)}{dagger}{unit}")


def _markdown_label(table: Table, row: Row) -> str:
    marks = ",".join(str(mark) for mark in table.marks[row.block, row.method])
    text = _unbroken(_markdown_escape(row.label))
    return text + (f"{NO_BREAK_SPACE}<sup>{marks}</sup>" if marks else "")


def _unbroken(text: str) -> str:
    return re.sub(r"(?<=\d)–(?=\d)", f"–{WORD_JOINER}", text.replace(" ", NO_BREAK_SPACE))


def _markdown_escape(text: str) -> str:
    return "".join(f"\\{char}" if char in "\\|*_<>`[]" else char for char in text)


def _markdown_cell(cell: Cell) -> str:
    value = {1: f"**{cell.value}**", 2: f"<ins>{cell.value}</ins>"}.get(cell.rank, cell.value)
    small = [cell.interval, f"{cell.partial} clips" if cell.partial else ""]
    below = "<br>".join(_unbroken(text) for text in small if text)
    above = f"{f'≈{NO_BREAK_SPACE}' * cell.tied}{value}"
    return above + (f"<br><sub>{below}</sub>" if below else "")


def _pipes(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A pipe table: first column left, the others right."""
    widths = [max(len(line[i]) for line in (head, *lines)) for i in range(len(head))]

    def one(line: Sequence[str]) -> str:
        cells = [line[0].ljust(widths[0])]
        cells += [text.rjust(width) for text, width in zip(line[1:], widths[1:], strict=True)]
        return f"| {' | '.join(cells)} |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([one(head), f"| {' | '.join(rule)} |", *map(one, lines)])
