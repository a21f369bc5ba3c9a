"""Pictures inside of figures: placed in inches, enlarged to the figure's resolution."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from dicface.report.figures.style import POINTS_PER_INCH, text_width

SIZES = (8, 7, 6)
"""Of headings, pt; smaller ones cannot be read in print."""

LINE_HEIGHT = 1.25
"""In font sizes."""


def axes_at(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place in inches, measured from the figure's upper left corner."""
    wide, high = figure.get_size_inches()
    return figure.add_axes(
        (left / wide, 1 - (top + height) / high, width / wide, height / high),
        xticks=[],
        yticks=[],
    )


def show(axis: Axes, picture: NDArray[np.uint8], *, blend: bool = True) -> None:
    """Fills axes with a picture, enlarged here so that every viewer shows it alike.

    Args:
        axis: Where to show it; afterwards its coordinates are px of the picture, pixel centres
            at whole numbers.
        picture: (H, W, 3) uint8 RGB.
        blend: Whether pixels are blended into each other where it is enlarged.
    """
    height, width = picture.shape[:2]
    dpi = axis.figure.dpi
    inches = axis.get_window_extent().size / dpi
    printed = [
        max(side, round(dpi * inch)) for side, inch in zip((width, height), inches, strict=True)
    ]
    how = Image.Resampling.LANCZOS if blend else Image.Resampling.NEAREST
    axis.imshow(
        Image.fromarray(picture).resize(printed, how),
        extent=(-0.5, width - 0.5, height - 0.5, -0.5),
        aspect="auto",
        interpolation="none",
    )
    axis.spines[:].set_visible(False)


def wrapped(texts: Iterable[str], width: float) -> tuple[list[str], int]:
    """Breaks headings into lines of at most `width` inches.

    They are broken between their words, at the largest of `SIZES` at which that is enough, and
    within a word only where it is wider than that at the smallest.

    Returns:
        The headings with line breaks, and the size of all of them, pt.
    """
    texts = list(texts)
    for size in SIZES:
        broken = [_broken(text, width, size, within_words=False) for text in texts]
        if None not in broken:
            return broken, size
    return [_broken(text, width, SIZES[-1], within_words=True) for text in texts], SIZES[-1]


def _broken(text: str, width: float, size: float, *, within_words: bool) -> str | None:
    """The text in the longest lines that are no wider than `width`; None if there are none."""
    for characters in range(len(text), 0, -1):
        lines = fill(text, characters, break_long_words=within_words)
        if text_width(lines, size) <= width:
            return lines
    return text if within_words else None


def text_height(texts: Sequence[str], size: float) -> float:
    """Height in inches of the tallest of some texts at `size` pt."""
    lines = max(text.count("\n") + 1 for text in texts)
    return lines * LINE_HEIGHT * size / POINTS_PER_INCH
