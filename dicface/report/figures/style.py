"""One look for all figures: sizes of a two-column paper, 8 pt, colours for every eye.

Figures are built from `matplotlib.figure.Figure` inside `look()`, without pyplot and its state, and
written by `save`, so that equal data give equal files.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from dicface.base.files import atomic_path

COLUMN_WIDTH, TEXT_WIDTH = 3.4, 7.0
"""Width of a column and of a page's text in a two-column paper, inches."""
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
    "image.composite_image": False,
}


# It reports every table of every font that is embedded.
logging.getLogger("fontTools.subset").setLevel(logging.WARNING)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A written figure.

    Attributes:
        pdf: Vector file with embedded TrueType fonts.
        png: The same in pixels, 300 dpi but for figures of web pages.
        caption: What it shows and by which rule that was chosen; beside the files as `.txt`.
    """

    pdf: Path
    png: Path
    caption: str


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


def legend_columns(labels: Iterable[str], most: int) -> int:
    """Columns of a legend over a page's width, `most` if all labels fit beside each other."""
    size = _LOOK["legend.fontsize"]
    # In font sizes: handle, the space after it, and the space between two columns.
    beside = (2.0 + 0.8 + 2.0) * size / POINTS_PER_INCH
    widest = max(text_width(label, size) for label in labels) + beside
    return max(1, min(most, int(TEXT_WIDTH / widest)))


def save(figure: Figure, path: str | Path, caption: str) -> Drawn:
    """Writes `<path>.pdf`, `<path>.png` and the caption to `<path>.txt`; same data, same bytes.

    Args:
        figure: Made inside `look()`; its resolution is that of the PNG.
        path: Without suffix; a point in the name is kept.
        caption: What the figure shows and how that was chosen.
    """
    path, dpi = Path(path), figure.dpi
    # Room is made for the parts at one resolution, so that both files have the same places.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    files = {suffix: path.with_name(f"{path.name}.{suffix}") for suffix in ("pdf", "png", "txt")}
    with look():
        # Without a creation date in either file.
        with atomic_path(files["pdf"]) as temporary:
            figure.savefig(temporary, metadata={"CreationDate": None})
        with atomic_path(files["png"]) as temporary:
            figure.savefig(temporary, dpi=dpi)
    with atomic_path(files["txt"]) as temporary:
        temporary.write_text(caption + "\n", encoding="utf-8")
    return Drawn(pdf=files["pdf"], png=files["png"], caption=caption)
