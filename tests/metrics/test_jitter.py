"""Landmark jitter and its high pass, on hand-made tracks with known answers."""

import numpy as np
import pytest

from dicface.base.errors import MetricError
from dicface.metrics.high_pass import MIN_FRAMES, REACH, SIGMA_FRAMES, high_pass, low_pass
from dicface.metrics.jitter import landmark_jitter

TIMES = np.arange(40)[:, None, None]
RNG = np.random.default_rng(0)
FACE = RNG.uniform(100, 400, (1, 68, 2))
STILL = np.repeat(FACE, 40, axis=0)


def weights() -> np.ndarray:
    """The kernel, from its definition."""
    kernel = np.exp(-(np.arange(-REACH, REACH + 1) ** 2) / (2 * SIGMA_FRAMES**2))
    return kernel / kernel.sum()


def test_the_split_leaves_steady_motion_whole_and_takes_alternation_apart() -> None:
    steady = 3.0 * np.arange(20) + 7
    assert low_pass(steady) == pytest.approx(steady)
    alternating = (-1.0) ** np.arange(20)
    passed = (weights() * (-1.0) ** np.arange(-REACH, REACH + 1)).sum()
    inside = slice(REACH, -REACH)
    assert high_pass(alternating)[inside] == pytest.approx((1 - passed) * alternating[inside])
    assert passed < 0.02


def test_gaps_are_not_bridged_and_short_runs_have_no_value() -> None:
    track = np.zeros(20)
    track[[5, 12]] = np.nan, np.nan
    track[13 + MIN_FRAMES - 1 :] = np.nan
    found = np.isfinite(low_pass(track))
    assert found.tolist() == [True] * 5 + [False] + [True] * 6 + [False] * 8


def test_still_shifted_and_steadily_moving_films_have_none() -> None:
    for degraded in (STILL, STILL + 2.5 * TIMES):
        assert landmark_jitter(degraded, degraded) == pytest.approx(np.zeros(40), abs=1e-9)
        assert landmark_jitter(degraded + [3, 4], degraded) == pytest.approx(np.zeros(40), abs=1e-9)


def test_jitter_of_known_size() -> None:
    restored = STILL + 3 * (-1.0) ** TIMES * [1, 0]
    assert landmark_jitter(restored, STILL)[10] == pytest.approx(3, rel=0.02)
    noise = STILL + RNG.normal(0, 2, STILL.shape)
    high = -weights()
    high[REACH] += 1
    # The mean length of a vector of two normal numbers is sqrt(π / 2) of their deviation.
    expected = 2 * np.sqrt(np.pi / 2) * np.linalg.norm(high)
    assert landmark_jitter(noise, STILL)[REACH:-REACH].mean() == pytest.approx(expected, rel=0.05)


def test_the_tremble_of_the_inputs_landmarks_hardly_counts() -> None:
    trembling = STILL + RNG.normal(0, 2, STILL.shape)
    assert landmark_jitter(STILL, trembling).mean() < 0.3 * landmark_jitter(trembling, STILL).mean()


def test_frames_without_a_face_have_no_value_and_shapes_must_agree() -> None:
    gap = STILL.copy()
    gap[20] = np.nan
    assert np.isnan(landmark_jitter(gap, gap)).tolist() == [frame == 20 for frame in range(40)]
    with pytest.raises(MetricError, match=r"\(3, 68, 2\).*\(40, 68, 2\)"):
        landmark_jitter(STILL[:3], STILL)
