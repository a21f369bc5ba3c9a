"""How a method looks: colour, marker and dash, the same in figures and on pages.

Colours are for every eye. A label decides: what a method's facts call it, with a bracket or the
words of a control behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from zlib import crc32

from dicface.base.names import INPUT
from dicface.methods import method, methods

BLACK = "#000000"
ORANGE, SKY, GREEN, BLUE = "#E69F00", "#56B4E9", "#009E73", "#0072B2"
VERMILLION, PURPLE = "#D55E00", "#CC79A7"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION)
"""Okabe and Ito's colours without yellow, too pale for lines; black is kept for the truth."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """How the lines and points of one method look; marker and dash as matplotlib names them."""

    colour: str
    marker: str
    dash: str = "-"
    hollow: bool = False

    def line(self) -> dict[str, Any]:
        """Keyword arguments of matplotlib's `Axes.plot`."""
        return {
            "color": self.colour,
            "marker": self.marker,
            "linestyle": self.dash,
            "markerfacecolor": "white" if self.hollow else self.colour,
            "markeredgewidth": 0.8,
        }


TRUTH = Look(colour=BLACK, marker="")


@cache
def known_looks() -> Mapping[str, Look]:
    """Looks of the methods whose facts state one, by label, and of the truth.

    A name in brackets behind a label is ignored, but "(trained)" and "(trained longer)" make the
    marker hollow and the line another one, beside the released system's.
    """
    looks = {
        facts.label.partition(" (")[0]: Look(colour=colour, marker=marker, dash=dash)
        for facts in (method(name).facts for name in methods())
        if facts.look
        for colour, marker, dash in [facts.look]
    }
    return {"Truth": TRUTH, "Input": looks[method(INPUT).facts.label], **looks}


_COLOURS = ("#332288", "#882255", "#999933", "#44AA99", "#6B4C1E")
_MARKERS = ("h", "*", "d", ">", "8")
OTHERS = tuple(
    Look(colour=colour, marker=marker, dash=dash, hollow=dash == "--")
    for dash, markers in (
        ("-", _MARKERS),
        ("--", _MARKERS),
        (":", (*_MARKERS[1:], _MARKERS[0])),
    )
    for colour, marker in zip(_COLOURS, markers, strict=True)
)
"""Looks of added methods, in colours of Tol's and with markers that no system of the paper has."""

CONTROLS = {", mean of 5": "+PP", ", first frame": "_|4", ", blurred": "123", ", shuffled": "xXX"}
"""Words behind a label -> markers of that control, in the colour of what it was made from.

The first is of a system as it is, the second, hollow, of one trained here, the third of one trained
longer: their controls share a colour, and stand in one chart.
"""

TRAINED = ("", "trained", "trained longer")
"""Words in brackets behind the label of a network, in the order of `CONTROLS`."""


def looks_of(labels: Iterable[str]) -> dict[str, Look]:
    """Looks of methods by label.

    An added method has a look of its own, which its label alone decides but where two of them
    would share one.

    >>> looks_of(["DicFace (trained)"])["DicFace (trained)"].dash
    '--'
    >>> looks_of(["KEEP, mean of 5"])["KEEP, mean of 5"].colour == known_looks()["KEEP"].colour
    True
    """
    found: dict[str, Look] = {}
    added: dict[str, Look] = {}
    for label in labels:
        words = next((words for words in CONTROLS if label.endswith(words)), "")
        source = label.removesuffix(words)
        look, training = _of_the_paper(source)
        look = look or added.get(source)
        if look is None:
            look = added[source] = _free(source, [*added.values()])
        if words:
            kind = TRAINED.index(training)
            look = replace(look, marker=CONTROLS[words][kind], dash=":", hollow=kind == 1)
        found[label] = look
    return found


def _of_the_paper(label: str) -> tuple[Look | None, str]:
    """Look of a system of the paper (None: of no such one), and which of `TRAINED` it is."""
    base, *brackets = re.split(r" \(([^()]*)\)", label)
    look = known_looks().get(base)
    training = next((words for words in brackets if words in TRAINED[1:]), "") if look else ""
    if look and training == "trained":
        look = replace(look, dash="--", hollow=True)
    elif look and training:
        look = replace(look, marker="d", dash="-.", hollow=True)
    return look, training


def _free(label: str, taken: list[Look]) -> Look:
    """The look that a label's digest points at, or the next one that is free."""
    first = crc32(label.encode()) % 5
    order = OTHERS[first:5] + OTHERS[:first] + OTHERS[5:]
    return next((look for look in order if look not in taken), order[0])
