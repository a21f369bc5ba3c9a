"""AKD, TLME and IDS on hand-made landmark tracks; the box of a clip through time."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dicface.base.errors import MetricError
from dicface.faces.dlib_models import Box
from dicface.metrics.akd import keypoint_distance
from dicface.metrics.ids import identity_similarity
from dicface.metrics.tlme import MotionError, landmark_motion_error
from dicface.metrics.tracks import DETECTED, FILLED, MAX_GAP, MISSING, face_frame, to_face_px, track

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


def test_accumulator_equals_the_function_and_counts_frames_without_a_face() -> None:
    truth, restored = walk(seed=1), walk(seed=2)
    motion = MotionError()
    for frame in range(9):
        missing = frame == 4
        motion.update_landmarks(None if missing else restored[frame], truth[frame])
    restored[4] = np.nan
    expected = landmark_motion_error(restored, truth)
    assert np.array(motion.values) == pytest.approx(expected, nan_ok=True)
    assert (motion.num_frames, motion.num_missing) == (6, 2)
    assert motion.mean == pytest.approx(np.nanmean(expected))


def test_landmarks_of_other_shapes_are_refused() -> None:
    with pytest.raises(MetricError, match=r"\(68, 2\).*\(5, 2\)"):
        keypoint_distance(np.zeros((68, 2)), np.zeros((5, 2)))
    with pytest.raises(MetricError, match="same shape"):
        landmark_motion_error(np.zeros((4, 68, 2)), np.zeros((3, 68, 2)))


def test_identity_similarity_is_the_cosine_whatever_the_norms() -> None:
    a = np.array([1.0, 0, 0])
    assert identity_similarity(7 * a, a) == 1
    assert identity_similarity(-a, a) == -1
    assert identity_similarity(np.array([1.0, 1, 0]), a) == pytest.approx(np.sqrt(0.5))
    for bad in (np.zeros(3), np.ones(4), np.array([1.0, np.nan, 0])):
        with pytest.raises(MetricError, match="identity embeddings"):
            identity_similarity(bad, a)


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


def test_gaps_longer_than_the_limit_have_no_box_at_all() -> None:
    gap = MAX_GAP + 1
    sources = [source for _, source in run_track("x" + "." * gap + "x")]
    assert sources == [DETECTED] + [MISSING] * gap + [DETECTED]
    assert [s for _, s in run_track("." * gap + "x")] == [MISSING] * gap + [DETECTED]
    assert [s for _, s in run_track("x" + "." * MAX_GAP)] == [DETECTED] + [FILLED] * MAX_GAP
    assert run_track("...") == [(None, MISSING)] * 3


@given(st.text("x.", min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_every_frame_comes_out_once_and_detections_are_kept(found: str) -> None:
    for letter, (left, source) in zip(found, run_track(found), strict=True):
        assert (letter == "x") == (source == DETECTED)
        assert (left is None) == (source == MISSING)


def test_enlarging_is_bicubic_and_shrinking_averages() -> None:
    small = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    assert np.array_equal(
        face_frame(small), cv2.resize(small, (512, 512), interpolation=cv2.INTER_CUBIC)
    )
    large = np.repeat(np.repeat(small, 16, axis=0), 16, axis=1)
    assert np.array_equal(face_frame(large)[::8, ::8], small)
