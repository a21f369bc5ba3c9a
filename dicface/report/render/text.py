"""Plain text form of a table, for the terminal at the end of a run."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from dicface.report.render import cells
from dicface.report.render.cells import Cell
from dicface.report.tables.footnotes import sentence
from dicface.report.tables.rows import Row
from dicface.report.tables.table import Table

BEST, SECOND = "*", "°"
"""Marks of best and second best."""

_SUPERSCRIPT = str.maketrans("0123456789,", "⁰¹²³⁴⁵⁶⁷⁸⁹ ")

Line = tuple[tuple[str, str], Sequence[tuple[str, str]] | None]
"""Label and, per column, value, each with what stands below it; None for a heading."""


def to_text(table: Table, width: int = 120) -> str:
    """The table in at most `width` columns; what does not fit goes into a second panel below."""
    lines: list[Line] = []
    for heading, members in cells.grouped(list(cells.main_cells(table))):
        if heading:
            lines.append(((heading, ""), None))
        lines += [_line(table, row, values) for row, values in members]
    head = [
        (
            f"{facts.name} {cells.arrow(facts)}{'†' if facts.id in table.daggers else ''}",
            facts.unit,
        )
        for facts in table.metrics
    ]
    marks = [f"{BEST} best, {SECOND} second best."] * cells.has_ranks(table)
    legend = " ".join((*marks, *cells.how_to_read(table)))
    parts = [table.title, panels([(("", ""), head), *lines], width), _wrap(legend, width)]
    differences = list(cells.difference_lines(table))
    if differences:
        lines = [((f"  {a}", f"    {b}"), texts) for a, b, texts in differences]
        below = panels([(("", ""), head), *lines], width)
        parts += ["Paired differences", below, _wrap(cells.DIFFERENCES, width)]
    notes = [f"† {cells.backbone_note(table)}"] if table.daggers else []
    notes += [f"- {text}" for text in table.general]
    notes += [f"{index}. {text}" for index, text in enumerate(table.numbered, 1)]
    parts.append("\n".join(_wrap(note, width, "  ") for note in notes))
    return "\n\n".join(parts) + "\n"


def _line(table: Table, row: Row, values: Sequence[Cell]) -> Line:
    marks = ",".join(str(mark) for mark in table.marks[row.block, row.method])
    label = f"  {row.label} {marks.translate(_SUPERSCRIPT)}".rstrip()
    partial = {cell.partial for cell in values}
    if len(partial) > 1:
        return (label, ""), [_cell(cell, cell.partial) for cell in values]
    # The same clips are missing everywhere: said once, below the label.
    (everywhere,) = partial
    below = f"    {everywhere} clips" if everywhere else ""
    return (label, below), [_cell(cell, "") for cell in values]


def _cell(cell: Cell, partial: str) -> tuple[str, str]:
    mark = {1: BEST, 2: SECOND}.get(cell.rank, "")
    missing = f" ({partial})" if partial else ""
    return f"{'≈' * cell.tied}{mark}{cell.value}{missing}", cell.interval


def panels(lines: Sequence[Line], width: int) -> str:
    """Lines, the head first, in panels of at most `width` columns below each other."""
    label_width = max(len(text) for label, _ in lines for text in label)
    columns = [
        max(len(text) for _, values in lines if values for text in values[i])
        for i in range(len(lines[0][1] or ()))
    ]
    panels: list[list[int]] = [[]]
    used = label_width
    for i, column in enumerate(columns):
        if panels[-1] and used + 2 + column > width:
            panels.append([])
            used = label_width
        panels[-1].append(i)
        used += 2 + column
    return "\n\n".join(_panel(lines, chosen, columns, label_width) for chosen in panels)


def _panel(
    lines: Sequence[Line], chosen: Sequence[int], columns: Sequence[int], label_width: int
) -> str:
    out = []
    for label, values in lines:
        if values is None:
            out.append(label[0])
            continue
        for level in (0, 1):
            texts = [values[i][level] for i in chosen]
            if level == 0 or label[1] or any(texts):
                padded = [text.rjust(columns[i]) for text, i in zip(texts, chosen, strict=True)]
                out.append("  ".join([label[level].ljust(label_width), *padded]).rstrip())
    return "\n".join(out)


def _wrap(text: str, width: int, indent: str = "") -> str:
    return textwrap.fill(sentence(text), width, subsequent_indent=indent, break_long_words=False)
