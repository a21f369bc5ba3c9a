"""Tables that a page can sort: heads, lines and cells, with the values to sort by."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup, escape

from dicface.metrics import MetricFacts
from dicface.report.render.cells import arrow, number


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell: text or markup, the value to sort by (None sorts last), and a note on it."""

    markup: Markup | str
    value: float | str | None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A row of cells, or a heading that stands over the rows below it.

    Attributes:
        cells: The cells; one for a heading.
        heading: Whether it is a heading.
        block: Rows are sorted within their block (a task, where a table holds several).
        method: Id of its method, where that is known.
    """

    cells: tuple[Cell, ...]
    heading: bool = False
    block: str = ""
    method: str = ""

    @property
    def is_bare(self) -> bool:
        """Whether no cell but the first one has a value."""
        return len(self.cells) > 1 and all(cell.value is None for cell in self.cells[1:])


@dataclass(frozen=True, kw_only=True)
class Head:
    """A column's head.

    Attributes:
        markup: What it says.
        best: Whether the best value is the "high" or the "low" one; "" neither.
        metric: Id of the metric whose means stand below it; "" none.
    """

    markup: Markup | str
    best: str = ""
    metric: str = ""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A table that can be sorted by any of its columns."""

    heads: tuple[Head, ...]
    lines: tuple[Line, ...]

    def blocks(self) -> Iterator[list[Line]]:
        """Lines block by block, one `<tbody>` each."""
        block: list[Line] = []
        for line in self.lines:
            if block and line.block != block[-1].block:
                yield block
                block = []
            block.append(line)
        if block:
            yield block


def metric_head(facts: MetricFacts) -> Head:
    """Head of a metric's column: "PSNR ↑ dB"."""
    text = " ".join(part for part in (facts.name, arrow(facts), facts.unit) if part)
    return Head(markup=text, best="high" if facts.higher_is_better else "low")


def number_cell(value: float, digits: int, note: str = "") -> Cell:
    """A number with its digits; a dash that sorts last where there is none."""
    known = math.isfinite(value)
    return Cell(markup=number(value, digits), value=value if known else None, note=note)


def text_cell(text: str, note: str = "") -> Cell:
    """A text that sorts as text."""
    return Cell(markup=text, value=text, note=note)


def prose(text: str) -> Markup:
    """A sentence of ours as markup: words between backticks are code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))
