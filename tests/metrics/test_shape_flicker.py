"""Shape flicker: what is left of the jitter once place, angle and size are taken out."""

import numpy as np
import pytest

from dicface.metrics.jitter import landmark_jitter
from dicface.metrics.shape_flicker import shape_flicker, similarity_aligned

RNG = np.random.default_rng(1)
FACE = RNG.uniform(100, 400, (68, 2))
STILL = np.repeat(FACE[None], 30, axis=0)


def moved(angle: float, scale: float, shift: list[float] | np.ndarray) -> np.ndarray:
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (FACE - 256) @ turn.T + 256 + shift


def test_a_similarity_is_undone_exactly_and_a_reflection_is_none() -> None:
    assert similarity_aligned(moved(0.3, 1.2, [5, -9]), FACE) == pytest.approx(FACE)
    mirrored = FACE * [-1, 1]
    assert not np.allclose(similarity_aligned(mirrored, FACE), FACE, atol=10)


def test_a_face_that_shakes_as_a_whole_keeps_its_shape() -> None:
    shaken = np.stack(
        [moved(RNG.normal(0, 0.02), RNG.normal(1, 0.02), RNG.normal(0, 3, 2)) for _ in STILL]
    )
    assert landmark_jitter(shaken, STILL).mean() > 2
    assert shape_flicker(shaken, STILL) == pytest.approx(np.zeros(30), abs=1e-9)


def test_features_that_move_in_the_face_count_all_but_what_a_similarity_explains() -> None:
    flickering = STILL.copy()
    flickering[::2, 48:] += [0, 4]
    # Two levels about their mean, of 20 points in 68.
    assert shape_flicker(flickering, STILL)[10] == pytest.approx(2 * 20 / 68, rel=0.6)
    noise = STILL + RNG.normal(0, 2, STILL.shape)
    shape, whole = shape_flicker(noise, STILL).mean(), landmark_jitter(noise, STILL).mean()
    # A similarity takes 4 of 136 degrees of freedom.
    assert shape / whole == pytest.approx(np.sqrt(132 / 136), rel=0.01)
