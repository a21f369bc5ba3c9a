r"""LaTeX form of a table; needs `booktabs` alone and compiles with pdflatex."""

from __future__ import annotations

import re

from dicface.report.render import cells
from dicface.report.render.cells import Cell
from dicface.report.tables.rows import Row
from dicface.report.tables.table import Table

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "–": "--",
    "—": "---",
    "−": r"\ensuremath{-}",
    "…": r"\dots{}",
    "×": r"\ensuremath{\times}",
    "±": r"\ensuremath{\pm}",
    "≈": r"\ensuremath{\approx}",
    "≤": r"\ensuremath{\leq}",
    "≥": r"\ensuremath{\geq}",
    "→": r"\ensuremath{\rightarrow}",
    "↑": r"\ensuremath{\uparrow}",
    "↓": r"\ensuremath{\downarrow}",
    "▲": r"\ensuremath{\bigtriangleup}",
    "▼": r"\ensuremath{\bigtriangledown}",
    "†": r"\ensuremath{\dagger}",
    "°": r"\ensuremath{^\circ}",
    "²": r"\ensuremath{^2}",
    "α": r"\ensuremath{\alpha}",
    "λ": r"\ensuremath{\lambda}",
    "μ": r"\ensuremath{\mu}",
    "σ": r"\ensuremath{\sigma}",
    "é": r"\'e",
    "’": "'",
    "“": "``",
    "”": "''",
    "\u202f": r"\,",
    "\u00a0": "~",
}


def escape(text: str) -> str:
    r"""Text that LaTeX sets as it stands; characters that pdflatex lacks become their code point.

    >>> escape("a_b & 95 % of α")
    'a\\_b \\& 95 \\% of \\ensuremath{\\alpha}'
    """
    return "".join(
        _SPECIAL.get(char) or (char if char.isascii() else f"[U+{ord(char):04X}]") for char in text
    )


def to_latex(table: Table) -> str:
    r"""A `table*` with the means, their intervals in small print below, and all footnotes."""
    columns = len(table.metrics) + 1
    body = [r"\toprule", _head(table), r"\midrule"]
    for index, (heading, members) in enumerate(cells.grouped(list(cells.main_cells(table)))):
        if index:
            body.append(r"\addlinespace")
        if heading:
            body.append(rf"\multicolumn{{{columns}}}{{@{{}}l}}{{\textit{{{escape(heading)}}}}} \\")
        for row, values in members:
            body += _lines(_label(table, row), values)
    body.append(r"\bottomrule")
    return "\n".join(
        [
            r"% Made by dicface from measured scores; needs \usepackage{booktabs}.",
            r"\begin{table*}",
            r"\centering",
            # LaTeX numbers tables itself.
            rf"\caption{{{escape(re.sub(r'^Table [0-9A-Z]+[.:] *', '', table.title))}.}}",
            rf"\label{{tab:{re.sub(r'[^A-Za-z0-9]', '', table.name)}}}",
            r"\setlength{\tabcolsep}{4pt}",
            rf"\begin{{tabular}}{{@{{}}l{'r' * len(table.metrics)}@{{}}}}",
            *body,
            r"\end{tabular}",
            *(_differences(table) if not table.differences.empty else []),
            *(_paper(table) if not table.paper.empty else []),
            *_notes(table),
            r"\end{table*}",
            "",
        ]
    )


def _head(table: Table) -> str:
    values = ["Method"]
    for facts in table.metrics:
        dagger = r"\textsuperscript{\ensuremath{\dagger}}" if facts.id in table.daggers else ""
        unit = f" [{facts.unit}]" if facts.unit else ""
        values.append(escape(f"{facts.name} {cells.arrow(facts)}") + dagger + escape(unit))
    return " & ".join(values) + r" \\"


def _label(table: Table, row: Row) -> str:
    marks = ",".join(str(mark) for mark in table.marks[row.block, row.method])
    return escape(row.label) + (rf"\textsuperscript{{{marks}}}" if marks else "")


def _lines(label: str, values: list[Cell]) -> list[str]:
    lines = [" & ".join([label, *(_value(cell) for cell in values)]) + r" \\"]
    below = [" ".join(part for part in (cell.interval, cell.partial) if part) for cell in values]
    if any(below):
        small = [rf"{{\scriptsize {escape(text)}}}" if text else "" for text in below]
        lines.append(" & ".join(["", *small]) + r" \\")
    return lines


def _value(cell: Cell) -> str:
    value = escape(cell.value)
    value = {1: rf"\textbf{{{value}}}", 2: rf"\underline{{{value}}}"}.get(cell.rank, value)
    return escape("≈" * cell.tied) + value


def _differences(table: Table) -> list[str]:
    names = (f"{facts.name} {cells.arrow(facts)}" for facts in table.metrics)
    head = " & ".join(escape(text) for text in ("Paired differences", *names))
    body = []
    for a, b, texts in cells.difference_lines(table):
        values = (value for value, _ in texts)
        body.append(" & ".join(escape(text) for text in (f"{a} {b}", *values)))
        small = (rf"{{\scriptsize {escape(below)}}}" if below else "" for _, below in texts)
        body.append(" & ".join(["", *small]))
    lines = [rf"{line} \\" for line in (head, *body)]
    return _tabular(len(table.metrics), [lines[0], r"\midrule", *lines[1:]])


def _tabular(num_columns: int, lines: list[str]) -> list[str]:
    return [
        r"\par\medskip",
        rf"\begin{{tabular}}{{@{{}}l{'r' * num_columns}@{{}}}}",
        r"\toprule",
        *lines,
        r"\bottomrule",
        r"\end{tabular}",
    ]


def _paper(table: Table) -> list[str]:
    head = ["Paper / ours", *(facts.name for facts in table.metrics)]
    lines = [" & ".join(map(escape, head)) + r" \\", r"\midrule"]
    for label, texts in cells.paper_lines(table, ("paper", "ours")):
        lines.append(" & ".join(map(escape, (label, *texts))) + r" \\")
    return _tabular(len(table.metrics), lines)


def _notes(table: Table) -> list[str]:
    texts = [r"\textbf{Bold}: best; \underline{underlined}: second best."] * cells.has_ranks(table)
    texts += [escape(text) for text in cells.how_to_read(table)]
    if not table.differences.empty:
        texts.append(f"Paired differences: {escape(cells.DIFFERENCES)}")
    if table.daggers:
        texts.append(escape(f"† {cells.backbone_note(table)}"))
    texts += [escape(text) for text in table.general]
    texts += [
        rf"\textsuperscript{{{index}}}{escape(text)}"
        for index, text in enumerate(table.numbered, 1)
    ]
    return [
        r"\par\smallskip",
        r"\begin{minipage}{\linewidth}\scriptsize\raggedright",
        *(rf"{text}\par" for text in texts),
        r"\end{minipage}",
    ]
