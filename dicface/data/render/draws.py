"""Named random draws: every attribute has a stream of its own.

An attribute that is added, or asked for in another order, therefore shifts no other.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from dicface.base.seeds import numpy_rng

T = TypeVar("T")


class Draws:
    """Draws of one subject, for example a person or a clip.

    >>> person = Draws("identity", "Ada")
    >>> person.uniform("jaw", 0.9, 1.1) == Draws("identity", "Ada").uniform("jaw", 0.9, 1.1)
    True
    """

    def __init__(self, *subject: str | int) -> None:
        """Name the subject."""
        self._subject = subject

    def rng(self, attribute: str) -> np.random.Generator:
        """The attribute's own generator; the same at each call."""
        return numpy_rng(*self._subject, attribute)

    def uniform(self, attribute: str, low: float, high: float) -> float:
        """A number between `low` and `high`."""
        return float(self.rng(attribute).uniform(low, high))

    def normal(self, attribute: str, scale: float) -> float:
        """A number around 0 with standard deviation `scale`, cut at twice that."""
        return float(scale * np.clip(self.rng(attribute).standard_normal(), -2.0, 2.0))

    def chance(self, attribute: str, probability: float) -> bool:
        """True with the given probability."""
        return bool(self.rng(attribute).random() < probability)

    def choice(self, attribute: str, options: Sequence[T]) -> T:
        """One of `options`, all equally likely."""
        return options[int(self.rng(attribute).integers(len(options)))]

    def weighted(self, attribute: str, weights: Mapping[T, float]) -> T:
        """One of the keys of `weights`, in proportion to its weight."""
        keys = list(weights)
        share = np.array([weights[key] for key in keys], float)
        place = np.searchsorted(np.cumsum(share) / share.sum(), self.rng(attribute).random())
        return keys[min(int(place), len(keys) - 1)]
