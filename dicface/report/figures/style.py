"""One look for all figures: sizes of a two-column paper, 8 pt, colours for every eye.

Figures are built from `matplotlib.figure.Figure` inside `look()`, without pyplot and its state, and
written by `save`, so that equal data give equal files.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from dicface.base.files import atomic_path
from dicface.config.systems import IN_A_COLUMN

COLUMN_WIDTH, TEXT_WIDTH = 3.4, 7.0
"""Width of a column and of a page's text in a two-column paper, inches."""
BOTH_WIDTHS = (TEXT_WIDTH, COLUMN_WIDTH)
DPI, POINTS_PER_INCH = 300, 72
WEB_DPI = 100
"""Of a figure that is for a web page alone: a small file."""

FONT = "DejaVu Sans"

_LOOK: dict[str, Any] = {
    "font.family": FONT,
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.5,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.4,
    "figure.dpi": DPI,
    "pdf.fonttype": 42,
    # Letters as their outlines: programs that draw with SVG files ignore fonts inside of them.
    "svg.fonttype": "path",
    "svg.hashsalt": "dicface",
    "image.composite_image": False,
}

_UNDATED = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}
"""What leaves the date out of a file of each kind."""


# It reports every table of every font that is embedded.
logging.getLogger("fontTools.subset").setLevel(logging.WARNING)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A written figure.

    Attributes:
        pdf: Vector file as wide as a page's text, with embedded TrueType fonts.
        png: The same in pixels, 300 dpi but for figures of web pages.
        caption: What it shows and by which rule that was chosen; beside the files as `.txt`.
        files: All of them: also SVG, and PDF and SVG as wide as a column.
    """

    pdf: Path
    png: Path
    caption: str
    files: tuple[Path, ...]


@contextmanager
def look() -> Iterator[None]:
    """Applies the common look to every figure made inside."""
    with matplotlib.rc_context(_LOOK):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of a size in inches whose parts make room for each other."""
    return Figure(figsize=(width, height), layout="constrained")


def text_width(text: str, size: float) -> float:
    """Width in inches of the widest line of a text in the figures' font at `size` pt."""
    font = FontProperties(family=FONT, size=size)
    lines = text.split("\n")
    widths = [text_to_path.get_text_width_height_descent(line, font, False)[0] for line in lines]
    return max(widths) / POINTS_PER_INCH


def legend_columns(labels: Iterable[str], most: int, width: float) -> int:
    """Columns of a legend over a width in inches, `most` if all labels fit beside each other."""
    size = _LOOK["legend.fontsize"]
    # In font sizes: handle, the space after it, and the space between two columns.
    beside = (2.0 + 0.8 + 2.0) * size / POINTS_PER_INCH
    widest = max(text_width(label, size) for label in labels) + beside
    return max(1, min(most, int(width / widest)))


def save(
    build: Callable[[float], Figure],
    path: str | Path,
    caption: str,
    *,
    widths: Sequence[float] = BOTH_WIDTHS,
) -> Drawn:
    """Writes a figure at every width; same data, same bytes.

    As wide as a page's text: `<path>.pdf`, `.svg`, `.png`, and the caption `.txt`; as wide as a
    column: `<path>_column.pdf` and `.svg`.

    Args:
        build: Makes the figure at a width in inches, inside `look()`; the resolution of the one for
            a page is that of the PNG.
        path: Without suffix; a point in the name is kept.
        caption: What the figure shows and how that was chosen.
        widths: Of `BOTH_WIDTHS`, the page's first.
    """
    path, files = Path(path), []
    for width in widths:
        with look():
            figure = build(width)
            dpi = figure.dpi
            # Room is made for the parts at one resolution, so that all files have the same places.
            figure.draw_without_rendering()
            figure.set_layout_engine("none")
            of_page = width == TEXT_WIDTH
            for kind in ("pdf", "svg", "png") if of_page else ("pdf", "svg"):
                word = "" if of_page else IN_A_COLUMN
                files.append(path.with_name(f"{path.name}{word}.{kind}"))
                with atomic_path(files[-1]) as temporary:
                    figure.savefig(temporary, dpi=dpi, metadata=_UNDATED[kind])
    files.append(path.with_name(f"{path.name}.txt"))
    with atomic_path(files[-1]) as temporary:
        temporary.write_text(caption + "\n", encoding="utf-8")
    pdf, _, png, *_ = files
    return Drawn(pdf=pdf, png=png, caption=caption, files=tuple(files))
