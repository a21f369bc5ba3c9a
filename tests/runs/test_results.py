"""The folder of a method's restored clips."""

from pathlib import Path

import numpy as np

from dicface.base.files import write_json
from dicface.runs.results import restored_clips
from dicface.video.clips import write_clip


def test_restored_clips_are_those_that_the_index_lists(tmp_path: Path) -> None:
    for name in ("a", "gone from the test set"):
        write_clip(tmp_path / f"{name}.mkv", [np.zeros((8, 8, 3), np.uint8)], 25)
    assert set(restored_clips(tmp_path)) == {"a", "gone from the test set"}
    write_json(tmp_path / "index.json", {"clips": ["a", "missing"]})
    assert restored_clips(tmp_path) == {"a": tmp_path / "a.mkv"}
