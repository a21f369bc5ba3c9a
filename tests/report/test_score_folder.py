"""Results made elsewhere: matched by name, every misfit named, nothing dropped silently."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dicface.base.errors import ClipError, ConfigError, MetricError
from dicface.base.seeds import numpy_rng
from dicface.cli.main import main
from dicface.faces import importer
from dicface.faces.align import estimate_affine, warp
from dicface.metrics import METRICS
from dicface.metrics.matching import match_folders, match_names
from dicface.metrics.scorer import score_set
from dicface.report.score_folder import import_results, score_folder
from dicface.runs.results import read_index, restored_clips
from dicface.video.clips import list_clips, read_frames, write_clip
from tests.faces._faces import FixedDetector
from tests.metrics import _scoring
from tests.metrics._scoring import SIDE, TRUTH, grey
from tests.report.site._page import Page

fake, folders = _scoring.fake, _scoring.folders


def write_frames(folder, frames):
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"{number:04d}.png")


def page_of(found, clip):
    return found.page.parent / "clips" / "bfr" / f"{clip}.html"


@pytest.fixture
def misfits(folders):
    """Seven more true clips, each with a restored one wrong in one way; and one without truth."""
    wrong = {
        "absent": None,
        "large": [np.zeros((2 * SIDE, 2 * SIDE, 3), np.uint8)] * 5,
        "long": grey([80] * 6),
        "short": grey([80] * 4),
    }
    for clip, frames in wrong.items():
        write_clip(folders["truth"] / f"{clip}.mkv", grey([80] * 5), 25)
        if frames:
            write_clip(folders["restored"] / f"{clip}.mkv", frames, 30 if clip == "long" else 25)
    write_clip(folders["truth"] / "cut.mkv", grey([80] * 5), 25)
    (folders["restored"] / "cut.mkv").write_bytes(b"no video")
    write_clip(folders["truth"] / "mixed.mkv", grey([80] * 2), 25)
    write_frames(folders["restored"] / "mixed", [np.zeros((n, n, 3), np.uint8) for n in (32, 16)])
    write_clip(folders["restored"] / "stranger.mkv", grey([80]), 25)
    write_clip(folders["truth"] / "other.mkv", grey([80] * 5), 25)
    (folders["restored"] / "other.heic").touch()
    return folders


def test_a_folder_gets_its_row_its_numbers_and_its_page(fake, folders) -> None:
    found = score_folder(folders["restored"], folders["truth"], folders["out"], name="Mine <1>")
    scores = pd.read_parquet(folders["out"] / "metrics.parquet")
    assert set(zip(scores["clip"], scores["metric"], strict=True)) == {
        (clip, metric) for clip in TRUTH for metric in METRICS
    }
    assert set(scores["method"]) == {"Mine <1>"}
    assert (folders["out"] / "frames.parquet").is_file()
    assert (folders["out"] / "fvd.npz").is_file()
    line = pd.read_csv(found.files["csv"]).set_index("metric").loc["psnr"]
    expected = scores.query("metric == 'psnr'").value.mean()
    assert (line["mean"], line["clips"]) == (pytest.approx(expected, rel=1e-5), 3)
    assert "# Scores of Mine" in found.files["md"].read_text()
    assert "Protocol dicface-2, 32-px clips of the user" in found.files["md"].read_text()
    assert found.match.sentences() == []
    page = Page(found.page)
    row, clips = page.tables[:2]
    assert row[1][0]["value"] == "Mine <1>"
    assert len(row[0]) == 1 + len(METRICS)
    assert [line[0]["value"] for line in clips[1:]] == sorted(TRUTH)
    by_clip = scores.query("metric == 'psnr'").set_index("clip").value
    for line in clips[1:]:
        assert float(line[1]["value"]) == pytest.approx(by_clip[line[0]["value"]])
    assert "clips/bfr/a.html#result" in page.addresses
    assert "commit" in page.text
    assert "Cost" not in page.text
    tiles = Page(page_of(found, "a")).player()["tiles"]
    assert [(tile["id"], tile["label"]) for tile in tiles] == [
        ("result", "Mine <1>"),
        ("/truth", "Truth"),
    ]
    # The folder knows what it needs for its page.
    before = found.page.read_bytes()
    assert main(["report", str(folders["out"])]) == 0
    assert found.page.read_bytes() == before


def test_every_misfit_is_named_and_the_table_says_how_many_clips_it_has(fake, misfits) -> None:
    found = score_folder(misfits["restored"], misfits["truth"], misfits["out"], name="mine")
    reasons = found.match.unusable
    assert set(reasons) == {"absent", "cut", "large", "long", "mixed", "other", "short"}
    assert reasons["absent"] == "not restored"
    assert reasons["other"].startswith("found other.heic; expected a video (.mkv, ")
    assert reasons["large"] == (
        "another size: 64×64 px, the truth has 32×32; resize the results to it, as nothing is "
        "resized here"
    )
    assert reasons["short"] == "shorter: 4 frames, the truth has 5"
    assert reasons["long"] == (
        "longer: 6 frames, the truth has 5; another frame rate: 30 a second, the truth has 25"
    )
    assert "is no video" in reasons["cut"]
    assert "frame 1 is 16×16 px" in reasons["mixed"]
    assert found.match.extra == ("stranger",)
    assert (found.score.num_clips, set(found.score.missing)) == (10, set(reasons))
    scores = pd.read_parquet(misfits["out"] / "metrics.parquet")
    assert scores.groupby("clip").size().to_dict() == {
        clip: len(METRICS) for clip in (*TRUTH, *reasons)
    }
    short = scores.query("clip == 'short'")
    assert short.value.isna().all()
    assert set(short.note) == {reasons["short"]}
    text = found.files["md"].read_text().replace("\u00a0", " ").replace("\\", "")
    assert "3/10 clips" in text
    assert "3 of 10 clips could be scored." in text
    assert "clip 'short': shorter: 4 frames, the truth has 5." in text
    assert "no true clip is named so: stranger." in text
    lines = pd.read_csv(found.files["csv"])
    assert lines["note"].str.contains("3 of 10 clips").all()
    page = Page(found.page)
    assert "3 of 10 clips could be scored." in page.text
    by_clip = {line[0]["value"]: line for line in page.tables[1][1:]}
    assert by_clip["short"][1]["value"] is None
    assert by_clip["short"][1]["title"] == reasons["short"]
    short = Page(page_of(found, "short"))
    assert "mine: shorter: 4 frames, the truth has 5" in short.text
    assert [tile["id"] for tile in short.player()["tiles"]] == ["/truth"]


def test_another_frame_rate_alone_is_said_and_scored(fake, folders) -> None:
    write_clip(folders["restored"] / "b.mkv", grey([91] * 5), 30)
    found = score_folder(folders["restored"], folders["truth"], folders["out"])
    assert found.match.unusable == {}
    note = "another frame rate: 30 a second, the truth has 25; scored frame by frame"
    assert found.match.notes == {"b": note}
    scores = pd.read_parquet(folders["out"] / "metrics.parquet").query("clip == 'b'")
    assert scores.note.str.endswith(note).all()
    assert scores.set_index("metric").value["psnr"] == pytest.approx(20 * math.log10(255))


def test_folders_of_frames_are_clips_without_a_frame_rate(fake, folders) -> None:
    (folders["restored"] / "b.mkv").unlink()
    write_frames(folders["restored"] / "b", grey([91] * 5))
    write_clip(folders["truth"] / "b.mkv", grey([90] * 5), 30)
    found = score_folder(folders["restored"], folders["truth"], folders["out"])
    assert found.match.sentences() == []
    scores = pd.read_parquet(folders["out"] / "metrics.parquet")
    value = scores.query("clip == 'b' and metric == 'psnr'").value.item()
    assert value == pytest.approx(20 * math.log10(255))


def test_folders_that_have_nothing_in_common_or_no_faces_are_refused(folders) -> None:
    empty = folders["truth"].with_name("others")
    write_clip(empty / "x.mkv", grey([1]), 25)
    with pytest.raises(MetricError, match="none of its 1 clips.*'a', 'b', 'c': not restored"):
        match_folders(empty, folders["truth"])
    write_clip(folders["truth"] / "b.mkv", [np.zeros((32, 48, 3), np.uint8)] * 5, 25)
    with pytest.raises(MetricError, match=r"b\.mkv: frames are 48×32 px.*square.*--align"):
        match_folders(folders["restored"], folders["truth"])
    with pytest.raises(ClipError, match="no such folder"):
        match_folders(folders["truth"].with_name("nowhere"), folders["truth"])


def test_results_enter_a_run_without_a_copy(misfits) -> None:
    out = misfits["out"] / "bfr" / "theirs"
    import_results("theirs", misfits["restored"], misfits["truth"], out, label="Their system")
    assert [path.name for path in out.iterdir()] == ["index.json"]
    index = json.loads((out / "index.json").read_text())
    assert (index["method"], index["label"]) == ("theirs", "Their system")
    assert index["extra"] == ["stranger"]
    assert index["remarks"][0] == "3 of 10 clips could be scored"
    expected = {clip: misfits["restored"] / f"{clip}.mkv" for clip in TRUTH}
    assert restored_clips(out) == expected
    # Any other method's clips are found in its own folder.
    assert restored_clips(misfits["restored"] / "mixed" / "..").keys() >= expected.keys()
    expected["a"].unlink()
    with pytest.raises(ClipError, match="the clips a are gone"):
        restored_clips(out)


def test_imported_results_are_scored_like_those_of_every_method(fake, misfits) -> None:
    write_clip(misfits["restored"] / "b.mkv", grey([91] * 5), 30)
    out = misfits["out"] / "bfr" / "theirs"
    match = import_results("theirs", misfits["restored"], misfits["truth"], out)
    index = read_index(out)
    reread = match_names(
        restored_clips(out),
        list_clips(misfits["truth"]),
        unusable=index["unusable"],
        notes=index["notes"],
    )
    found = score_set(
        "bfr",
        "theirs",
        reread,
        out,
        analysis_folder=misfits["analysis"],
        protocol=_scoring.protocol(),
    )
    assert found.missing == tuple(match.unusable)
    notes = (
        pd.read_parquet(out / "metrics.parquet").query("metric == 'psnr'").set_index("clip").note
    )
    assert notes["short"] == "shorter: 4 frames, the truth has 5"
    assert notes["b"].startswith("another frame rate: 30")
    assert not list(out.glob("*.mkv"))


def test_a_name_that_is_no_folder_is_refused(folders) -> None:
    with pytest.raises(ConfigError, match="found the name 'My method'"):
        import_results("My method", folders["restored"], folders["truth"], folders["out"])
    assert not folders["out"].exists()


def test_a_damaged_index_is_named(tmp_path) -> None:
    for text in ("{", "[]"):
        (tmp_path / "index.json").write_text(text)
        with pytest.raises(ClipError, match=r"index\.json.*Delete it"):
            restored_clips(tmp_path)


def enlarged(frames, factor):
    return [frame.repeat(factor, axis=0).repeat(factor, axis=1) for frame in frames]


@pytest.fixture
def whole_frames(tmp_path, monkeypatch):
    """Wide true frames with a face, and results of them: the same, twice as large, too narrow."""
    monkeypatch.setattr(importer, "default_detector", lambda name: FixedDetector())
    rng = numpy_rng("whole frames")
    for clip in ("equal", "large", "narrow", "short"):
        frames = list(rng.integers(0, 256, (5, 48, 64, 3), np.uint8))
        write_clip(tmp_path / "truth" / f"{clip}.mkv", frames, 25)
        write_clip(tmp_path / "input" / f"{clip}.mkv", [frame // 2 for frame in frames], 25)
        results = {"large": enlarged(frames, 2), "narrow": [f[:, 8:56] for f in frames]}
        results |= {"short": frames[:4], "equal": frames}
        write_clip(tmp_path / "restored" / f"{clip}.mkv", results[clip], 25)
    return {name: tmp_path / name for name in ("truth", "restored", "input", "out")}


def test_faces_of_whole_frames_are_cut_out_where_the_truth_has_them(fake, whole_frames) -> None:
    folders = whole_frames
    options = {"align": 32, "input_folder": folders["input"], "name": "Mine"}
    found = score_folder(folders["restored"], folders["truth"], folders["out"], **options)
    assert found.match.unusable == {
        "narrow": "another shape: 48×48 px, the truth has 64×48; expected the whole frame in any "
        "size",
        "short": "shorter: 4 frames, the truth has 5",
    }
    scores = pd.read_parquet(folders["out"] / "metrics.parquet").query("metric == 'psnr'")
    notes = scores.set_index("clip").note
    cut_out = "32-px faces cut out of 64×48 px by the truth's alignment"
    assert notes["equal"] == cut_out
    assert notes["large"] == f"{cut_out}; restored frames of 128×96 px were resized to 64×48"
    # The mean of four equal pixels is that pixel: both are the truth again.
    assert scores.set_index("clip").value[["equal", "large"]].tolist() == [100, 100]
    expected = next(read_frames(folders["truth"] / "equal.mkv"))
    affine = estimate_affine(FixedDetector().detect(expected)[0].points, 32)
    shown = next(read_frames(folders["out"] / "aligned" / "truth" / "equal.mkv"))
    assert np.array_equal(shown, warp(expected, affine, 32, antialias=True))
    degraded = next(read_frames(folders["out"] / "aligned" / "input" / "equal.mkv"))
    assert np.array_equal(degraded, warp(expected // 2, affine, 32, antialias=True))
    said = "32-px faces cut out of whole frames of the user"
    assert said in found.files["md"].read_text()
    assert said in Page(found.page).text
    tiles = Page(page_of(found, "large")).player()["tiles"]
    assert [(tile["id"], tile["frames"]) for tile in tiles] == [
        ("input", 5),
        ("result", 5),
        ("/truth", 5),
    ]


def test_what_several_clips_have_in_common_is_said_once(folders) -> None:
    restored = folders["restored"]
    for clip, levels in TRUTH.items():
        (restored / f"{clip}.mkv").unlink()
        if clip != "b":
            write_clip(restored / f"{clip}.mkv", grey(levels), 30)
    rate = "another frame rate: 30 a second, the truth has 25; scored frame by frame"
    sentences = match_folders(restored, folders["truth"]).sentences()
    assert sentences == [
        "2 of 3 clips could be scored",
        "clip 'b': not restored",
        f"all clips that were scored: {rate}",
    ]
    write_clip(restored / "b.mkv", grey(TRUTH["b"]), 25)
    sentences = match_folders(restored, folders["truth"]).sentences()
    assert sentences == [f"clips 'a', 'c': {rate}"]


def test_an_input_is_shown_and_not_scored(fake, folders) -> None:
    given = folders["truth"].with_name("degraded")
    write_clip(given / "a.mkv", enlarged(grey([40] * 3), 2), 30)
    options = {"name": "Mine", "input_folder": given}
    found = score_folder(folders["restored"], folders["truth"], folders["out"], **options)
    assert set(pd.read_parquet(folders["out"] / "metrics.parquet").method) == {"Mine"}
    page = Page(page_of(found, "a"))
    assert [tile["id"] for tile in page.player()["tiles"]] == ["input", "result", "/truth"]
    assert "Input: 64×64 px, the truth 32×32 px; 3 frames, the truth 20; 30 frames" in page.text
    assert [row[0]["text"] for row in page.tables[0][1:]] == ["Mine"]
    assert "Input: no clip of this name" in Page(page_of(found, "b")).text
    (folders["truth"] / "other").mkdir()
    write_clip(folders["truth"] / "other" / "x.mkv", grey([1]), 25)
    options["input_folder"] = folders["truth"] / "other"
    with pytest.raises(ClipError, match="none of its 1 clips can be shown beside the results"):
        score_folder(folders["restored"], folders["truth"], folders["out"], **options)


def test_the_command_prints_the_row_and_says_where_the_page_is(fake, folders, capsys) -> None:
    words = [f"--{name}={folders[name]}" for name in ("restored", "truth", "out")]
    assert main(["score", *words, "--name", "Mine"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Scores of Mine")
    assert str(folders["out"] / "report" / "index.html") in said
    assert main(["score", *words, "--align", "--size", "15"]) == 2
    assert "size: found 15, expected an even number of px" in capsys.readouterr().err


def test_two_files_are_one_pair_whatever_their_names(folders) -> None:
    one, other = folders["restored"] / "a.mkv", folders["truth"] / "a.mkv"
    renamed = one.rename(folders["restored"] / "out.mkv")
    match = match_folders(renamed, other)
    assert match.restored == {"a": renamed}
    assert match.truths == {"a": other}
    with pytest.raises(MetricError, match="none of its 1 clips can be scored"):
        match_folders(renamed, folders["truth"])


def test_restored_frames_one_folder_deeper_are_named(folders) -> None:
    inner = folders["restored"] / "b" / "final"
    (folders["restored"] / "b.mkv").unlink(missing_ok=True)
    inner.mkdir(parents=True)
    (inner / "0001.png").write_bytes(b"")
    assert "found b/final" in match_folders(folders["restored"], folders["truth"]).unusable["b"]


def test_a_damaged_truth_stops_nothing(fake, folders) -> None:
    for kind in ("restored", "truth"):
        write_clip(folders[kind] / "z.mkv", grey([80] * 5), 25)
    whole = (folders["truth"] / "z.mkv").read_bytes()
    (folders["truth"] / "z.mkv").write_bytes(whole[: len(whole) // 2])
    found = score_folder(folders["restored"], folders["truth"], folders["out"], name="mine")
    assert "z" not in found.match.restored
    assert "its truth cannot be used" in found.match.unusable["z"]
    count = len(found.match.truths)
    assert f"{count - 1} of {count} clips" in (folders["out"] / "tables" / "row.md").read_text()
    assert found.page.is_file()
