"""The run's tables for a browser, from the tables as they were stored."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from math import log10
from pathlib import Path

import numpy as np
from markupsafe import Markup

from dicface.base.names import PANELS
from dicface.provenance.manifest import SUFFIX
from dicface.report.render import cells, paper
from dicface.report.render.cells import NO_BREAK_SPACE, NO_VALUE, unbroken
from dicface.report.render.write import table_files
from dicface.report.site.grids import Cell, Grid, Head, Line, metric_head, text_cell
from dicface.report.site.notes import Notes
from dicface.report.tables import footnotes
from dicface.report.tables.rows import Row
from dicface.report.tables.table import Table, read_table
from dicface.video.formats import natural

logger = logging.getLogger(__name__)

_NUMBER = re.compile(r"[+−]?\d+(?:\.\d+)?")


@dataclass(frozen=True, kw_only=True)
class Part:
    """A piece of a table's page: a grid that sorts, folded under its title if it has one."""

    grid: Grid
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class TablePage:
    """One table on the first page.

    Attributes:
        name: File name without suffix.
        title: Heading.
        parts: What it shows, in order.
        notes: Links to its notes.
        files: The files beside it, to download.
        place: Folder of the report that gets them; below `tables`, of which source they are.
        is_partial: Whether the run broke off before all its rows were scored.
    """

    name: str
    title: str
    parts: tuple[Part, ...]
    notes: tuple[Markup, ...]
    files: tuple[Path, ...]
    place: str = "tables"
    is_partial: bool = False

    @property
    def short(self) -> str:
        """Short name for links: "Table 1" of "Table 1. Blind …", with its source if it has one."""
        source = self.place.partition("/")[2]
        return _short(self.name, self.title) + (f" ({source})" if source else "")


def read_tables(folder: Path, partial: Path) -> dict[Path, Table]:
    """Reads every table of a run: those of the paper first, then those beside them.

    Args:
        folder: Of its tables; need not exist.
        partial: Of tables that were written in part, as the run broke off; each of them stands in
            the place of the whole one, which is of an earlier run.

    Returns:
        File -> table.

    Raises:
        MetricError: A file is no table.
    """
    stored = {
        path.stem: path
        for place in (folder, partial)
        for path in place.glob("*.json")
        if not path.name.endswith(SUFFIX)
    }
    for path in sorted(folder.glob("*.md")):
        if path.stem.removesuffix("_paper") not in stored:
            logger.warning("%s: has no %s.json; make it again to show it", path, path.stem)
    first = ("table", *PANELS)

    def place(name: str) -> tuple:
        return not name.startswith(first), name in PANELS, natural(name)

    names = sorted(stored, key=place)
    return {stored[name]: read_table(stored[name]) for name in names}


def table_pages(
    table: Table, folder: Path, notes: Notes, *, is_partial: bool = False
) -> list[TablePage]:
    """A table, and the paper's numbers beside ours where the paper has such a table.

    Args:
        table: The table.
        folder: Where its files lie.
        notes: Of the page: takes the table's notes, and the reasons of rows without scores.
        is_partial: Whether the run broke off before all its rows were scored.
    """
    files = table_files(folder, table.name)
    table = replace(table, digits=page_digits(table))

    def page(
        name: str, title: str, parts: Iterable[Part], said: Iterable[str], *kinds: str
    ) -> TablePage:
        return TablePage(
            name=name,
            title=title,
            parts=tuple(parts),
            notes=tuple(notes.link(text) for text in dict.fromkeys(said)),
            files=tuple(files[kind] for kind in kinds if files[kind].is_file()),
            is_partial=is_partial,
        )

    kinds = "csv", "differences", "tex", "md"
    pages = [page(table.name, table.title, _parts(table, notes), _said(table), *kinds)]
    if not table.comparison.empty:
        name, title = f"{table.name}_paper", paper.paper_title(table)
        said = paper.LEGEND, *paper.reasons_in_words(table)
        pages.append(page(name, title, _beside_the_paper(table), said, "paper_csv", "paper"))
    return pages


def page_digits(table: Table) -> dict[str, int]:
    """Metric -> digits on a page: no more than three that its intervals leave any meaning to.

    An interval of ±1.8 leaves two after the point, as one of ±0.5 does, one of ±0.18 three. Files
    keep the metric's own.
    """
    digits = {}
    for metric, own in table.digits.items():
        lines = table.cells[table.cells["metric"] == metric]
        half = ((lines["high"] - lines["low"]) / 2).median()
        known = half > 0 and np.isfinite(half)
        digits[metric] = max(0, min(own, 2 - round(log10(half)))) if known else own
    return digits


