"""The metrics as functions: the scorer's own numbers, one place that checks, no silent fallback."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import torch

import dicface
from dicface.base.errors import ClipError, MetricError, WeightsError
from dicface.metrics import LISTED, METRICS, functional
from dicface.metrics.backbones import Backbones
from dicface.metrics.facts import LANDMARKS
from dicface.metrics.matching import match_names
from dicface.metrics.protocol import EvaluationProtocol
from dicface.metrics.scorer import score_set
from dicface.video.clips import read_clip, write_clip
from tests.metrics import _scoring
from tests.metrics.test_scorer import astronauts

fake, folders = _scoring.fake, _scoring.folders


@pytest.fixture(autouse=True)
def _unheard():
    functional._warn.cache_clear()


def from_the_scorer(restored, truth, folder) -> dict[str, float]:
    """What a run gets for a clip, through its files."""
    found = score_set(
        "bfr",
        "mine",
        match_names({"a": restored}, {"a": truth}),
        folder,
        analysis_folder=folder / "analysis",
        protocol=EvaluationProtocol.resolve("offline"),
    )
    rows = pd.read_parquet(folder / "metrics.parquet").set_index("metric").value
    return {**rows.to_dict(), **found.values}


def measured(restored, truth, **options) -> dict[str, float]:
    found = {}
    for name in LISTED:
        own = options if name not in ("psnr", "ssim") else {}
        found[name] = getattr(functional, name)(restored, truth, **own)
    return found


def test_they_are_the_scorers_numbers_bit_for_bit(fake, folders, tmp_path) -> None:
    paths = folders["restored"] / "a.mkv", folders["truth"] / "a.mkv"
    expected = from_the_scorer(*paths, tmp_path / "scored")
    restored, truth = (read_clip(path)[0] for path in paths)
    assert measured(restored, truth, backbones="offline") == expected
    tensors = [torch.from_numpy(x).permute(0, 3, 1, 2) / 255 for x in (restored, truth)]
    assert measured(*tensors, backbones="offline") == expected
    assert dicface.score(restored, truth, backbones="offline").mean == expected
    assert dicface.score(*paths, backbones="offline").mean == expected


@pytest.mark.slow
def test_so_they_are_with_the_real_networks(tmp_path) -> None:
    truth = np.stack(astronauts(17))
    restored = np.roll(truth, 1, axis=2)
    for name, frames in (("restored", restored), ("truth", truth)):
        write_clip(tmp_path / f"{name}.mkv", frames, 25)
    paths = tmp_path / "restored.mkv", tmp_path / "truth.mkv"
    expected = from_the_scorer(*paths, tmp_path / "scored")
    assert measured(restored, truth, backbones="offline") == expected
    assert not any(np.isnan(list(expected.values())))


@pytest.mark.parametrize("name", [*LISTED, "score"])
def test_wrong_frames_get_the_same_sentence_from_every_function(name) -> None:
    function = getattr(functional, name) if name in LISTED else dicface.score
    frames = np.zeros((3, 32, 32, 3), np.uint8)
    with pytest.raises(ClipError, match="^restored: found an array of float64; expected uint8"):
        function(frames / 255, frames)
    with pytest.raises(ClipError, match="^truth: found values from 0 to 255; expected"):
        function(frames, torch.linspace(0, 255, 9216).reshape(3, 3, 32, 32))
    with pytest.raises(ClipError, match=r"^found 2 \(restored\), 3 \(truth\); .*number of frames"):
        function(frames[:2], frames)
    with pytest.raises(ClipError, match=r"^found 31×32 px \(restored\), 32×32 px \(t.*size"):
        function(frames[:, :, :31], frames)


@pytest.mark.filterwarnings("ignore:.* is computed with fake")
def test_one_frame_has_a_value_where_a_metric_needs_no_other(fake) -> None:
    truth, restored = _scoring.grey([50])[0], _scoring.grey([53])[0]
    for name in ("psnr", "ssim", "lpips", "ids", "akd"):
        function = getattr(functional, name)
        assert function(restored, truth) == function(restored[None], truth[None])
    assert functional.akd(restored, truth) == pytest.approx(3)
    with pytest.raises(MetricError, match="^TLME: a clip of 1 frame has no value, it is too"):
        functional.tlme(restored, truth)
    for name in ("FVD", "KVD"):
        with pytest.raises(MetricError, match=f"^{name}: a clip of 16 frames has no value"):
            getattr(functional, name.lower())(np.stack([restored] * 16), np.stack([truth] * 16))


def test_frames_that_are_not_square_have_no_faces_but_a_psnr() -> None:
    wide = np.zeros((3, 32, 40, 3), np.uint8)
    assert functional.psnr(wide, wide) == 100
    with pytest.raises(MetricError, match="40×32 px; face metrics need square frames"):
        functional.tlme(wide, wide, backbones="offline")


def test_no_face_is_no_number_and_is_said(caplog) -> None:
    black = np.zeros((2, 32, 32, 3), np.uint8)
    assert np.isnan(functional.akd(black, black, backbones="offline"))
    assert "no face found in any of its 2 frames" in caplog.text


def test_an_offline_network_is_said_once(fake) -> None:
    frames = _scoring.grey([50])[0]
    with pytest.warns(UserWarning, match="AKD is computed with fake: .*'offline'") as said:
        functional.akd(frames, frames)
    assert said[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        functional.akd(frames, frames)
        functional.psnr(frames, frames)
        functional.ids(frames, frames, backbones="offline")


def test_what_measures_can_be_read_and_demanded(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("DICFACE_WEIGHTS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    chosen = functional.backbones()
    assert list(chosen) == list(LISTED)
    assert (chosen["akd"].name, chosen["akd"].official) == ("dlib-68", False)
    assert chosen["psnr"].official
    frames = np.zeros((1, 32, 32, 3), np.uint8)
    with pytest.raises(WeightsError, match="2DFAN4.*not on this machine"):
        functional.akd(frames, frames, backbones="official")


def test_only_what_a_metric_needs_is_loaded_and_once() -> None:
    first, again = (Backbones.resolve("offline", metrics=[name]) for name in ("akd", "tlme"))
    assert list(first.networks) == ["landmarks"]
    assert first[LANDMARKS] is again[LANDMARKS]
    assert Backbones.resolve("offline", metrics=["psnr"]).networks == {}
    assert list(pickle.loads(pickle.dumps(first)).networks) == ["landmarks"]


def test_every_metric_has_its_facts_in_words() -> None:
    written = [name for name in LISTED if name in vars(functional)]
    assert written == ["psnr", "ssim", "lpips", "ids", "akd", "fvd", "kvd", "tlme"]
    for name in written:
        facts, words = METRICS[name], getattr(functional, name).__doc__
        assert words.startswith(f"{facts.name}: ")
        assert f"{'higher' if facts.higher_is_better else 'lower'} is better." in words
        assert f"docs/metrics/{name}.md" in words
    with pytest.raises(AttributeError, match="no attribute 'psnt'; it has .*'psnr'"):
        functional.psnt  # noqa: B018
