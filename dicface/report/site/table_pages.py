"""The run's tables for a browser: the text of `<name>.md`, the numbers of `<name>.csv`.

The Markdown holds what a reader sees (labels, marks, intervals, footnotes); the CSV beside it holds
one line a row and metric in the same order, and gives the values to sort by and the reason of an
empty cell. A table without a CSV that fits is sorted by the numbers that it shows.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from dicface.base.errors import MetricError
from dicface.report.render.cells import NO_VALUE
from dicface.report.render.markdown import NO_BREAK_SPACE
from dicface.report.site.contents import NOT_RUN, TableNames
from dicface.report.site.grids import Cell, Grid, Head, Line
from dicface.video.formats import natural

_ALLOWED = re.compile(r"</?(?:br|sub|sup|ins)>")
_TAG = re.compile(r"<[^>]*>")
_NUMBER = re.compile(r"[≈\s]*([+−-]?\d+(?:\.\d+)?)")
_MARK = re.compile(r"<sup>([\d,]+)</sup>")
_NOTE_MARK = re.compile(r"^<sup>(\d+)</sup>")


@dataclass(frozen=True, kw_only=True)
class Part:
    """A piece of a page in order: a "grid", a "heading", a "text" or a "list".

    Attributes:
        kind: Which of them.
        markup: Of a heading or a text.
        grid: Of a grid.
        items: Of a list: anchor ("" for none) and markup of each item.
    """

    kind: str
    markup: Markup = Markup()
    grid: Grid | None = None
    items: tuple[tuple[str, Markup], ...] = ()


@dataclass(frozen=True, kw_only=True)
class TablePage:
    """One table: file name without suffix, title, parts in order, and the files beside it."""

    name: str
    title: str
    parts: tuple[Part, ...]
    files: tuple[Path, ...]

    @property
    def short(self) -> str:
        """Short name for links: "Table 1" of "Table 1. Blind …"."""
        short = self.title.split(". ")[0].split(": ")[0]
        return f"{short}, beside the paper" if self.name.endswith("_paper") else short


def read_table_pages(folder: Path) -> tuple[list[TablePage], TableNames]:
    """Reads every table of a run and what the tables call its methods.

    Args:
        folder: `<run>/tables`; need not exist.

    Raises:
        MetricError: A CSV file cannot be read.
    """
    pages, names = [], TableNames()
    for path in sorted(folder.glob("*.md"), key=lambda p: _order(p.stem)):
        numbers = _read_csv(path.with_suffix(".csv"))
        page = _page(path, numbers)
        pages.append(page)
        _collect(page, numbers, names)
    return pages, names


def _order(stem: str) -> tuple[bool, list[tuple[int, str]]]:
    return (not stem.startswith("table"), natural(stem))


def _read_csv(path: Path) -> pd.DataFrame:
    if not path.is_file():
        return pd.DataFrame()
    try:
        return pd.read_csv(path, keep_default_na=False, na_values={"mean": [""]})
    except (ValueError, OSError) as error:
        raise MetricError(
            f"{path}: is no CSV that can be read ({error}). Delete it and make the table again."
        ) from error


def _page(path: Path, numbers: pd.DataFrame) -> TablePage:
    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    # A report links to nothing outside its folder: addresses stay plain text.
    reader.disable(["link", "image", "autolink"])
    tokens = reader.parse(path.read_text(encoding="utf-8"))
    title, parts = path.stem, []
    for kind, inside in _top_level(tokens):
        if kind == "heading" and inside[0].tag == "h1":
            title = inside[1].content
        elif kind == "table":
            first = not any(part.kind == "grid" for part in parts)
            parts.append(_grid(path.stem, inside, numbers if first else pd.DataFrame()))
        elif kind == "bullet_list":
            parts.append(Part(kind="list", items=tuple(_items(path.stem, inside))))
        else:
            markup = Markup().join(_inline(t) for t in inside if t.type == "inline")
            parts.append(Part(kind="heading" if kind == "heading" else "text", markup=markup))
    files = [path.with_suffix(suffix) for suffix in (".csv", ".tex", ".md")]
    files.insert(1, path.with_name(f"{path.stem}_differences.csv"))
    return TablePage(
        name=path.stem,
        title=title,
        parts=tuple(parts),
        files=tuple(file for file in files if file.is_file()),
    )


def _top_level(tokens: Sequence[Token]) -> Iterator[tuple[str, list[Token]]]:
    """Blocks of the first level with all their tokens."""
    inside: list[Token] = []
    for token in tokens:
        inside.append(token)
        if token.level == 0 and token.nesting <= 0:
            yield inside[0].type.removesuffix("_open"), inside
            inside = []


def _inline(token: Token) -> Markup:
    """Markup of an inline token; of raw tags only those that our own tables write survive."""
    return Markup("".join(map(_markup, token.children or [])))


def _markup(child: Token) -> str:
    if child.type == "html_inline" and _ALLOWED.fullmatch(child.content):
        return child.content
    if child.type == "code_inline":
        return f"<code>{html.escape(child.content)}</code>"
    if child.tag in ("strong", "em"):
        return f"<{'/' * (child.nesting < 0)}{child.tag}>"
    if child.type == "softbreak":
        return " "
    return html.escape(child.content)


def _items(name: str, tokens: Sequence[Token]) -> Iterator[tuple[str, Markup]]:
    """Anchor ("" for none) and markup of each item of a list."""
    for token in tokens:
        if token.type == "inline":
            markup = _inline(token)
            mark = _NOTE_MARK.match(markup)
            yield (f"{name}-note-{mark[1]}" if mark else ""), markup


def _grid(name: str, tokens: Sequence[Token], numbers: pd.DataFrame) -> Part:
    rows: list[list[Token]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(token)
    head, body = rows[0], rows[1:]
    is_heading = [not any(token.content for token in row[1:]) for row in body]
    by_row = _numbers_by_row(numbers, is_heading.count(False), len(head) - 1)
    lines, block = [], ""
    values = iter(by_row)
    # A heading stands in the block of the row below it.
    for row, heading in zip(reversed(body), reversed(is_heading), strict=True):
        own = None if heading else next(values, None)
        block = block if own is None else str(own["task"].iloc[0]) if "task" in own else ""
        lines.append(_line(name, row, heading, own, block))
    heads = tuple(Head(markup=_inline(t), best=_best(t.content)) for t in head)
    return Part(kind="grid", grid=Grid(heads=heads, lines=tuple(reversed(lines))))


def _best(head: str) -> str:
    return "high" if "↑" in head else "low" if "↓" in head else ""


def _line(
    name: str, row: Sequence[Token], heading: bool, own: pd.DataFrame | None, block: str
) -> Line:
    if heading:
        return Line(cells=(_text_cell(row[0], name),), heading=True, block=block)
    cells = [_text_cell(row[0], name)]
    for column, token in enumerate(row[1:]):
        markup = _inline(token)
        if own is None:
            cells.append(Cell(markup=markup, value=_shown_value(markup)))
            continue
        line = own.iloc[column]
        value = None if pd.isna(line["mean"]) else float(line["mean"])
        cells.append(Cell(markup=markup, value=value, note=str(line["note"])))
    method = "" if own is None else str(own["method"].iloc[0])
    return Line(cells=tuple(cells), heading=False, block=block, method=method)


def _shown_value(markup: Markup) -> float | str | None:
    """What a cell shows first: a number, else its text; None for a dash."""
    plain = html.unescape(_TAG.sub(" ", markup)).strip()
    number = _NUMBER.match(plain)
    if number:
        return float(number[1].replace("−", "-"))
    return plain if plain not in ("", NO_VALUE) else None


def _text_cell(token: Token, name: str) -> Cell:
    """A label; the numbers of its footnotes lead to them."""
    anchor = html.escape(f"#{name}-note-", quote=True)

    def links(mark: re.Match[str]) -> str:
        each = (f'<a href="{anchor}{number}">{number}</a>' for number in mark[1].split(","))
        return f"<sup>{','.join(each)}</sup>"

    # Markdown keeps a label in one line like this; here the style sheet decides, marks aside.
    markup = str(_inline(token)).replace(NO_BREAK_SPACE, " ")
    markup = markup.replace(" <sup>", f"{NO_BREAK_SPACE}<sup>")
    plain = html.unescape(re.sub(r"<sup>.*</sup>|</?em>", "", markup))
    return Cell(markup=Markup(_MARK.sub(links, markup)), value=plain.strip())


def _numbers_by_row(numbers: pd.DataFrame, rows: int, columns: int) -> list[pd.DataFrame]:
    """Lines of the CSV row by row, last row first; nothing where it does not fit the table.

    The printed metrics come first in each row; the CSV may have more.
    """
    if numbers.empty or not {"method", "metric", "mean", "note"} <= set(numbers.columns):
        return []
    keys = [key for key in ("task", "method") if key in numbers]
    found = [lines for _, lines in numbers.groupby(keys, sort=False)]
    if len(found) != rows or any(len(lines) < columns for lines in found):
        return []
    return found[::-1]


def _collect(page: TablePage, numbers: pd.DataFrame, names: TableNames) -> None:
    """Adds a table's labels, in order, and reasons to what is known."""
    for part in page.parts:
        for line in part.grid.lines if part.grid else ():
            if line.method:
                names.labels.setdefault(line.method, str(line.cells[0].value))
    if {"method", "note"} <= set(numbers.columns):
        for row in numbers.to_dict("records"):
            note = str(row["note"])
            if note.startswith(NOT_RUN):
                key = (str(row.get("task", "")), str(row["method"]))
                names.reasons.setdefault(key, note.removeprefix(NOT_RUN))
