"""The face of a clip through time, and its size."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicface.base.errors import MetricError
from dicface.faces.dlib_models import Box
from dicface.metrics.tracks import (
    DETECTED,
    FILLED,
    MAX_GAP,
    TEMPLATE,
    TEMPLATE_BOX,
    face_frame,
    to_face_px,
    track,
)


@pytest.mark.parametrize("size", [64, 128, 512, 700])
def test_points_move_with_their_pixels_when_a_frame_is_resized(size: int) -> None:
    x, y = 0.30 * size, 0.55 * size
    columns, rows = np.meshgrid(np.arange(size), np.arange(size))
    spot = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * (0.06 * size) ** 2))
    face = face_frame(np.repeat((255 * spot)[..., None], 3, axis=2).round().astype(np.uint8))
    assert face.shape == (512, 512, 3)
    mass = face[..., 0].astype(np.float64)
    columns, rows = np.meshgrid(np.arange(512), np.arange(512))
    found = np.array([(mass * columns).sum(), (mass * rows).sum()]) / mass.sum()
    assert found == pytest.approx(to_face_px(np.array([x, y]), size), abs=0.3)


def test_face_metrics_need_square_frames() -> None:
    with pytest.raises(MetricError, match="square"):
        face_frame(np.zeros((64, 48, 3), np.uint8))


def run_track(found: str) -> list[tuple[float | None, int]]:
    """Letters: 'x' a detection whose left edge is ten times the frame number, '.' none."""
    frames = [np.full((2, 2, 3), number, np.uint8) for number in range(len(found))]

    def detect(frame: np.ndarray) -> Box | None:
        number = int(frame[0, 0, 0])
        return Box(10 * number, 0, 10 * number + 50, 50) if found[number] == "x" else None

    answers = list(track(frames, detect))
    assert [int(frame[0, 0, 0]) for frame, _, _ in answers] == list(range(len(found)))
    return [(box.left if box else None, source) for _, box, source in answers]


def test_short_gaps_are_interpolated_and_ends_held() -> None:
    lefts, sources = zip(*run_track("..x...x."), strict=True)
    assert lefts == (20, 20, 20, 30, 40, 50, 60, 60)
    assert sources == (FILLED, FILLED, DETECTED, FILLED, FILLED, FILLED, DETECTED, FILLED)


def test_gaps_longer_than_the_limit_have_the_box_of_an_aligned_face() -> None:
    gap = MAX_GAP + 1
    sources = [source for _, source in run_track("x" + "." * gap + "x")]
    assert sources == [DETECTED] + [TEMPLATE] * gap + [DETECTED]
    assert [s for _, s in run_track("." * gap + "x")] == [TEMPLATE] * gap + [DETECTED]
    assert [s for _, s in run_track("x" + "." * MAX_GAP)] == [DETECTED] + [FILLED] * MAX_GAP
    assert run_track("...") == [(TEMPLATE_BOX.left, TEMPLATE)] * 3


@given(st.text("x.", min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_every_frame_comes_out_once_and_detections_are_kept(found: str) -> None:
    for letter, (left, source) in zip(found, run_track(found), strict=True):
        assert (letter == "x") == (source == DETECTED)
        assert (left == TEMPLATE_BOX.left) == (source == TEMPLATE)


def test_enlarging_is_bicubic_and_shrinking_averages() -> None:
    small = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    assert np.array_equal(
        face_frame(small), cv2.resize(small, (512, 512), interpolation=cv2.INTER_CUBIC)
    )
    large = np.repeat(np.repeat(small, 16, axis=0), 16, axis=1)
    assert np.array_equal(face_frame(large)[::8, ::8], small)
