"""A surface as the light sees it: eleven numbers (compiled)."""

import numpy as np
from numba import njit

# Entries of a surface: albedo, strength and sharpness of the gloss, how far each colour of the
# light reaches past the terminator, open sky, and the key light's share as a + b * share.
RED, GREEN, BLUE, SHINE, POWER, WRAP, OPEN, SHARE_A, SHARE_B = 0, 1, 2, 3, 4, 5, 8, 9, 10


@njit(cache=True)
def set_surface(
    s: np.ndarray, red: float, green: float, blue: float, shine: float, power: float
) -> None:
    """Fill `s` with a plain surface that the light reaches fully."""
    s[RED], s[GREEN], s[BLUE], s[SHINE], s[POWER] = red, green, blue, shine, power
    s[WRAP], s[WRAP + 1], s[WRAP + 2] = 0.36, 0.20, 0.15
    s[OPEN], s[SHARE_A], s[SHARE_B] = 1.0, 0.0, 1.0
