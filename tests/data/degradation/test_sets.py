"""Folders of inputs: recorded, resumed, and the same from one run to the next."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dicface.config.load import load
from dicface.config.settings import Config
from dicface.data.degradation.degrade import BlindDegradation, draw_degradation
from dicface.data.degradation.sets import degrade_set
from dicface.data.degradation.tasks import task_input
from dicface.data.degradation.tasks.bfr import BlindRestoration
from dicface.video.clips import read_clip, write_clip
from tests.data.degradation.test_degrade import moving_clip


def test_set_of_clips_is_recorded_and_resumed(tmp_path):
    truth, out = tmp_path / "truth", tmp_path / "input"
    for name, seed in (("b", 5), ("a", 3)):
        write_clip(truth / f"{name}.mkv", moving_clip(seed), 25)
    task = BlindRestoration(BlindDegradation(blur_sigma=(0.1, 2)))
    record = degrade_set(truth, out, task, seed_name="demo-0", progress=False)
    table = pd.read_parquet(record).set_index("clip")
    assert list(table.index) == ["a", "b"]
    clip, fps = read_clip(out / "b.mkv")
    np.testing.assert_array_equal(clip, task.degrade(moving_clip(5), "demo-0", "degrade", "b"))
    assert fps == Fraction(25)
    assert table.loc["b", "crf"] == draw_degradation(task.degradation, "demo-0", "degrade", "b").crf
    assert table.loc["b", "setting_scale"] == 4

    before = {path: path.stat().st_mtime_ns for path in out.glob("*.mkv")}
    (out / "a.mkv").unlink()
    first = record.read_bytes()
    again = degrade_set(truth, out, task, seed_name="demo-0", progress=False)
    assert again.read_bytes() == first
    assert (out / "b.mkv").stat().st_mtime_ns == before[out / "b.mkv"]
    assert (out / "a.mkv").is_file()
    other = BlindRestoration(BlindDegradation())
    degrade_set(truth, out, other, seed_name="demo-0", progress=False)
    assert not np.array_equal(read_clip(out / "b.mkv")[0], clip)

    # Inputs of clips that are gone go too; what no job has made here stays.
    (truth / "a.mkv").unlink()
    (out / "mine.mkv").write_bytes(b"mine")
    degrade_set(truth, out, other, seed_name="demo-0", progress=False)
    assert sorted(path.name for path in out.glob("*.mkv")) == ["b.mkv", "mine.mkv"]
    assert [path.name for path in (out / ".made").iterdir()] == ["b.json"]


@pytest.fixture(scope="module")
def config() -> Config:
    return load(Path(__file__).resolve().parents[3] / "config" / "config.yaml")


def test_inputs_of_folders_of_frames_are_kept_until_a_frame_changes(config, tmp_path):
    truth, out = tmp_path / "truth", tmp_path / "input"
    (truth / "a").mkdir(parents=True)
    for number, frame in enumerate(moving_clip(2)):
        Image.fromarray(frame).save(truth / "a" / f"{number}.png")

    def made() -> int:
        task = task_input(config, "colorization")
        degrade_set(truth, out, task, seed_name="s", progress=False)
        return (out / "a.mkv").stat().st_mtime_ns

    first = made()
    assert made() == first
    Image.new("RGB", (64, 64)).save(truth / "a" / "1.png")
    assert made() != first


@pytest.mark.parametrize("task", ["bfr", "inpainting"])
def test_records_are_the_same_bytes_from_one_run_to_the_next(config, tmp_path, task):
    write_clip(tmp_path / "truth" / "a.mkv", moving_clip(2), 25)
    inputs = task_input(config, task)
    records = [
        degrade_set(
            tmp_path / "truth", tmp_path / folder, inputs, seed_name="s", progress=False
        ).read_bytes()
        for folder in ("one", "one", "elsewhere")  # made, kept, made
    ]
    assert records[0] == records[1] == records[2]
