"""Flow error along the truth's motion, and the flicker that a truth does not have."""

import cv2
import numpy as np
import pytest

from dicface.metrics import functional
from dicface.metrics.warping_error import _MOTION, backward_flow
from tests.metrics.test_warping_error import RNG, film

MOVING, LEFT, STILL = film(3), film(3)[::-1].copy(), film(0)


def test_the_truth_and_a_shifted_film_move_as_the_truth_does() -> None:
    assert functional.flow_error(MOVING, MOVING) == 0
    assert functional.flow_error(STILL, STILL) == 0


def test_a_frozen_film_lacks_the_motion_and_one_that_turns_back_twice_of_it() -> None:
    # 3 px of 256 are 6 px of a 512-px face.
    assert functional.flow_error(MOVING[[0, 0, 0]], MOVING) == pytest.approx(6, rel=0.02)
    assert functional.flow_error(LEFT, MOVING) == pytest.approx(12, rel=0.05)
    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), 2) for frame in MOVING])
    assert functional.flow_error(blurred, MOVING) < 0.5


def test_motion_is_found_once_for_all_who_ask() -> None:
    now, before = MOVING[1], MOVING[0]
    found = _MOTION.between(now, before)
    assert _MOTION.between(now, before) is found
    np.testing.assert_array_equal(found[0], backward_flow(now, before)[0])
    np.testing.assert_array_equal(_MOTION.between(before, now)[0], backward_flow(before, now)[0])


def test_light_that_truly_changes_is_no_flicker_error_and_its_absence_is() -> None:
    light = RNG.integers(-9, 10, 12)
    truth = (120 + light[:, None, None, None] + np.zeros((12, 64, 64, 3))).astype(np.uint8)
    flat = np.full_like(truth, 120)
    assert functional.flicker_error(truth, truth) == 0
    assert functional.flicker_error(flat, truth) == pytest.approx(functional.flicker_fast(truth))
    assert functional.flicker_fast(flat) == 0
