"""AKD on hand-made landmarks."""

import numpy as np
import pytest

from dicface.base.errors import MetricError
from dicface.metrics.akd import keypoint_distance


def test_a_shift_costs_its_length_and_one_moved_point_a_68th_of_it() -> None:
    truth = np.random.default_rng(0).normal(200, 50, (68, 2))
    assert keypoint_distance(truth + [3, 4], truth) == pytest.approx(5)
    moved = truth.copy()
    moved[7] += [30, 40]
    assert keypoint_distance(moved, truth) == pytest.approx(50 / 68)


def test_a_face_without_landmarks_has_no_distance() -> None:
    assert np.isnan(keypoint_distance(np.full((68, 2), np.nan), np.zeros((68, 2))))


def test_landmarks_of_another_shape_are_refused() -> None:
    with pytest.raises(MetricError, match=r"\(68, 2\).*\(5, 2\)"):
        keypoint_distance(np.zeros((68, 2)), np.zeros((5, 2)))
