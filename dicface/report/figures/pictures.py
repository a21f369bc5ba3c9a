"""Pictures inside of figures: placed in inches, enlarged to the printed resolution."""

from __future__ import annotations

from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from dicface.report.figures.style import DPI

POINTS_PER_INCH = 72
CHARACTER_WIDTH = 0.62
"""Mean width of a character of DejaVu Sans, in font sizes."""

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
    inches = axis.get_window_extent().size / axis.figure.dpi
    printed = [
        max(side, round(DPI * inch)) for side, inch in zip((width, height), inches, strict=True)
    ]
    how = Image.Resampling.LANCZOS if blend else Image.Resampling.NEAREST
    axis.imshow(
        Image.fromarray(picture).resize(printed, how),
        extent=(-0.5, width - 0.5, height - 0.5, -0.5),
        aspect="auto",
        interpolation="none",
    )
    axis.spines[:].set_visible(False)


def wrapped(text: str, width: float, size: float) -> str:
    """Breaks a heading between its words where it is wider than `width` inches at `size` pt."""
    characters = int(width * POINTS_PER_INCH / (CHARACTER_WIDTH * size))
    return fill(text, max(1, characters), break_long_words=False)


def text_height(texts: list[str], size: float) -> float:
    """Height in inches of the tallest of some texts at `size` pt."""
    lines = max(text.count("\n") + 1 for text in texts)
    return lines * LINE_HEIGHT * size / POINTS_PER_INCH
