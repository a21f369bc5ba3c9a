"""Warping error along the input's motion: known answers on a textured film."""

import cv2
import numpy as np
import pytest

from dicface.metrics import functional
from dicface.metrics.warping_error import SIZE, backward_flow, warped_difference

RNG = np.random.default_rng(0)
TEXTURE = cv2.GaussianBlur(RNG.integers(0, 256, (320, 320, 3), dtype=np.uint8), (0, 0), 2)


def film(step: int, num_frames: int = 3) -> np.ndarray:
    """A picture that moves so many px a frame to the left."""
    starts = range(0, step * num_frames, step) if step else [0] * num_frames
    return np.stack([TEXTURE[20 : 20 + SIZE, left : left + SIZE] for left in starts])


def error(restored: np.ndarray, degraded: np.ndarray) -> float:
    return functional.warping_error(restored, degraded)


def test_the_flow_is_the_shift_and_what_left_the_frame_is_not_seen() -> None:
    before, now = film(3, 2)
    place, seen = backward_flow(now, before)
    columns = np.arange(SIZE)[None, :, None] * [1, 0] + np.arange(SIZE)[:, None, None] * [0, 1]
    assert np.median(place - columns, axis=(0, 1)) == pytest.approx([3, 0], abs=0.05)
    assert not seen[:, -2:].any()
    assert seen.mean() > 0.95


def test_still_and_moving_films_follow_their_own_motion() -> None:
    assert error(film(0), film(0)) == 0
    assert error(film(3), film(3)) < 0.2
    # A frozen film does not follow.
    assert error(film(3)[[0, 0, 0]], film(3)) > 20 * error(film(3), film(3))


def test_flicker_and_noise_of_known_size() -> None:
    still = np.clip(film(0, 5).astype(int), 40, 200)
    flicker = (still + 6 * (np.arange(5) % 2)[:, None, None, None]).astype(np.uint8)
    assert error(flicker, film(0, 5)) == pytest.approx(6, abs=1e-4)
    noise = np.clip(np.rint(still + RNG.normal(0, 5, still.shape)), 0, 255).astype(np.uint8)
    # The mean absolute difference of two normal numbers is 2 / sqrt(π) of their deviation.
    assert error(noise, film(0, 5)) == pytest.approx(10 / np.sqrt(np.pi), rel=0.02)
    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), 4) for frame in noise])
    assert error(blurred, film(0, 5)) < 0.2 * error(noise, film(0, 5))


def test_a_cut_has_no_value_and_threads_change_none() -> None:
    place, seen = backward_flow(film(0)[0], film(0)[0])
    assert np.isnan(warped_difference(film(0)[0], film(0)[0], place, np.zeros_like(seen)))
    before = cv2.getNumThreads()
    found = []
    for threads in (1, 3):
        cv2.setNumThreads(threads)
        found.append(error(film(3), film(3)))
        assert cv2.getNumThreads() == threads
    cv2.setNumThreads(before)
    assert found[0] == found[1]
