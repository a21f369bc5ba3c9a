"""Numbers of things, in words."""

from __future__ import annotations


def how_many(number: int, thing: str) -> str:
    """A number before the noun that fits it; of several words the last one is counted.

    >>> how_many(1, "clip"), how_many(0, "weights file"), how_many(3, "other row")
    ('1 clip', '0 weights files', '3 other rows')
    """
    return f"{number} {thing}{'' if number == 1 else 's'}"