def _said(table: Table) -> Iterator[str]:
    """Notes on the whole table."""
    yield from cells.how_to_read(table)
    if not table.differences.empty:
        yield cells.DIFFERENCES
    if table.daggers:
        yield f"† {cells.backbone_note(table)}"
    yield from table.general


def _parts(table: Table, notes: Notes) -> Iterator[Part]:
    heads = [
        Head(
            markup=unbroken(cells.head(table, facts)),
            best=metric_head(facts).best,
            metric=facts.id,
        )
        for facts in table.metrics
    ]
    yield _grid("Method", heads, _lines(table, notes))
    if not table.differences.empty:
        lines = (_plain_line(f"{a} {b}", texts) for a, b, texts in cells.difference_lines(table))
        yield _grid("Difference", heads, lines, "Paired differences")
    if not table.paper.empty:
        heads = [Head(markup=facts.name) for facts in table.metrics]
        lines = (
            _plain_line(label, [(unbroken(text), "") for text in texts])
            for label, texts in cells.paper_lines(table, ("paper", "ours", "gap"))
        )
        yield _grid("Method", heads, lines, "Paper / ours / gap")


def _beside_the_paper(table: Table) -> Iterator[Part]:
    heads = [
        Head(markup=unbroken(f"{facts.name} {cells.arrow(facts)}"), best=metric_head(facts).best)
        for facts in paper.paper_metrics(table)
    ]
    lines = (
        _plain_line(label, [*((unbroken(text), "") for text in pairs), (gap, "")])
        for label, pairs, gap in paper.beside_lines(table)
    )
    yield _grid("Method", [*heads, Head(markup="Gap")], lines)


def _grid(first: str, heads: Iterable[Head], lines: Iterable[Line], title: str = "") -> Part:
    return Part(grid=Grid(heads=(Head(markup=first), *heads), lines=tuple(lines)), title=title)


def _lines(table: Table, notes: Notes) -> Iterator[Line]:
    for heading, members in cells.grouped(list(cells.main_cells(table))):
        if heading:
            cell = Cell(markup=Markup("<em>{}</em>").format(heading), value=heading)
            yield Line(cells=(cell,), heading=True, block=members[0][0].block)
        for row, values in members:
            shown = (_label(table, row, notes), *map(_cell, values))
            yield Line(cells=shown, block=row.block, method=row.method)


def _label(table: Table, row: Row, notes: Notes) -> Cell:
    """A label; the numbers of its notes, and the words "no scores", lead to them."""
    links = [notes.link(text) for text in map(footnotes.sentence, row.notes)]
    if row.reason:
        reason, short = footnotes.sentence(row.reason), _short(table.name, table.title)
        links.insert(0, notes.absence(row.label, reason, table.name, short))
    marks = Markup("{}<sup>{}</sup>").format(NO_BREAK_SPACE, Markup(",").join(links))
    return Cell(markup=Markup.escape(row.label) + (marks if links else ""), value=row.label)


def _short(name: str, title: str) -> str:
    short = title.split(". ")[0].split(": ")[0]
    return f"{short}, beside the paper" if name.endswith("_paper") else short


def _cell(cell: cells.Cell) -> Cell:
    mark = {1: Markup("<strong>{}</strong>"), 2: Markup("<ins>{}</ins>")}.get(cell.rank)
    value = mark.format(cell.value) if mark else Markup.escape(cell.value)
    return Cell(
        markup=_stacked(
            f"≈{NO_BREAK_SPACE}" * cell.tied + value,
            cell.interval,
            f"{cell.partial} clips" if cell.partial else "",
        ),
        # In as many digits as the CSV file has.
        value=None if cell.value == NO_VALUE else float(f"{cell.mean:.6g}"),
        note=cell.note,
    )


def _plain_line(label: str, texts: Iterable[tuple[str, str]]) -> Line:
    """A label, and in each cell a text with another one in small print below."""
    shown = (
        Cell(
            # The verdict stands in a line of its own, so that the column stays narrow.
            markup=_stacked(Markup.escape(text), *below.replace("] ", "]\n").splitlines()),
            value=_shown_value(text),
        )
        for text, below in texts
    )
    return Line(cells=(text_cell(label), *shown))


def _stacked(above: Markup, *below: str) -> Markup:
    small = Markup("<br>").join(unbroken(text) for text in below if text)
    return above + Markup("<br><sub>{}</sub>").format(small) if small else above


def _shown_value(text: str) -> float | str | None:
    """What a text sorts by: the number that it begins with, else itself; None for a dash."""
    number = _NUMBER.match(text)
    if number:
        return float(number[0].replace("−", "-"))
    return None if text == NO_VALUE else text
