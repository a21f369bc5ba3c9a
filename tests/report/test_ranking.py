"""Several results against one truth: one table, ranks, wins, the input as a row."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dicface.base.errors import ConfigError, MetricError
from dicface.base.seeds import numpy_rng
from dicface.cli.main import main
from dicface.cli.score import chosen_metrics, names_of
from dicface.report.entries import free_folder
from dicface.report.headers import describe
from dicface.report.score_folder import FolderScore, score_folder
from dicface.video.clips import write_clip
from tests.metrics import _scoring
from tests.metrics._scoring import SIDE
from tests.report.site._page import Page

fake = _scoring.fake
NUM_CLIPS, NUM_FRAMES = 7, 6
NOISE = {"good": 2, "middle": 4, "bad": 9, "input": 6}


def noisy(frames: np.ndarray, noise: float, *names: str) -> np.ndarray:
    rng = numpy_rng("ranking", *names)
    return np.clip(frames + rng.normal(0, noise, frames.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def sets(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sets")
    for number in range(NUM_CLIPS):
        clip = f"clip{number}"
        frames = numpy_rng("ranking", clip).integers(40, 216, (NUM_FRAMES, SIDE, SIDE, 3), np.uint8)
        write_clip(folder / "truth" / f"{clip}.mkv", frames, 25)
        for name, noise in NOISE.items():
            write_clip(folder / name / f"{clip}.mkv", noisy(frames, noise, name, clip), 25)
    return {name: folder / name for name in ("truth", *NOISE)}


@pytest.fixture
def ranked(fake, sets, tmp_path) -> FolderScore:
    results = {name: sets[name] for name in ("bad", "good", "middle")}
    return score_folder(
        results, sets["truth"], tmp_path, input_folder=sets["input"], metrics=("psnr", "tlme")
    )


def test_one_table_holds_the_input_and_every_result_with_their_differences(ranked) -> None:
    table = ranked.table
    assert [row.label for row in table.rows] == ["Input", "bad", "good", "middle"]
    assert [facts.id for facts in table.metrics] == ["psnr", "tlme"]
    psnr = table.cells[table.cells.metric == "psnr"].set_index("method")
    assert psnr.loc["good", "rank"] == 1
    assert set(psnr.clips) == {NUM_CLIPS}
    pairs = table.differences[table.differences.metric == "psnr"].set_index(
        ["method_a", "method_b"]
    )
    assert list(pairs.index) == [
        *(("bad", "input"), ("good", "input"), ("middle", "input")),
        *(("bad", "good"), ("bad", "middle"), ("good", "middle")),
    ]
    gain = psnr.loc["good", "mean"] - psnr.loc["input", "mean"]
    assert pairs.loc[("good", "input"), "mean"] == pytest.approx(gain)
    # Seven clips, every sign the same: 2 / 2^7, times six pairs, less the steps of Holm.
    assert pairs.p_corrected.max() == pytest.approx(6 * 2 / 2**7)


def test_ranks_have_the_intervals_that_the_tests_leave_and_wins_are_counted(ranked) -> None:
    ranks = ranked.ranking.ranks.set_index(["metric", "method"]).loc["psnr"]
    assert ranks["rank"].to_dict() == {"input": 3, "bad": 4, "good": 1, "middle": 2}
    # 0.094 tells none apart from another.
    assert set(zip(ranks.low, ranks.high, strict=True)) == {(1, 4)}
    wins = ranked.ranking.wins.set_index(["metric", "method_a", "method_b"]).loc["psnr"]
    assert wins.loc[("good", "middle")][["wins", "clips", "share"]].tolist() == [7, 7, 1]
    assert wins.loc[("good", "middle"), "low"] == pytest.approx(7 / (7 + 1.959964**2), abs=1e-4)
    assert wins.loc[("good", "input")].wins == 7
    assert wins.loc[("bad", "good")].wins == 0


def test_ranks_are_told_apart_where_the_tests_tell_them_apart(fake, sets, tmp_path) -> None:
    results = {name: sets[name] for name in ("bad", "good")}
    found = score_folder(results, sets["truth"], tmp_path, metrics=("psnr",))
    ranks = found.ranking.ranks.set_index("method")
    assert ranks.loc["good"][["rank", "low", "high"]].tolist() == [1, 1, 1]
    assert ranks.loc["bad"][["rank", "low", "high"]].tolist() == [2, 2, 2]


def test_numbers_of_clips_and_frames_are_there_as_csv(ranked) -> None:
    clips = pd.read_csv(ranked.files["clips"])
    assert len(clips) == 4 * NUM_CLIPS * 2
    assert set(clips.method) == {"input", "bad", "good", "middle"}
    frames = pd.read_csv(ranked.files["frames"])
    assert len(frames) == 4 * NUM_CLIPS * (NUM_FRAMES + NUM_FRAMES - 1)
    one = frames.query("method == 'good' and clip == 'clip3' and metric == 'psnr'").value.mean()
    expected = clips.query("method == 'good' and clip == 'clip3' and metric == 'psnr'").value
    assert one == pytest.approx(expected.item(), rel=1e-4)
    for kind in ("ranks", "wins", "ranks_md", "diagnosis"):
        assert ranked.files[kind].is_file()


def test_the_page_shows_the_ranks_and_every_result_beside_the_input(ranked) -> None:
    page = Page(ranked.page)
    assert "Better on how many clips" in page.text
    tiles = Page(ranked.page.parent / "clips" / "bfr" / "clip0.html").player()["tiles"]
    assert [tile["id"] for tile in tiles] == ["input", "bad", "good", "middle", "/truth"]


def test_a_result_below_its_input_is_told_so_and_a_shift_is_found(fake, sets, tmp_path) -> None:
    shifted = tmp_path / "shifted"
    rng = numpy_rng("ranking", "smooth")
    truth = tmp_path / "truth"
    for number in range(2):
        wide = rng.uniform(20, 235, (12, 12, 3)).repeat(8, axis=0).repeat(8, axis=1)
        frames = [wide[k : k + 64, k : k + 64].astype(np.uint8) for k in range(8)]
        write_clip(truth / f"{number}.mkv", frames, 25)
        moved = [wide[k : k + 64, k + 3 : k + 67].astype(np.uint8) for k in range(8)]
        write_clip(shifted / f"{number}.mkv", moved, 25)
    found = score_folder(
        {"mine": shifted}, truth, tmp_path / "out", input_folder=truth, metrics=("psnr",)
    )
    notes = next(row.notes for row in found.table.rows if row.method == "mine")
    assert notes[0] == "its PSNR is below its input's; see why below"
    assert notes[1].startswith("all 2 clips: it is shifted by 3 px to the left; undone, PSNR gains")
    assert "mine" in found.faults.notes()[0]
    assert "100.00 → 100.00 dB" in found.faults.notes()[0]


def test_results_of_other_lengths_sizes_and_names_stay_in_one_ranking(fake, sets, tmp_path) -> None:
    frames = np.full((NUM_FRAMES, 2 * SIDE, 2 * SIDE, 3), 90, np.uint8)
    write_clip(tmp_path / "large" / "clip0.mkv", frames, 25)
    write_clip(tmp_path / "few" / "clip0.mkv", frames[:, :SIDE, :SIDE], 30)
    write_clip(tmp_path / "few" / "clip1.mkv", frames[:4, :SIDE, :SIDE], 25)
    results = {"good": sets["good"], "large": tmp_path / "large", "few": tmp_path / "few"}
    found = score_folder(results, sets["truth"], tmp_path / "out", metrics=("psnr",))
    rows = {row.method: row for row in found.table.rows}
    assert "another size: 64×64 px, the truth has 32×32" in rows["large"].reason
    psnr = found.table.cells.set_index("method")
    assert (psnr.loc["few", "clips"], psnr.loc["few", "rank"]) == (1, 0)
    assert "1 of 7 clips" in psnr.loc["few", "note"]
    assert any("shorter: 4 frames" in note for note in rows["few"].notes)
    with pytest.raises(MetricError, match="none of the results can be scored.*large: 0 of 7"):
        score_folder(
            {"large": tmp_path / "large", "again": tmp_path / "large"}, sets["truth"], tmp_path
        )


def test_headers_tell_what_folders_hold(sets, tmp_path) -> None:
    write_clip(tmp_path / "odd" / "a.mkv", np.zeros((2, 16, 16, 3), np.uint8), 30)
    (tmp_path / "odd" / "b.mkv").write_bytes(b"none")
    lines = describe({"Truth": sets["truth"], "odd": tmp_path / "odd"})
    assert lines == [
        "Truth  7 clips: 32×32 px, 6 frames, 25 a second",
        "odd    2 clips: 1 of 16×16 px, 2 frames, 30 a second; 1 of a kind that cannot be read",
    ]


def test_two_folders_of_one_name_get_folders_and_names_of_their_own(tmp_path) -> None:
    one, other = tmp_path / "a" / "results", tmp_path / "b" / "results"
    truth, wanted = tmp_path / "truth", tmp_path / "scores" / "results"
    assert free_folder(wanted, [one, truth]) == wanted
    assert free_folder(wanted, [other, truth]).name == "results-2"
    assert free_folder(wanted, [one, truth]) == wanted
    assert names_of([one, other], []) == ["a/results", "b/results"]
    assert names_of([one], []) == ["results"]
    with pytest.raises(ConfigError, match="two results are called x"):
        names_of([one, other], ["x", "x"])
    with pytest.raises(ConfigError, match=r"found 1 \(x\) for 2 results"):
        names_of([one, other], ["x"])
    with pytest.raises(ConfigError, match="two results are called .*results"):
        names_of([one, one], [])


def test_metrics_are_chosen_by_name() -> None:
    assert chosen_metrics("tlme, psnr") == ("psnr", "tlme")
    assert len(chosen_metrics("")) == 8
    with pytest.raises(ConfigError, match="found 'psnrr', expected some of psnr, .* 'psnr'"):
        chosen_metrics("psnr,psnrr")


def test_the_command_prints_table_ranks_and_wins(fake, sets, tmp_path, capsys) -> None:
    words = ["--truth", str(sets["truth"]), "--input", str(sets["input"])]
    words += ["--metrics", "psnr", "--out", str(tmp_path / "S"), "--names", "A", "B"]
    assert main(["score", "--restored", str(sets["good"]), str(sets["bad"]), *words]) == 0
    said, headers = capsys.readouterr()
    assert headers.startswith("Truth  7 clips: 32×32 px, 6 frames, 25 a second\nInput  7 clips")
    assert said.startswith("Ranking of A, B")
    assert "Means over 7 clips" in said
    assert "better than B" in said
    assert "7 of 7" in said
    assert str(tmp_path / "S" / "report" / "index.html") in said
    taken = ["--names", "input", "B"]
    assert main(["score", "--restored", str(sets["good"]), str(sets["bad"]), *words, *taken]) == 2
    assert "found 'input', which is the row of the degraded clips" in capsys.readouterr().err
