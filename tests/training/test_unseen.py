"""Looks at clips that no training sees: they change nothing, and each save writes a line."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from dicface.base.errors import ClipError
from dicface.base.seeds import numpy_rng
from dicface.config.settings import Config
from dicface.jobs import JOBS
from dicface.report.site.training import read_networks
from dicface.runs.folder import Run
from dicface.training.loop import train_stage
from dicface.training.unseen import Look, flicker, unseen_windows, write_look
from dicface.video.clips import write_clip
from dicface.workflow.plan import Plan


def config_of(raw: dict) -> Config:
    return Plan.of(raw).config


@pytest.fixture
def unseen(tmp_path: Path) -> Path:
    for name in ("x", "y", "z"):
        frames = numpy_rng("unseen", name).integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)
        write_clip(tmp_path / "unseen" / f"{name}.mkv", frames, 25)
    return tmp_path / "unseen"


def test_every_save_looks_and_changes_nothing(raw, clips, unseen, tmp_path) -> None:
    raw["train"]["dicface"]["init_from"] = ""
    raw["data"]["unseen"] = {"folder": str(unseen)}
    config = config_of(raw)
    look = Look(config, "dicface", tmp_path / "seen")
    assert [truth.shape for _, truth in look.windows] == [(3, 16, 16, 3)] * 2
    weights = train_stage(config, "dicface", clips=clips, out=tmp_path / "seen", watch=look)
    blind = train_stage(config, "dicface", clips=clips, out=tmp_path / "blind")
    one, other = load_file(weights), load_file(blind)
    assert all(np.array_equal(one[name], other[name]) for name in one)
    lines = (weights.parent / "validation.jsonl").read_text().splitlines()
    looks = [json.loads(line) for line in lines]
    assert [each["step"] for each in looks] == [2, 4, 6]
    assert {"l1", "kl", "psnr", "input_psnr", "flicker", "input_flicker"} <= set(looks[0])
    # The same weights give the same numbers: the input is degraded once.
    look(6, 1.0, one)
    again = json.loads((weights.parent / "validation.jsonl").read_text().splitlines()[-1])
    assert again == {**looks[-1], "seconds": 1}

    # A loss of both stands in one chart, PSNR in one of its own.
    network = next(each for each in read_networks(tmp_path / "seen"))
    charts = {chart.quantity: chart for chart in network.charts}
    assert charts["l1"].unseen.startswith("M")
    assert ", unseen " in charts["l1"].last
    assert {"psnr", "flicker"} == {chart.quantity for chart in network.unseen}


def test_rendered_people_are_none_of_the_others_and_a_folder_may_have_none(raw) -> None:
    raw["data"]["unseen"] = {"num_clips": 1}
    (window,) = unseen_windows(config_of(raw), 2).values()
    assert window.shape == (2, 16, 16, 3)
    raw["data"]["train"] |= {"source": "folder", "folder": "/data"}
    assert unseen_windows(config_of(raw), 2) == {}


def test_clips_that_are_too_short_are_named(raw, unseen) -> None:
    raw["data"]["unseen"] = {"folder": str(unseen)}
    with pytest.raises(ClipError, match="6 frames"):
        unseen_windows(config_of(raw), 7)


def test_without_such_clips_or_with_released_weights_nobody_looks(raw, tmp_path) -> None:
    raw |= {"results": str(tmp_path)}
    raw["data"]["unseen"] = {"num_clips": 0}
    job = JOBS["train"](run=Run.of(raw), network="vqgan")
    assert job._look() is None
    raw["train"]["vqgan"]["released"] = "codeformer_demo"
    raw["data"]["unseen"] = {"num_clips": 1}
    assert JOBS["train"](run=Run.of(raw), network="vqgan")._look() is None


def test_flicker_is_an_error_of_changes_alone() -> None:
    truth = np.zeros((3, 4, 4, 3), np.uint8)
    assert flicker(truth + np.uint8(9), truth) == 0
    shown = truth + np.array([0, 6, 0], np.uint8)[:, None, None, None]
    assert flicker(shown, truth) == 6


def test_a_look_taken_again_takes_the_place_of_the_first(tmp_path) -> None:
    for step in (2, 4, 6, 4):
        write_look(tmp_path, step, 0.0, {"l1": 1.0})
    lines = (tmp_path / "validation.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2, 4]
