"""Inputs of the three tasks, in memory and on disk."""

import dataclasses
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dicface.base.errors import ClipError, ConfigError
from dicface.base.seeds import numpy_rng
from dicface.config.load import check, load, merge
from dicface.config.settings import TASKS, Config
from dicface.data.degradation.degrade import draw_degradation, low_resolution_frames
from dicface.data.degradation.masks import white_of
from dicface.data.degradation.sets import degrade_set
from dicface.data.degradation.tasks import task_input
from dicface.video.clips import read_clip, write_clip
from dicface.video.masks import as_picture, read_masks

CONFIG = Path(__file__).resolve().parents[3] / "config" / "config.yaml"


@pytest.fixture(scope="module")
def config() -> Config:
    return load(CONFIG)


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return numpy_rng("tasks").integers(0, 255, (4, 128, 128, 3), np.uint8)


@pytest.mark.parametrize("task", TASKS)
def test_files_equal_windows_in_memory(
    config: Config, truth: np.ndarray, tmp_path: Path, task: str
) -> None:
    write_clip(tmp_path / "truth/clip.mkv", truth, 25)
    inputs = task_input(config, task)
    record = degrade_set(tmp_path / "truth", tmp_path / "in", inputs, seed_name="s", progress=False)
    clip, fps = read_clip(tmp_path / "in/clip.mkv")
    np.testing.assert_array_equal(clip, inputs.degrade(truth, "s", "degrade", "clip"))
    assert fps == Fraction(25)
    assert pd.read_parquet(record)["clip"].tolist() == ["clip"]
    other = inputs.degrade(truth, "s", "degrade", "other")
    assert np.array_equal(other, clip) == (task == "colorization")


def test_one_white_mask_serves_the_whole_clip(config: Config, truth: np.ndarray) -> None:
    masked = task_input(config, "inpainting").degrade(truth, "a")
    painted = (masked == 255).all(-1)
    assert (painted == painted[0]).all()
    np.testing.assert_array_equal(masked[~painted], truth[~painted])
    shares = [
        (task_input(config, "inpainting").degrade(truth, "a", k)[0] == 255).all(-1).mean()
        for k in range(60)
    ]
    # The release's masks cover 0.20 on average (0.02 to 0.51) at 512 px; here they are scaled.
    assert 0.14 < np.mean(shares) < 0.26


def test_colours_are_gone(config: Config, truth: np.ndarray) -> None:
    grey = task_input(config, "colorization").degrade(truth)
    assert (grey == grey[..., :1]).all()
    red, green, blue = np.moveaxis(truth.astype(float), -1, 0)
    expected = 0.299 * red + 0.587 * green + 0.114 * blue
    assert np.abs(grey[..., 0] - expected).max() <= 1


def test_settings_of_the_brush_are_checked(config: Config) -> None:
    raw = merge(CONFIG)
    raw["brush"]["width"] = [1, 2]
    with pytest.raises(ConfigError, match="brush.width: unknown key; did you mean width_px"):
        check(raw)


def test_the_codecs_frames_lie_beside_blind_inputs(
    config: Config, truth: np.ndarray, tmp_path: Path
) -> None:
    write_clip(tmp_path / "truth/clip.mkv", truth, 25)
    task = task_input(config, "bfr")
    degrade_set(tmp_path / "truth", tmp_path / "in", task, seed_name="s", progress=False)
    small, fps = read_clip(tmp_path / "in/low_resolution/clip.mkv")
    drawn = draw_degradation(config.degradation, "s", "degrade", "clip")
    expected = np.stack(list(low_resolution_frames(truth, config.degradation, drawn)))
    np.testing.assert_array_equal(small, expected)
    assert fps == Fraction(25)


def test_the_mask_is_exactly_what_is_white_and_lies_beside_the_input(
    config: Config, tmp_path: Path
) -> None:
    white = np.full((3, 128, 128, 3), 255, np.uint8)
    write_clip(tmp_path / "truth/clip.mkv", white, 25)
    task = task_input(config, "inpainting")
    record = degrade_set(tmp_path / "truth", tmp_path / "in", task, seed_name="s", progress=False)
    (mask,) = read_masks(tmp_path / "in/masks/clip.mkv")
    clip, _ = read_clip(tmp_path / "in/clip.mkv")
    assert all(np.array_equal(white_of(frame), mask) for frame in clip)
    assert clip.min() == 254
    assert pd.read_parquet(record)["masked_share"].tolist() == [mask.mean()]


def test_the_users_masks_take_the_place_of_drawn_ones(
    config: Config, truth: np.ndarray, tmp_path: Path
) -> None:
    write_clip(tmp_path / "truth/clip.mkv", truth, 25)
    mine = np.zeros((128, 128), bool)
    mine[:40] = True
    write_clip(tmp_path / "masks/clip.mkv", [as_picture(mine)], 25)
    task = task_input(dataclasses.replace(config, masks=str(tmp_path / "masks")), "inpainting")

    def made() -> np.ndarray:
        degrade_set(tmp_path / "truth", tmp_path / "in", task, seed_name="s", progress=False)
        return white_of(read_clip(tmp_path / "in/clip.mkv")[0])

    assert (made() == mine).all()
    write_clip(tmp_path / "masks/clip.mkv", [as_picture(~mine)], 25)
    assert (made() == ~mine).all()
    write_clip(tmp_path / "masks/clip.mkv", [as_picture(mine[:64])], 25)
    with pytest.raises(ClipError, match=r"the mask is 128×64 px, the aligned clip 'clip' 128×128"):
        made()
