"""TLME, and its bound by AKD, on hand-made landmark tracks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dicface.base.errors import MetricError
from dicface.metrics.akd import keypoint_distance
from dicface.metrics.tlme import Tlme, landmark_motion_error
from dicface.metrics.view import LandmarkView

TRACKS = arrays(np.float64, (6, 4, 2), elements=st.floats(-500, 500))


def walk(num_frames: int = 9, seed: int = 0) -> np.ndarray:
    steps = np.random.default_rng(seed).normal(0, 3, (num_frames, 68, 2))
    return 200 + np.cumsum(steps, axis=0)


def test_a_constant_shift_is_all_of_akd_and_nothing_of_tlme() -> None:
    truth = walk()
    restored = truth + [3, 4]
    assert keypoint_distance(restored[0], truth[0]) == pytest.approx(5)
    assert landmark_motion_error(restored, truth) == pytest.approx(np.zeros(8), abs=1e-9)


def test_jitter_by_turns_costs_twice_its_size() -> None:
    truth = walk()
    sign = (-1.0) ** np.arange(len(truth))
    restored = truth + sign[:, None, None] * [0, 2]
    assert landmark_motion_error(restored, truth) == pytest.approx(np.full(8, 4.0))
    assert keypoint_distance(restored[3], truth[3]) == pytest.approx(2)


def test_one_moving_point_of_68_counts_one_68th() -> None:
    truth = np.zeros((2, 68, 2))
    restored = truth.copy()
    restored[1, 7] = [30, 40]
    assert landmark_motion_error(restored, truth) == pytest.approx([50 / 68])
    assert keypoint_distance(restored[1], truth[1]) == pytest.approx(50 / 68)


def test_a_frozen_restoration_of_a_moving_face_pays_the_motion() -> None:
    truth = np.zeros((5, 68, 2)) + np.arange(5)[:, None, None] * [6, 8]
    frozen = np.repeat(truth[:1], 5, axis=0)
    assert landmark_motion_error(frozen, truth) == pytest.approx(np.full(4, 10.0))


@given(TRACKS, TRACKS, st.tuples(st.floats(-99, 99), st.floats(-99, 99)))
@settings(max_examples=40, deadline=None)
def test_motion_error_ignores_offsets_and_time_direction_and_is_bounded_by_akd(
    restored: np.ndarray, truth: np.ndarray, offset: tuple[float, float]
) -> None:
    values = landmark_motion_error(restored, truth)
    assert landmark_motion_error(restored + offset, truth) == pytest.approx(values, abs=1e-9)
    assert landmark_motion_error(restored[::-1], truth[::-1]) == pytest.approx(values[::-1])
    akd = np.array([keypoint_distance(p, g) for p, g in zip(restored, truth, strict=True)])
    assert (values <= akd[1:] + akd[:-1] + 1e-9).all()


def test_frames_without_a_face_have_no_value_nor_those_after_them() -> None:
    truth, restored = walk(seed=1), walk(seed=2)
    restored[4] = np.nan
    metric = Tlme(analysis=None, protocol=None)
    for ours, true in zip(restored, truth, strict=True):
        metric.update(LandmarkView(landmarks=ours, true_landmarks=true))
    values = metric.values()
    assert np.flatnonzero(np.isnan(values)).tolist() == [3, 4]
    assert np.array_equal(values, landmark_motion_error(restored, truth), equal_nan=True)
    assert Tlme.frames(9, protocol=None) == range(1, 9)


def test_landmarks_of_other_shapes_are_refused() -> None:
    with pytest.raises(MetricError, match=r"\(68, 2\).*\(5, 2\)"):
        keypoint_distance(np.zeros((68, 2)), np.zeros((5, 2)))
    with pytest.raises(MetricError, match="same shape"):
        landmark_motion_error(np.zeros((4, 68, 2)), np.zeros((3, 68, 2)))
