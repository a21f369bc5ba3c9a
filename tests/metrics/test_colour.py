"""Colour difference and chroma: published pairs, and frames whose answer is known."""

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000

from dicface.data.degradation.masks import colorization_input
from dicface.metrics import functional
from dicface.metrics.colour import chroma_error, colour_difference, to_lab

RNG = np.random.default_rng(0)
FRAME = RNG.integers(0, 256, (16, 16, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        # Of table 1 of Sharma, Wu and Dalal (2005).
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_published_pairs(one: tuple, other: tuple, expected: float) -> None:
    assert deltaE_ciede2000(np.array(one), np.array(other)) == pytest.approx(expected, abs=1e-4)


def test_equal_frames_and_a_grey_copy() -> None:
    assert colour_difference(FRAME, FRAME) == chroma_error(FRAME, FRAME) == 0
    grey = colorization_input(FRAME)
    chroma = np.hypot(*np.moveaxis(to_lab(FRAME)[..., 1:], -1, 0)).mean()
    assert chroma_error(grey, FRAME) == pytest.approx(chroma, abs=0.01)
    assert colour_difference(grey, FRAME) > 5


def test_hue_is_no_chroma_error_and_lightness_no_chroma() -> None:
    red, blue = (np.full((2, 4, 4, 3), c, np.uint8) for c in ((200, 80, 80), (80, 80, 200)))
    assert functional.ciede2000(red, blue) > 30
    brighter = np.full((1, 4, 4, 3), 140, np.uint8)
    assert functional.chroma_error(brighter, np.full_like(brighter, 90)) < 0.01
    assert functional.ciede2000(brighter, np.full_like(brighter, 90)) > 10
