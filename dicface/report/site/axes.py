"""An axis of a chart: where values lie on it, in percent, and which of them are named."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10

from dicface.report.render.cells import number

NUM_TICKS = 5
ROOM = 0.06
"""Of the axis, left free beyond its outermost values."""
LOG_RATIO = 20.0
"""Positive values that span more than this lie on a logarithmic axis, where one is allowed."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """An axis whose right or upper end is the better one.

    Attributes:
        low, high: Values at its ends; their logarithms to base 10 on a logarithmic one.
        reverse: Whether the lower value is the better one and stands at the right.
        ticks: Place in percent and text of the named values.
        logarithmic: Whether it is.
    """

    low: float
    high: float
    reverse: bool = False
    ticks: tuple[tuple[float, str], ...] = ()
    logarithmic: bool = False

    def place(self, value: float) -> float:
        """Where a value lies, percent from the left or lower end, between 0 and 100."""
        if self.logarithmic:
            value = log10(value) if value > 0 else self.low
        share = (value - self.low) / (self.high - self.low)
        share = 1 - share if self.reverse else share
        return round(100 * min(1.0, max(0.0, share)), 2)


def axis_over(values: Iterable[float], *, reverse: bool = False, may_be_log: bool = False) -> Axis:
    """An axis with room for values, and with round numbers as ticks.

    Args:
        values: Finite or not; those that are not take no room.
        reverse: Whether lower is better.
        may_be_log: Whether positive values that span much may lie on a logarithmic axis.

    >>> [text for _, text in axis_over([-1.3, 2.2]).ticks]
    ['−1', '0', '1', '2']
    """
    known = [value for value in values if isfinite(value)] or [0.0]
    low, high = min(known), max(known)
    logarithmic = may_be_log and low > 0 and high / low > LOG_RATIO
    if logarithmic:
        low, high = log10(low), log10(high)
    if high == low:
        low, high = low - 0.5, high + 0.5
    room = ROOM * (high - low)
    bare = Axis(low=low - room, high=high + room, reverse=reverse, logarithmic=logarithmic)
    named = _powers(low, high) if logarithmic else _round_numbers(low, high)
    ticks = tuple((bare.place(value), text) for value, text in named)
    return Axis(low=bare.low, high=bare.high, reverse=reverse, ticks=ticks, logarithmic=logarithmic)


def axis_of_places(count: int) -> Axis:
    """An axis of the places 1 to `count`, each named by its number."""
    bare = Axis(low=0.5, high=count + 0.5)
    ticks = tuple((bare.place(place), str(place)) for place in range(1, count + 1))
    return Axis(low=bare.low, high=bare.high, ticks=ticks)


def _round_numbers(low: float, high: float) -> list[tuple[float, str]]:
    rough = (high - low) / NUM_TICKS
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    digits = max(0, -floor(log10(step) + 1e-9))
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [(i * step, number(i * step, digits)) for i in range(first, last + 1)]


def _powers(low: float, high: float) -> list[tuple[float, str]]:
    return [(10.0**i, f"{10.0**i:g}") for i in range(ceil(low - 1e-9), floor(high + 1e-9) + 1)]
