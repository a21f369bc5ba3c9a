"""The authors' released test set as truth and inputs of a run."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dicface.base.errors import ClipError, DicfaceError
from dicface.data.datasets.layouts import read_layout
from dicface.data.datasets.released_set import import_released_inputs, import_released_truth
from dicface.data.degradation.sets import degrade_set
from dicface.data.degradation.tasks.colorization import Colorization
from dicface.faces import align
from dicface.video import clips
from tests.data.datasets import _layouts as mini
from tests.data.datasets._layouts import RELEASED


@pytest.fixture(scope="module")
def released(tmp_path_factory) -> Path:
    return mini.released(tmp_path_factory.mktemp("released") / "set", num_frames=2)


def test_the_released_set_becomes_a_runs_truth_and_inputs(released, tmp_path):
    layout = read_layout("released_test", released)
    truth = tmp_path / "clips" / "test"
    index = import_released_truth(layout, truth, size=512, progress=False)
    assert list(index["clip"]) == list(RELEASED)
    assert list(index["num_frames"]) == [2, 2]
    affine = align.estimate_affine(mini.landmarks(512))
    expected = align.warp(mini.pictures(RELEASED[0], 2, 512)[1], affine, border="helper")
    stored, _ = clips.read_clip(truth / f"{RELEASED[0]}.mkv")
    np.testing.assert_allclose(stored[1], expected, atol=1)
    assert tuple(stored[0, -1, -1]) == (132, 133, 135)
    for task, alignment in (("bfr", "landmarks"), ("colorization", "stored")):
        out = tmp_path / task / "input"
        record = pd.read_parquet(
            import_released_inputs(layout, task, truth, out, size=512, progress=False)
        )
        assert list(record["clip"]) == list(RELEASED)
        assert set(record["alignment"]) == {alignment}
        assert set(record["setting_test_set"]) == {"released"}
        assert record["source_sha256"].nunique() == 2
        frame = next(clips.read_frames(out / f"{RELEASED[0]}.mkv")).astype(float)
        # Grey but for the border's colour, which is not quite.
        is_grey = np.ptp(frame, axis=2).max() <= 3
        assert is_grey == (task == "colorization")
        assert np.abs(align.grey_of(frame) - align.grey_of(stored[0].astype(float))).mean() < 3
        made = (out / f"{RELEASED[0]}.mkv").stat().st_mtime_ns
        import_released_inputs(layout, task, truth, out, size=512, progress=False)
        assert (out / f"{RELEASED[0]}.mkv").stat().st_mtime_ns == made


def test_clips_that_left_the_set_go(released, tmp_path):
    layout = read_layout("released_test", released)
    truth, inputs = tmp_path / "truth", tmp_path / "in"

    def make() -> list[list[str]]:
        import_released_truth(layout, truth, size=64, max_frames=1, progress=False)
        import_released_inputs(layout, "bfr", truth, inputs, size=64, progress=False)
        return [list(clips.list_clips(folder)) for folder in (truth, inputs)]

    assert make() == [sorted(RELEASED)] * 2
    del layout.clips[RELEASED[1]]
    assert make() == [[RELEASED[0]]] * 2


def test_released_and_our_own_inputs_are_never_taken_for_each_other(released, tmp_path):
    layout = read_layout("released_test", released)
    truth, inputs = tmp_path / "truth", tmp_path / "in"
    import_released_truth(layout, truth, size=64, max_frames=1, progress=False)

    def frame(ours: bool) -> np.ndarray:
        if ours:
            degrade_set(truth, inputs, Colorization(), seed_name="s", progress=False)
        else:
            import_released_inputs(layout, "bfr", truth, inputs, size=64, progress=False)
        return next(clips.read_frames(inputs / f"{RELEASED[0]}.mkv"))

    theirs, ours = frame(False), frame(True)
    assert not np.array_equal(theirs, ours)
    np.testing.assert_array_equal(frame(False), theirs)
    np.testing.assert_array_equal(frame(True), ours)


def test_masks_of_released_inputs_stay_white_and_move_with_the_face(released, tmp_path):
    layout = read_layout("released_test", released)
    import_released_truth(layout, tmp_path / "truth", size=128, max_frames=1, progress=False)
    import_released_inputs(
        layout, "inpainting", tmp_path / "truth", tmp_path / "in", size=128, progress=False
    )
    frame, _ = clips.read_clip(tmp_path / "in" / f"{RELEASED[0]}.mkv")
    assert frame.shape == (1, 128, 128, 3)
    affine = align.estimate_affine(mini.landmarks(512), 128)
    x, y = affine @ [225, 150, 1]
    assert (frame[0, round(y), round(x)] == 255).all()


def test_an_input_of_another_clip_is_an_error(released, tmp_path):
    layout = read_layout("released_test", released)
    import_released_truth(layout, tmp_path / "truth", size=64, max_frames=1, progress=False)
    wrong = tmp_path / "wrong"
    mini.write_frames(wrong, [np.full((128, 128, 3), 254 * n, np.uint8) for n in (0, 1)])
    changed = dict(layout.inputs["bfr"])
    changed[RELEASED[0]] = type(changed[RELEASED[0]])(name=RELEASED[0], source=wrong)
    layout.inputs["bfr"] = changed
    with pytest.raises(ClipError, match="wrong: differs from its truth by"):
        import_released_inputs(
            layout, "bfr", tmp_path / "truth", tmp_path / "in", size=64, progress=False
        )
    assert not (tmp_path / "in" / "degradation.parquet").exists()


def test_an_input_that_the_set_lacks_is_an_error(released, tmp_path):
    layout = read_layout("released_test", released)
    del layout.inputs["bfr"]
    with pytest.raises(DicfaceError, match="found no inputs of the task bfr"):
        import_released_inputs(layout, "bfr", tmp_path, tmp_path, size=64, progress=False)
