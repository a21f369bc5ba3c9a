"""A face is followed between the measurements of it."""

import cv2
import numpy as np

from dicface.faces.detect import Face
from dicface.faces.dlib_models import Box
from dicface.faces.follow import Trail
from tests.faces._faces import face_at, picture

LUMA = cv2.cvtColor(picture(256, 256), cv2.COLOR_RGB2GRAY)


def moved(x: float, y: float, scale: float = 1.0) -> np.ndarray:
    affine = np.array([[scale, 0, x], [0, scale, y]])
    return cv2.warpAffine(LUMA, affine, (256, 256), borderMode=cv2.BORDER_REFLECT)


def test_points_move_with_the_picture():
    trail = Trail.begin(0, face_at(60, 40, 100))
    frames = [moved(1.5 * t, 0.7 * t, 1.005**t) for t in range(9)]
    for before, now in zip(frames, frames[1:], strict=False):
        trail.follow(before, now)
    start = trail.carried[0]
    truth = start * 1.005**8 + np.array([12.0, 5.6])
    assert np.abs(trail.carried[-1] - truth).max() < 0.5
    assert abs(trail.box.width - 100 * 1.005**8) < 0.5
    assert trail.last == 8
    assert trail.adrift == 0


def test_a_trail_goes_back_to_where_it_came_from():
    frames = [moved(2.0 * t, 0) for t in range(6)]
    trail = Trail.begin(5, face_at(70, 40, 100))
    box = trail.box
    trail.follow_back(frames[::-1])
    assert trail.first == 0
    np.testing.assert_allclose(trail.carried[0], face_at(60, 40, 100).points, atol=0.5)
    assert trail.box == box


def test_a_picture_that_is_gone_leaves_a_trail_adrift():
    noise = np.random.default_rng(0).integers(0, 255, LUMA.shape, dtype=np.uint8)
    trail = Trail.begin(0, face_at(60, 40, 100))
    trail.follow(LUMA, noise)
    trail.follow(noise, noise[::-1].copy())
    assert trail.adrift == 2
    np.testing.assert_array_equal(trail.carried[-1], trail.carried[0])


def test_fast_motion_comes_from_the_flow_and_place_from_the_detector():
    """Noise of the detector is averaged out; a shake of the head stays as quick as it was."""
    noise = np.random.default_rng(0)
    shake = 10 * np.sin(2 * np.pi * np.arange(60) / 24)[:, None, None]
    true = np.full((60, 5, 2), 50.0) + shake
    trail = Trail(first=0, box=Box(0, 0, 100, 100))
    drift = np.linspace(0, 3, 60)[:, None, None]
    for t, points in enumerate(true + drift):
        trail.carried.append(points)
        if t % 2 == 0:
            measured = true[t] + noise.normal(0, 1.0, (5, 2))
            trail.measure(t, Face(box=trail.box, score=1.0, points=measured))
    error = trail.points() - true
    assert np.abs(error).mean() < 0.6
    assert np.abs(np.diff(error, axis=0)).max() < 0.5
