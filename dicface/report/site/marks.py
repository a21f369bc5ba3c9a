"""How pages draw the look of a method: its marker as an SVG path around (0, 0), its line."""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, pi, sin

from dicface.report.looks import BLACK, Look

RADIUS = 5.5


def _star(corners: int, inner: float = 1.0, turn: float = 0.0) -> str:
    """A polygon of `corners`, or a star where its inner radius is below 1; `turn` in degrees."""
    steps = corners if inner == 1 else 2 * corners
    points = []
    for step in range(steps):
        radius = RADIUS * (inner if inner < 1 and step % 2 else 1)
        angle = 2 * pi * step / steps + pi * (turn - 90) / 180
        points.append(f"{radius * cos(angle):.2f} {radius * sin(angle):.2f}")
    return f"M{' L'.join(points)}Z"


_DISC = "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0Z"
_PLUS = "M-2 -5.5H2V-2H5.5V2H2V5.5H-2V2H-5.5V-2H-2Z"
_CROSS = "M0 -2.6L2.9 -5.5L5.5 -2.9L2.6 0L5.5 2.9L2.9 5.5L0 2.6L-2.9 5.5L-5.5 2.9L-2.6 0L-5.5 -2.9"

_STROKES = ("x", "+", "_", "|", "1", "2", "3", "4")
"""Markers that are lines alone."""

_DASHES = {"-": "", "--": "7 4", ":": "2 5", "-.": "9 4 2 4"}

MARKS: Mapping[str, str] = {
    "": _DISC,
    "o": _DISC,
    "s": "M-4.5 -4.5H4.5V4.5H-4.5Z",
    "^": _star(3),
    "v": _star(3, turn=180),
    ">": _star(3, turn=90),
    "<": _star(3, turn=270),
    "D": _star(4),
    "d": "M0 -6L3.5 0L0 6L-3.5 0Z",
    "p": _star(5),
    "h": _star(6),
    "8": _star(8, turn=22.5),
    "*": _star(5, inner=0.42),
    "P": _PLUS,
    "X": f"{_CROSS}L-2.9 -5.5Z",
    "x": "M-4 -4L4 4M-4 4L4 -4",
    "+": "M-5.5 0H5.5M0 -5.5V5.5",
    "_": "M-5.5 0H5.5",
    "|": "M0 -5.5V5.5",
    "1": "M0 0V5.5M0 0L-4.8 -2.8M0 0L4.8 -2.8",
    "2": "M0 0V-5.5M0 0L-4.8 2.8M0 0L4.8 2.8",
    "3": "M0 0H-5.5M0 0L2.8 -4.8M0 0L2.8 4.8",
    "4": "M0 0H5.5M0 0L-2.8 -4.8M0 0L-2.8 4.8",
}
"""By the names that matplotlib has for them."""


def drawn(look: Look) -> dict[str, str]:
    """Colour, marker (path and how it is painted) and dashes of a look, for CSS and SVG."""
    kind = "stroke" if look.marker in _STROKES else "hollow" if look.hollow else "solid"
    return {
        # The truth's black is the page's ink, which is light on dark.
        "colour": "var(--ink)" if look.colour == BLACK else look.colour,
        "path": MARKS[look.marker],
        "kind": kind,
        "dashes": _DASHES[look.dash],
    }
