"""What a player is given: where the face is, which methods come first, the copy of the video."""

import base64
import re

import numpy as np
import pandas as pd
import pytest

from dicface.base.errors import MetricError
from dicface.report.site import media
from dicface.report.site.contents import System
from dicface.report.site.media import write_copy
from dicface.report.site.players import chosen_methods, face_places


def system(name, landmarks=None):
    none = pd.DataFrame()
    facts = {"clips": {}, "missing": {}, "scores": none, "frames": none}
    return System(id=name, label=name, landmarks=landmarks, **facts)


def write_landmarks(path, points, clip="one"):
    facts = {"clips": np.array([clip]), "frame_clip": np.zeros(len(points), int)}
    np.savez(path, restored=points * 0, truth=points, **facts)


def test_places_follow_the_truth_and_bridge_frames_without_a_face(tmp_path):
    points = np.full((9, 68, 2), 127.5, np.float32)
    points[:, 48:] = 383.5
    points[[0, 4]] = np.nan
    write_landmarks(tmp_path / "l.npz", points)
    places = face_places([system("input"), system("mine", tmp_path / "l.npz")], "one", 9)
    assert places["eyes"] == [[0.25, 0.25]] * 9
    assert places["mouth"] == [[0.75, 0.75]] * 9
    # Two eyes, the nose and two corners of the mouth.
    assert places["face"] == [[0.45, 0.45]] * 9


def test_a_trembling_detector_does_not_shake_the_view_and_a_moving_face_moves_it(tmp_path):
    points = np.full((60, 68, 2), 255.5, np.float32)
    points[..., 0] += np.where(np.arange(60) % 2, 4, -4)[:, None]
    points[..., 1] += 2 * np.arange(60)[:, None]
    write_landmarks(tmp_path / "l.npz", points)
    x, y = np.array(face_places([system("mine", tmp_path / "l.npz")], "one", 60)["face"]).T
    assert np.abs(x[10:50] - 0.5).max() < 0.001
    assert (y[45] - y[15]) / 30 == pytest.approx(2 / 512, rel=0.01)


def test_without_landmarks_of_the_whole_clip_nothing_is_followed(tmp_path):
    path = tmp_path / "l.npz"
    write_landmarks(path, np.full((5, 68, 2), 100, np.float32))
    assert face_places([system("mine", path)], "one", 8) == {}
    assert face_places([system("mine", path)], "another", 5) == {}
    assert face_places([system("mine")], "one", 5) == {}
    write_landmarks(path, np.full((5, 68, 2), np.nan, np.float32))
    assert face_places([system("mine", path)], "one", 5) == {}
    path.write_bytes(b"damaged")
    with pytest.raises(MetricError, match=r"l\.npz: cannot be read"):
        face_places([system("mine", path)], "one", 5)


def test_the_last_preferred_methods_come_first_and_controls_last():
    assert chosen_methods(["input", "x", "y", "z"], ["x", "y"]) == ["y", "x"]
    assert chosen_methods(["input", "x_mean5", "x", "y"], ["x"]) == ["x", "x_mean5"]
    assert chosen_methods(["input", "x"], []) == ["x"]
    assert chosen_methods(["input"], ["x"]) == []


def test_a_copy_holds_the_bytes_of_the_video_up_to_a_size(tmp_path, monkeypatch):
    video, script = tmp_path / "v.mp4", tmp_path / "v.js"
    video.write_bytes(bytes(range(256)))
    assert write_copy(video, script)
    (text,) = re.fullmatch(r'dicfacePlayer\.copy\("([^"]*)"\);\n', script.read_text()).groups()
    assert base64.b64decode(text) == video.read_bytes()
    monkeypatch.setattr(media, "COPY_BYTES", 255)
    script.unlink()
    assert not write_copy(video, script)
    assert not script.exists()
