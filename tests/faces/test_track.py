"""Which face of a frame is followed, and how its track is smoothed."""

import numpy as np
import pytest

from dicface.base.errors import FaceError
from dicface.faces import track
from tests.faces._faces import face_at


def test_the_largest_face_is_measured_inside_the_frame():
    outside, inside = face_at(-150, 0, 200), face_at(100, 100, 110)
    assert track.choose_face([outside, inside], 300, 300) is inside
    assert track.choose_face([], 300, 300) is None
    rivals = [face_at(0, 0, 100), face_at(200, 0, 95)]
    previous = face_at(190, 0, 95)
    chosen = track.choose_face(rivals, 300, 300, choice="nearest", previous=previous)
    assert chosen is rivals[1]
    assert track.choose_face(rivals, 300, 300, previous=previous) is rivals[0]


def test_missing_faces_are_interpolated_and_counted():
    motion = np.arange(9.0)[:, None, None] * np.ones((1, 5, 2))
    raw = motion.copy()
    raw[[0, 3, 4, 8]] = np.nan
    filled = track.smooth_track(raw, "clip", sigma_frames=0)
    assert filled.num_interpolated == 4
    assert filled.points[:, 0, 0].tolist() == [1, 1, 2, 3, 4, 5, 6, 7, 7]
    smooth = track.smooth_track(motion, "clip", ends="extrapolate")
    np.testing.assert_allclose(smooth.points, motion, atol=1e-9)
    held_back = track.smooth_track(np.tile(motion, (5, 1, 1)), "clip")
    assert held_back.points[0, 0, 0] > 0.5
    with pytest.raises(FaceError, match=r"film\.mp4.*4 frames"):
        track.smooth_track(np.full((4, 5, 2), np.nan), "film.mp4")


@pytest.mark.parametrize("ends", ["reflect", "extrapolate"])
@pytest.mark.parametrize("num_frames", [1, 3])
def test_tracks_of_short_clips(num_frames, ends):
    raw = np.ones((num_frames, 5, 2)) * 7
    np.testing.assert_allclose(track.smooth_track(raw, "clip", ends=ends).points, raw)


def test_a_jump_splits_the_track_and_a_fast_face_does_not():
    still = np.tile(align_points(100), (12, 1, 1))
    raw = np.concatenate([still, still + 300])
    raw[10:14] = np.nan
    found = track.smooth_track(raw, "clip")
    assert found.jumps == (12,)
    np.testing.assert_allclose(found.points[:12], still)
    np.testing.assert_allclose(found.points[12:], still + 300)
    larger = np.concatenate([still, still * 2])
    assert track.smooth_track(larger, "clip").jumps == (12,)
    fast = still + np.arange(12)[:, None, None] * 15
    assert track.smooth_track(fast, "clip").jumps == ()
    alone = np.full((9, 5, 2), np.nan)
    alone[4] = align_points(100)
    assert track.smooth_track(alone, "clip").jumps == ()


def align_points(size: float) -> np.ndarray:
    """Five points of a face of that width, px."""
    return np.array([[0.38, 0.47], [0.62, 0.47], [0.5, 0.61], [0.4, 0.73], [0.6, 0.73]]) * size
