"""Metrics that need no truth: their facts, their functions, and the scorer with inputs as truth."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from dicface.base.errors import MetricError, WeightsError
from dicface.metrics import (
    METRICS,
    WITHOUT_TRUTH,
    functional,
    metric_class,
    needed_backbones,
    official_files,
    score_files,
)
from dicface.metrics.backbones import Backbones, unmeasured
from dicface.metrics.clip_score import ClipScore
from dicface.metrics.matching import match_names
from dicface.metrics.metric import FrameMetric
from dicface.metrics.protocol import EvaluationProtocol
from dicface.metrics.scorer import score_set
from dicface.video.clips import list_clips
from tests.metrics import _scoring
from tests.metrics._scoring import NUM_FRAMES

fake, folders = _scoring.fake, _scoring.folders
NETWORKS = ("niqe", "musiq", "clipiqa", "topiq")
MEASURED = [name for name in WITHOUT_TRUTH if name not in NETWORKS]


@pytest.fixture
def no_weights(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("DICFACE_WEIGHTS", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", WITHOUT_TRUTH)
def test_each_is_listed_by_its_id_apart_from_the_papers_and_says_what_it_is(name: str) -> None:
    found = metric_class(name)
    assert found.facts.id == name
    assert issubclass(found, FrameMetric)
    assert name not in METRICS
    assert found.note("input")
    assert not found.note("input").endswith((".", "}"))


def test_what_nothing_stands_for_says_why_it_is_not_measured(no_weights) -> None:
    absent = unmeasured(WITHOUT_TRUTH, "auto")
    assert set(absent) == set(NETWORKS)
    assert "niqe_modelparameters.mat" in absent["niqe"]
    assert "dicface weights fetch musiq_koniq" in absent["musiq"]
    offline = unmeasured(WITHOUT_TRUTH, "offline")["topiq"]
    assert offline == "metrics.backbones is 'offline', and nothing stands for it offline"
    assert unmeasured(WITHOUT_TRUTH, "official") == unmeasured(METRICS, "auto") == {}
    with pytest.raises(WeightsError, match="RN50.pt .* is not on this machine.*nothing stands"):
        Backbones.resolve("auto", metrics=["clipiqa"])
    with pytest.raises(WeightsError, match=r"niqe_modelparameters\.mat"):
        functional.niqe(np.zeros((8, 32, 32, 3), np.uint8))


def test_the_papers_tables_need_and_write_what_they_did() -> None:
    assert not set(NETWORKS) & set(needed_backbones())
    assert score_files(WITHOUT_TRUTH) == ["metrics.parquet", "frames.parquet", "landmarks.npz"]
    assert {"niqe", "musiq_koniq", "clip_rn50", "topiq_koniq"} < set(official_files(WITHOUT_TRUTH))


def test_a_set_is_scored_with_its_inputs_in_the_place_of_the_truth(fake, folders) -> None:
    # Landmarks move right by one px for every grey level, which is 3 up in each second frame.
    fake.locate = lambda face, box: np.arange(136.0).reshape(68, 2) + [float(face[0, 0, 0]), 0]
    score_set(
        "bfr",
        "mine",
        match_names(list_clips(folders["restored"]), list_clips(folders["truth"])),
        folders["out"],
        analysis_folder=folders["analysis"],
        protocol=EvaluationProtocol(backbones=Backbones.resolve()),
        metrics=MEASURED,
    )
    table = pd.read_parquet(folders["out"] / "metrics.parquet").set_index(["metric", "clip"])
    assert list(table.index.unique("metric")) == MEASURED
    assert not (folders["out"] / "fvd.npz").exists()
    assert table.value["jitter", "a"] == pytest.approx(1.5, rel=0.1)
    assert table.value["shape_flicker", "a"] == pytest.approx(0, abs=1e-9)
    assert table.value["flicker_fast", "c"] == pytest.approx(9, rel=0.1)
    assert table.value["warping_error", "b"] == pytest.approx(3)
    assert table.value["identity_steps", "b"] < table.value["identity_input", "b"] < 1
    frames = pd.read_parquet(folders["out"] / "frames.parquet").query("clip == 'a'")
    first = frames.groupby("metric")["frame"].min()
    assert (first["jitter"], first["warping_error"], first["identity_steps"]) == (0, 1, 1)
    assert len(frames.query("metric == 'jitter'")) == NUM_FRAMES
    kept = ClipScore.load(folders["out"] / "scores" / "a.npz")
    assert list(kept.values) == MEASURED
    assert kept.features == {}


def test_a_box_that_trembles_is_no_jitter(fake, monkeypatch) -> None:
    boxes = itertools.cycle([100, 103])
    _scoring.find_everywhere(monkeypatch, lambda face: _scoring.Box(next(boxes), 100, 300, 300))
    # The stand-in's landmarks hang on the left edge of the box.
    assert functional.jitter(np.full((12, 32, 32, 3), 90, np.uint8)) == 0


def test_a_clip_too_short_to_be_split_has_no_jitter_and_says_so(fake) -> None:
    short = np.zeros((4, 32, 32, 3), np.uint8)
    for name in ("jitter", "shape_flicker", "flicker_slow"):
        with pytest.raises(MetricError, match="a clip of 4 frames has no value, it is too short"):
            getattr(functional, name)(short)
    assert functional.warping_error(short) == 0
    with pytest.raises(MetricError, match="a clip of 1 frame has no value"):
        functional.identity_steps(short[:1])


def test_frames_without_a_face_are_counted_and_not_guessed(fake, monkeypatch) -> None:
    seen = itertools.cycle([True] * 3 + [False] * 7 + [True] * 9)
    box = _scoring.Box(100, 100, 300, 300)
    _scoring.find_everywhere(monkeypatch, lambda face: box if next(seen) else None)
    still = np.full((19, 32, 32, 3), 90, np.uint8)
    assert functional.jitter(still) == 0
    assert math.isclose(functional.identity_steps(still), 1)


def test_functions_take_one_clip_or_two_and_have_their_help(fake) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    alone = functional.warping_error(frames)
    assert alone == functional.warping_error(frames, frames)
    assert alone != functional.warping_error(frames, np.zeros_like(frames))
    assert functional.jitter.__name__ == "jitter"
    assert "docs/metrics/flicker.md" in functional.flicker_eyes.__doc__
    assert set(WITHOUT_TRUTH) < set(functional.__all__)
