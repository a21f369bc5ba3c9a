"""Markdown form of a table, as GitHub shows it; columns are aligned in the source too."""

from __future__ import annotations

from collections.abc import Sequence

from dicface.report.render import cells
from dicface.report.render.cells import NO_BREAK_SPACE, Cell, unbroken
from dicface.report.tables.rows import Row
from dicface.report.tables.table import Table


def to_markdown(table: Table) -> str:
    """The whole page: table, differences, paper beside ours, notes."""
    heads = [unbroken(cells.head(table, facts)) for facts in table.metrics]
    lines = []
    for heading, members in cells.grouped(list(cells.main_cells(table))):
        if heading:
            lines.append([f"*{unbroken(heading)}*", *[""] * len(table.metrics)])
        for row, values in members:
            lines.append([_label(table, row), *map(_cell, values)])
    marks = ["**Bold**: best; <ins>underlined</ins>: second best."] * cells.has_ranks(table)
    parts = [
        f"# {escape(table.title)}",
        pipes(["Method", *heads], lines),
        " ".join((*marks, *cells.how_to_read(table))),
    ]
    differences = list(cells.difference_lines(table))
    if differences:
        lines = [
            [unbroken(escape(f"{a} {b}")), *(_stacked(*text) for text in texts)]
            for a, b, texts in differences
        ]
        parts += ["## Paired differences", pipes(["Difference", *heads], lines), cells.DIFFERENCES]
    if not table.paper.empty:
        head = ["Method", *(facts.name for facts in table.metrics)]
        lines = [
            [unbroken(escape(label)), *map(unbroken, texts)]
            for label, texts in cells.paper_lines(table, ("paper", "ours", "gap"))
        ]
        parts += ["## Paper / ours / gap", pipes(head, lines)]
    notes = [f"- † {cells.backbone_note(table)}"] if table.daggers else []
    notes += [f"- {_note(text)}" for text in table.general]
    notes += [f"- <sup>{n}</sup> {_note(text)}" for n, text in enumerate(table.numbered, 1)]
    parts += ["## Notes", "\n".join(notes)]
    return "\n\n".join(parts) + "\n"


def _label(table: Table, row: Row) -> str:
    marks = ",".join(str(mark) for mark in table.marks[row.block, row.method])
    text = unbroken(escape(row.label))
    return text + (f"{NO_BREAK_SPACE}<sup>{marks}</sup>" if marks else "")


def escape(text: str) -> str:
    """Text without any meaning to Markdown."""
    return "".join(f"\\{char}" if char in "\\|*_<>`[]" else char for char in text)


def _note(text: str) -> str:
    """A note, of which words between backticks alone mean something: a label may be in it."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return "`".join(escape(part) if n % 2 == 0 else part for n, part in enumerate(parts))


def _cell(cell: Cell) -> str:
    value = {1: f"**{cell.value}**", 2: f"<ins>{cell.value}</ins>"}.get(cell.rank, cell.value)
    small = [cell.interval, f"{cell.partial} clips" if cell.partial else ""]
    above = f"{f'≈{NO_BREAK_SPACE}' * cell.tied}{value}"
    return _stacked(above, *small)


def _stacked(above: str, *below: str) -> str:
    """A cell with small lines below its value."""
    small = "<br>".join(unbroken(text) for text in below if text)
    return above + (f"<br><sub>{small}</sub>" if small else "")


def pipes(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A pipe table: first column left, the others right."""
    widths = [max(len(line[i]) for line in (head, *lines)) for i in range(len(head))]

    def one(line: Sequence[str]) -> str:
        values = [line[0].ljust(widths[0])]
        values += [text.rjust(width) for text, width in zip(line[1:], widths[1:], strict=True)]
        return f"| {' | '.join(values)} |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([one(head), f"| {' | '.join(rule)} |", *map(one, lines)])
