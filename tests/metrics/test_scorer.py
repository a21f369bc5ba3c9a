"""The scorer: one decode for every metric, resume, missing faces, missing and unlike clips."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from skimage.data import astronaut

from dicface.base.errors import MetricError
from dicface.faces.dlib_models import Box
from dicface.metrics import METRICS, analysis, clip_scorer
from dicface.metrics.analysis import analyse_set
from dicface.metrics.backbones import BackboneInfo
from dicface.metrics.fvd import frechet_distance
from dicface.metrics.protocol import EvaluationProtocol
from dicface.metrics.psnr import psnr
from dicface.metrics.tracks import FILLED
from dicface.video.clips import read_clip, read_frames, write_clip
from tests.metrics import _scoring
from tests.metrics._scoring import (
    NUM_FRAMES,
    TRUTH,
    find_everywhere,
    grey,
    metrics_of,
    protocol,
    score,
)

fake, folders = _scoring.fake, _scoring.folders

NOT_OF_SETS = "metric not in ('fvd', 'kvd')"


def test_every_clip_and_metric_has_one_row_with_the_right_value(fake, folders) -> None:
    found = score(folders)
    table = metrics_of(folders)
    assert list(table.columns) == [
        *("task", "method", "clip", "metric", "value", "num_frames", "num_missing"),
        *("backbone", "backbone_sha256", "official", "protocol", "note"),
    ]
    assert not table.duplicated(["clip", "metric"]).any()
    assert set(zip(table["clip"], table["metric"], strict=True)) == {
        (clip, metric) for clip in TRUTH for metric in METRICS
    }
    assert set(table.protocol) == {"dicface-2"}
    value = table.set_index(["clip", "metric"]).value
    # Every second frame is 3 grey levels, hence 3 px, off; its motion is wrong each time.
    assert value["a", "akd"] == pytest.approx(1.5)
    assert value["a", "tlme"] == pytest.approx(3)
    assert value["a", "lpips"] == pytest.approx(1.5)
    assert value["a", "psnr"] == pytest.approx((100 + 20 * math.log10(255 / 3)) / 2)
    truth, restored = (read_clip(folders[n] / "a.mkv")[0] for n in ("truth", "restored"))
    assert value["a", "psnr"] == pytest.approx(np.mean([*map(psnr, restored, truth)]))
    assert 0.99 < value["a", "ids"] < 1
    frames = table.set_index(["clip", "metric"]).num_frames
    assert (frames["a", "akd"], frames["a", "tlme"]) == (NUM_FRAMES, NUM_FRAMES - 1)
    assert (table.num_missing == 0).all()
    assert found.num_windows["fvd"] == 2 + 1 + 2


def test_fvd_is_computed_over_the_windows_of_all_clips(fake, folders) -> None:
    found = score(folders)
    with np.load(folders["out"] / "fvd.npz") as stored:
        restored, truth = stored["restored"], stored["truth"]
        assert stored["clips"][stored["window_clip"]].tolist() == ["a", "a", "b", "c", "c"]
    assert found.values["fvd"] == frechet_distance(restored, truth) > 0
    rows = metrics_of(folders).query("metric == 'fvd'")
    assert rows.value.isna().all()
    assert rows.note.str.contains("whole set").all()


def test_landmarks_of_all_frames_are_written(fake, folders) -> None:
    score(folders)
    with np.load(folders["out"] / "landmarks.npz") as stored:
        restored, truth = stored["restored"], stored["truth"]
        names = stored["clips"][stored["frame_clip"]]
    assert names.tolist() == ["a"] * NUM_FRAMES + ["b"] * 5 + ["c"] * 17
    assert restored.shape == truth.shape == (len(names), 68, 2)
    distance = np.linalg.norm(restored - truth, axis=-1).mean(axis=-1)
    frames = pd.read_parquet(folders["out"] / "frames.parquet").query("metric == 'akd'")
    assert distance == pytest.approx(frames.value.to_numpy())


def test_frames_table_holds_each_value_once(fake, folders) -> None:
    score(folders, identity_stride=4)
    frames = pd.read_parquet(folders["out"] / "frames.parquet")
    numbers = {m: rows.frame.tolist() for m, rows in frames.query("clip == 'a'").groupby("metric")}
    assert numbers["psnr"] == list(range(NUM_FRAMES))
    assert numbers["tlme"] == list(range(1, NUM_FRAMES))
    assert numbers["ids"] == [0, 4, 8, 12, 16]
    assert "fvd" not in numbers
    assert set(metrics_of(folders).protocol) == {"dicface-2, IDS every 4 frames"}
    means = frames.groupby(["clip", "metric"]).value.mean()
    rows = metrics_of(folders).query(NOT_OF_SETS).set_index(["clip", "metric"]).value
    assert means.sort_index().to_numpy() == pytest.approx(rows.sort_index().to_numpy())


def test_identical_clips_get_the_ideal_values(fake, folders) -> None:
    folders["restored"] = folders["truth"]
    assert score(folders).values == {"fvd": pytest.approx(0, abs=1e-9), "kvd": 0}
    ideal = {"psnr": 100, "ssim": 1, "lpips": 0, "ids": 1, "akd": 0, "tlme": 0}
    for metric, rows in metrics_of(folders).query(NOT_OF_SETS).groupby("metric"):
        assert rows.value.to_numpy() == pytest.approx(np.full(len(rows), ideal[metric]))


def test_scored_clips_are_kept_and_changed_ones_scored_again(fake, folders) -> None:
    score(folders)
    first = metrics_of(folders)
    fake.calls.clear()
    score(folders)
    assert fake.calls == []
    pd.testing.assert_frame_equal(metrics_of(folders), first)

    write_clip(folders["restored"] / "b.mkv", grey([91] * 5), 25)
    score(folders)
    # Five frames of one clip; the analysis of its truth is kept.
    assert (fake.calls.count("lpips"), fake.calls.count("locate")) == (5, 5)

    fake.calls.clear()
    (folders["out"] / "scores" / "c.npz").write_bytes(b"cut off")
    score(folders)
    assert fake.calls.count("lpips") == 17

    fake.calls.clear()
    write_clip(folders["truth"] / "b.mkv", grey([92] * 5), 25)
    score(folders)
    assert (fake.calls.count("lpips"), fake.calls.count("locate")) == (5, 10)


def test_scores_of_clips_that_left_the_set_go(fake, folders) -> None:
    score(folders)
    for name in ("truth", "restored"):
        (folders[name] / "b.mkv").unlink()
    analyse_set(folders["truth"], folders["analysis"], protocol())
    score(folders)
    for folder in (folders["out"] / "scores", folders["analysis"]):
        assert sorted(path.name for path in folder.glob("*.npz")) == ["a.npz", "c.npz"]
    assert set(metrics_of(folders)["clip"]) == {"a", "c"}


def test_nothing_is_looked_for_that_no_chosen_metric_needs(fake, folders) -> None:
    known = analysis.truth_analysis(
        "b", folders["truth"] / "b.mkv", folders["analysis"], protocol()
    )
    frames = grey([91] * 5), grey([90] * 5)
    fake.calls.clear()
    found = clip_scorer.score_frames("b", *frames, known, protocol(), metrics=["psnr", "ssim"])
    assert (fake.calls, list(found.values)) == ([], ["psnr", "ssim"])
    assert (len(found.landmarks.restored), found.features) == (0, {})
    found = clip_scorer.score_frames("b", *frames, known, protocol(), metrics=["tlme", "akd"])
    assert fake.calls == ["locate"] * 5
    assert len(found.landmarks.restored) == len(found.landmarks.truth) == 5


def test_another_backbone_invalidates_what_was_made_with_the_old_one(fake, folders) -> None:
    score(folders)
    fake.calls.clear()
    fake.info = BackboneInfo(name="other", sha256="1", official=True, reason="")
    score(folders)
    assert fake.calls.count("lpips") == sum(map(len, TRUTH.values()))
    face = metrics_of(folders).query("metric == 'akd'")
    assert (set(face.backbone), set(face.official)) == ({"other"}, {True})


def test_long_gaps_take_the_box_of_an_aligned_face_and_are_counted(
    monkeypatch, fake, folders
) -> None:
    # Frames 4 to 11 of clip a: a gap of eight, longer than what is filled.
    hidden = range(54, 62)
    box = Box(100, 100, 300, 300)
    find_everywhere(monkeypatch, lambda face: None if int(face[0, 0, 0]) in hidden else box)
    score(folders)
    rows = metrics_of(folders).query("clip == 'a'").set_index("metric")
    assert (rows.num_frames["akd"], rows.num_missing["akd"]) == (NUM_FRAMES, 0)
    assert rows.note["akd"] == "box of an aligned face taken in 8 frames"
    assert rows.note["psnr"] == ""


def test_a_clip_in_which_nobody_is_found_is_left_out_and_counted(
    monkeypatch, fake, folders
) -> None:
    box, clip_a = Box(100, 100, 300, 300), range(50, 50 + NUM_FRAMES)
    find_everywhere(monkeypatch, lambda face: None if int(face[0, 0, 0]) in clip_a else box)
    score(folders)
    rows = metrics_of(folders).query("clip == 'a'").set_index("metric")
    assert (rows.num_frames["akd"], rows.num_missing["akd"]) == (0, NUM_FRAMES)
    assert (rows.num_frames["psnr"], rows.num_missing["psnr"]) == (NUM_FRAMES, 0)
    assert rows.note["akd"] == f"no face in {NUM_FRAMES} frames"


def test_short_gaps_take_the_box_of_their_neighbours(monkeypatch, fake, folders) -> None:
    box = Box(100, 100, 300, 300)
    find_everywhere(monkeypatch, lambda face: None if int(face[0, 0, 0]) in (54, 55) else box)
    score(folders)
    with np.load(folders["analysis"] / "a.npz") as stored:
        assert np.flatnonzero(stored["source"] == FILLED).tolist() == [4, 5]
        assert (stored["boxes"] == [100, 100, 300, 300]).all()
    rows = metrics_of(folders).query("clip == 'a'").set_index("metric")
    assert (rows.num_frames["ids"], rows.num_missing["ids"]) == (NUM_FRAMES, 0)
    assert rows.note["ids"] == "box taken from neighbours in 2 frames"
    assert rows.note["psnr"] == ""


def test_a_clip_without_any_face_has_no_face_scores_and_keeps_the_others(
    monkeypatch, fake, folders
) -> None:
    find_everywhere(monkeypatch, lambda face: None)
    score(folders)
    table = metrics_of(folders)
    assert table[table.metric.isin(["ids", "akd", "tlme"])].value.isna().all()
    assert table[table.metric.isin(["psnr", "ssim", "lpips"])].value.notna().all()


def test_a_clip_of_one_frame_has_no_motion(fake, folders) -> None:
    for name in ("truth", "restored"):
        write_clip(folders[name] / "b.mkv", grey([90]), 25)
    score(folders)
    row = metrics_of(folders).query("clip == 'b' and metric == 'tlme'").iloc[0]
    assert math.isnan(row.value)
    assert (row.num_frames, row.num_missing, row.note) == (0, 0, "needs two frames")


def test_clips_that_were_not_restored_are_listed(fake, folders, caplog) -> None:
    (folders["restored"] / "b.mkv").unlink()
    found = score(folders)
    assert (found.missing, found.num_clips) == (("b",), 3)
    assert "1 of 3 clips were not restored, or do not fit: b" in caplog.text
    rows = metrics_of(folders).query("clip == 'b'")
    assert len(rows) == len(METRICS)
    assert rows.value.isna().all()
    assert set(rows.note) == {"not restored"}


def test_nothing_restored_under_a_known_name_is_an_error(fake, folders) -> None:
    for path in list(folders["restored"].iterdir()):
        path.rename(path.with_name(f"x_{path.name}"))
    with pytest.raises(MetricError, match="none of its 3 clips is named"):
        score(folders)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (grey([90] * 4), "'b': restored has 4 frames, the truth 5"),
        (grey([90] * 7), "'b': restored has 7 frames, the truth 5"),
        ([np.zeros((16, 16, 3), np.uint8)] * 5, "'b': restored frames are 16×16 px.*32×32"),
    ],
)
def test_clips_unlike_their_truth_are_refused(fake, folders, frames, message: str) -> None:
    write_clip(folders["restored"] / "b.mkv", frames, 25)
    with pytest.raises(MetricError, match=message):
        score(folders)
    assert not (folders["out"] / "metrics.parquet").exists()
    assert not (folders["out"] / "scores" / "b.npz").exists()


def test_frames_that_are_not_square_are_refused(fake, folders) -> None:
    write_clip(folders["truth"] / "b.mkv", [np.zeros((32, 48, 3), np.uint8)] * 5, 25)
    with pytest.raises(MetricError, match="48×32 px.*square"):
        analyse_set(folders["truth"], folders["analysis"], protocol())
    assert not (folders["analysis"] / "b.npz").exists()


def astronauts(num_frames: int) -> list[np.ndarray]:
    return [
        np.ascontiguousarray(astronaut()[t : 256 + t, 96:352][::2, ::2]) for t in range(num_frames)
    ]


def test_real_networks_on_a_photograph(tmp_path) -> None:
    """The offline backbones for real: ideal on itself, worse when blurred, a shift is its px."""
    import cv2

    truth = astronauts(3)
    write_clip(tmp_path / "truth" / "a.mkv", truth, 25)
    offline = EvaluationProtocol.resolve("offline")
    wanted = ("psnr", "lpips", "ids", "akd", "tlme")
    known = analysis.analyse_truth(tmp_path / "truth" / "a.mkv", offline)
    assert known.source.tolist() == [1, 1, 1]
    assert (known.size, known.embeddings.shape) == (128, (3, 128))

    def means(frames: list[np.ndarray]) -> dict[str, float]:
        found = clip_scorer.score_frames("a", frames, truth, known, offline, metrics=wanted)
        return {metric: float(values.mean()) for metric, values in found.values.items()}

    same = means(truth)
    assert same == pytest.approx({"psnr": 100, "lpips": 0, "ids": 1, "akd": 0, "tlme": 0})
    blurred = means([cv2.GaussianBlur(frame, (0, 0), 2) for frame in truth])
    assert blurred["psnr"] < 30
    assert blurred["lpips"] > 0.1
    assert 0.8 < blurred["ids"] < 0.99
    assert 1 < blurred["akd"] < 10
    # One px of 128 is four px of a 512-px face; the box stays where the truth's is.
    shifted = means([np.roll(frame, 1, axis=1) for frame in truth])
    assert shifted["akd"] == pytest.approx(4, abs=1)
    assert shifted["tlme"] < 2


@pytest.mark.slow
def test_two_processes_give_the_numbers_of_one(tmp_path) -> None:
    """Real backbones in real processes, on pictures without a face to keep it short."""
    for clip in ("a", "b"):
        noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
        write_clip(tmp_path / "truth" / f"{clip}.mkv", [noise], 25)
    offline = EvaluationProtocol.resolve("offline")
    for workers in (1, 2):
        analyse_set(tmp_path / "truth", tmp_path / str(workers), offline, workers=workers)
    for clip in ("a", "b"):
        with (
            np.load(tmp_path / "1" / f"{clip}.npz") as one,
            np.load(tmp_path / "2" / f"{clip}.npz") as two,
        ):
            assert np.array_equal(one["features"], two["features"])
        records = [tmp_path / workers / ".made" / f"{clip}.json" for workers in "12"]
        assert records[0].read_text() == records[1].read_text()


@pytest.mark.real_data
def test_a_real_clip_and_its_shifted_copy(shared: Path, tmp_path) -> None:
    import itertools

    from dicface.video.clips import read_frames

    path = shared / "assets" / "clips" / "liveportrait_driving_d0.mp4"
    if not path.is_file():
        pytest.skip(f"{path} is not on this machine")
    truth = list(itertools.islice(read_frames(path), 4))
    write_clip(tmp_path / "d0.mkv", truth, 25)
    offline = EvaluationProtocol.resolve("offline")
    known = analysis.analyse_truth(tmp_path / "d0.mkv", offline)
    assert known.num_missing == known.num_filled == 0
    shifted = [np.roll(frame, (3, 4), axis=(0, 1)) for frame in truth]
    found = clip_scorer.score_frames(
        "d0", shifted, truth, known, offline, metrics=("ids", "akd", "tlme")
    ).values
    assert found["akd"].mean() == pytest.approx(5, abs=1)
    assert found["tlme"].mean() < 1.5
    assert found["ids"].mean() > 0.97


def test_results_side_by_side_have_the_numbers_that_each_has_alone(fake, folders) -> None:
    analyse_set(folders["truth"], folders["analysis"], protocol())
    known = analysis.truth_analysis(
        "a", folders["truth"] / "a.mkv", folders["analysis"], protocol()
    )
    truth = list(read_frames(folders["truth"] / "a.mkv"))
    jitter = list(read_frames(folders["restored"] / "a.mkv"))
    both = clip_scorer.score_beside("a", [jitter, truth], truth, known, protocol())
    fake.calls.clear()
    for found, frames in zip(both, (jitter, truth), strict=True):
        alone = clip_scorer.score_frames("a", frames, truth, known, protocol())
        for metric, values in alone.values.items():
            assert np.array_equal(values, found.values[metric], equal_nan=True), metric
        assert np.array_equal(alone.features["fvd"].restored, found.features["fvd"].restored)
    with pytest.raises(MetricError, match="restored has 19 frames, the truth 20"):
        clip_scorer.score_beside("a", [truth, jitter[:-1]], truth, known, protocol())
