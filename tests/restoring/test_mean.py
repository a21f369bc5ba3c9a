"""The mean of five frames, the control of every claim about time."""

from pathlib import Path

import numpy as np
import pytest

from dicface.restoring.mean import average_set, mean_of_5
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
    average_set({"a": tmp_path / "a.mkv"}, out)
    found = np.stack(list(read_frames(out / "a.mkv")))
    assert np.array_equal(found, np.stack(list(mean_of_5(frames))))
    assert frame_rate(out / "a.mkv") == 30
    before = (out / "a.mkv").stat().st_mtime_ns
    average_set({"a": tmp_path / "a.mkv"}, out)
    assert (out / "a.mkv").stat().st_mtime_ns == before
