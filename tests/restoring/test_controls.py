"""The controls of every claim about time: the mean of five frames, and a frozen one."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from dicface.base.names import FROZEN, MEAN_OF_5
from dicface.restoring.controls import (
    BLOCK,
    blurred,
    control_set,
    frozen,
    mean_of_5,
    shuffled,
)
from dicface.video.clips import frame_rate, read_frames, write_clip


@pytest.mark.parametrize("count", range(9))
def test_ends_are_repeated_as_in_the_windows_of_dicface(count: int) -> None:
    frames = [np.full((2, 2, 3), 10 * i, np.uint8) for i in range(count)]
    padded = [*frames[:1] * 2, *frames, *frames[-1:] * 2]
    expected = [np.rint(np.mean(padded[i : i + 5], axis=0)) for i in range(count)]
    found = list(mean_of_5(iter(frames)))
    assert len(found) == count
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def test_clips_are_averaged_once(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)
    write_clip(tmp_path / "a.mkv", frames, 30)
    out = tmp_path / "out"
    (out).mkdir()
    write_clip(out / "gone.mkv", frames, 30)
    control_set(MEAN_OF_5, {"a": tmp_path / "a.mkv"}, out)
    found = np.stack(list(read_frames(out / "a.mkv")))
    assert np.array_equal(found, np.stack(list(mean_of_5(frames))))
    assert frame_rate(out / "a.mkv") == 30
    before = (out / "a.mkv").stat().st_mtime_ns
    control_set(MEAN_OF_5, {"a": tmp_path / "a.mkv"}, out)
    assert (out / "a.mkv").stat().st_mtime_ns == before


def test_a_frozen_clip_shows_its_first_frame_alone(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
    write_clip(tmp_path / "a.mkv", frames, 30)
    control_set(FROZEN, {"a": tmp_path / "a.mkv"}, tmp_path / "out")
    found = list(read_frames(tmp_path / "out" / "a.mkv"))
    assert len(found) == 4
    assert all(np.array_equal(frame, frames[0]) for frame in found)
    assert list(frozen([])) == []


def test_blur_is_in_px_of_512_and_shuffled_frames_are_all_there_once() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), dtype=np.uint8)
    large = np.kron(frames[0], np.ones((8, 8, 1), np.uint8))
    (found,) = blurred([large])  # 128 px: a standard deviation of 1 px
    assert np.array_equal(found, cv2.GaussianBlur(large, (0, 0), 1))
    order = list(shuffled(iter(frames)))
    assert len(order) == 20
    assert not np.array_equal(order, frames)
    assert np.array_equal(order, list(shuffled(frames)))
    for block in (slice(0, BLOCK), slice(BLOCK, 20)):
        assert {each.tobytes() for each in order[block]} == {f.tobytes() for f in frames[block]}
    assert list(shuffled([])) == []
