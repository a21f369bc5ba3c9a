"""`dicface data check`: whole and damaged copies of every layout."""

import argparse
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest

from dicface.cli import data as data_commands
from dicface.data.datasets import check as checking
from dicface.data.datasets.check import CheckSettings, check
from dicface.data.datasets.layouts import read_layout
from dicface.data.datasets.shard_landmarks import landmarks_of_shard
from dicface.data.datasets.shards import clips_of_shard, landmarks_path
from tests.data.datasets import _layouts as mini
from tests.data.datasets._layouts import NAMES, NUM_FRAMES, RELEASED, FixedDetector


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    data_commands.register(parser)
    options = parser.parse_args(list(arguments))
    return options.command(options) or 0


def report_of(kind: str, folder: Path, **settings) -> checking.Report:
    settings.setdefault("num_expected", 3 if kind == "ffhq" else 2)
    return check(read_layout(kind, folder), CheckSettings(**settings), progress=False)


def errors(report: checking.Report) -> str:
    return "\n".join(str(each) for each in report.problems if each.severity == "error")


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("vfhq_train", mini.vfhq_frames),
        ("vfhq_train", mini.vfhq_videos),
        ("vfhq_test", mini.vfhq_test),
        ("ffhq", mini.ffhq),
    ],
)
def test_a_whole_set_is_ready(kind, make, full, tmp_path):
    report = report_of(kind, make(tmp_path / "set"), full=full, out=tmp_path / "results" / "run")
    assert not report.problems
    assert report.num_readable == report.num_found == report.num_expected
    assert report.num_frames == (3 if kind == "ffhq" else 2 * NUM_FRAMES)
    assert "result: ready" in report.as_text()
    assert report.free_bytes > 0
    assert not (tmp_path / "results").exists()


def test_the_command_prints_and_says_by_its_status(tmp_path, capsys):
    root = mini.vfhq_test(tmp_path / "set")
    arguments = ("check", "--layout", "vfhq_test", "--folder", str(root))
    assert run(*arguments, "--expect", "2") == 0
    assert "clips: 2 found, 2 expected" in capsys.readouterr().out
    assert run(*arguments) == data_commands.EXIT_MUST_BE_FIXED
    out = capsys.readouterr().out
    assert "found 2 clips, expected 50" in out
    assert "must be fixed" in out


def test_the_commands_make_an_index(tmp_path, monkeypatch):
    monkeypatch.setattr("dicface.faces.detect.default_detector", lambda name: FixedDetector())
    root, out = mini.vfhq_frames(tmp_path / "set"), tmp_path / "out"
    which = ("--layout", "vfhq_train", "--folder", str(root), "--out", str(out))
    run("landmarks", *which, "--shard-size", "2", "--shard", "00000")
    run("index", *which, "--shard-size", "2")
    run("export", "--index", str(out / "index.parquet"), "--out", str(tmp_path / "text"))
    assert (tmp_path / "text" / "landmarks" / f"{NAMES[0]}.txt").is_file()


# --- damaged sets -------------------------------------------------------------------------------


def test_half_extracted_frames(tmp_path):
    root = mini.vfhq_frames(tmp_path / "set")
    folder = root / "frames" / NAMES[0]
    (folder / "00000003.png").unlink()
    assert "1 missing between" in errors(report_of("vfhq_train", root))
    shutil.rmtree(folder)
    folder.mkdir()
    assert "found no frame" in errors(report_of("vfhq_train", root))
    shutil.rmtree(folder)
    mini.write_frames(folder, mini.pictures(NAMES[0], NUM_FRAMES))
    last = folder / "00000005.png"
    last.write_bytes(last.read_bytes()[:-20])
    assert "00000005.png: the image is cut short" in errors(report_of("vfhq_train", root))


def test_a_damaged_frame_in_the_middle_needs_a_full_check(tmp_path):
    root = mini.vfhq_frames(tmp_path / "set")
    (root / "frames" / NAMES[0] / "00000002.png").write_bytes(b"")
    assert not report_of("vfhq_train", root).must_be_fixed
    assert "00000002.png" in errors(report_of("vfhq_train", root, full=True))


def test_an_archive_left_behind_and_a_clip_missing(tmp_path):
    root = mini.vfhq_test(tmp_path / "set")
    truth = root / "GT" / "Interval1_512x512_LANCZOS4"
    shutil.rmtree(truth / NAMES[1])
    mini.write_frames(truth / "other", mini.pictures("other", 2))
    (truth / "VFHQ-Test.zip.part").write_bytes(b"PK")
    report = report_of("vfhq_test", root, num_expected=3)
    assert "found 2 clips, expected 3" in errors(report)
    assert "unfinished download" in report.as_text()


def test_frame_counts_that_differ_from_the_meta_file(tmp_path):
    for make in (mini.vfhq_frames, mini.vfhq_videos):
        root = make(tmp_path / make.__name__)
        mini.write_meta(root / "meta_info" / f"{NAMES[1]}.txt", num_frames=NUM_FRAMES + 3)
        report = report_of("vfhq_train", root)
        assert f"{NAMES[1]}: holds 6 frames" in errors(report)
        assert "says 9" in errors(report)


def test_a_name_gives_a_nominal_count_only(tmp_path):
    root = mini.vfhq_frames(tmp_path / "set")
    shutil.rmtree(root / "meta_info")
    (root / "frames" / NAMES[0]).rename(root / "frames" / "Clip+ccccccccccc+P0+C0+F10-90")
    report = report_of("vfhq_train", root)
    assert not report.must_be_fixed
    assert "its name says 79" in report.as_text()


def test_clips_that_the_meta_files_name_and_are_not_there(tmp_path):
    root = mini.vfhq_frames(tmp_path / "set")
    shutil.rmtree(root / "frames" / NAMES[0])
    report = report_of("vfhq_train", root, num_expected=0)
    assert not report.must_be_fixed
    assert f"expected 2 ({NAMES[0]})" in report.as_text()


def test_two_clips_of_one_name(tmp_path):
    root = mini.vfhq_videos(tmp_path / "set")
    shutil.copy(root / "clips" / f"{NAMES[0]}.mp4", root / "clips" / f"{NAMES[0]}.mov")
    assert "two clips are named" in errors(report_of("vfhq_train", root))
    images = mini.ffhq(tmp_path / "images")
    shutil.copy(images / "00000" / "00001.png", images / "01000" / "00001.png")
    assert "two images are named '00001'" in errors(report_of("ffhq", images))


def test_a_wrong_layout(tmp_path):
    root = mini.vfhq_test(tmp_path / "set")
    assert "neither of the folders clips/" in errors(report_of("vfhq_train", root))
    assert "found no folder 'TEST_DATA'" in errors(report_of("released_test", root))


def test_a_cut_and_an_empty_video_and_one_of_another_size(tmp_path):
    root = mini.vfhq_videos(tmp_path / "set")
    path = root / "clips" / f"{NAMES[0]}.mp4"
    path.write_bytes(path.read_bytes()[:300])
    assert "no video that can be read" in errors(report_of("vfhq_train", root))
    path.write_bytes(b"")
    assert "0 bytes" in errors(report_of("vfhq_train", root))
    path.unlink()
    mini.write_video(path, [np.zeros((48, 90, 3), np.uint8)] * NUM_FRAMES)
    assert "frames are 90×48 px; expected 96×64" in errors(report_of("vfhq_train", root))


@pytest.fixture(scope="module")
def released(tmp_path_factory) -> Path:
    return mini.released(tmp_path_factory.mktemp("released") / "set", num_frames=2)


@pytest.fixture
def damaged(released, tmp_path) -> Path:
    return Path(shutil.copytree(released, tmp_path / "set"))


def test_the_released_set_is_ready(released):
    report = report_of("released_test", released)
    assert not report.problems
    # A truth, and for each of three tasks an input and nine restored versions.
    raw = 4 * 512 * 512 * 3 * (1 + 3 * (1 + 9))
    assert report.needed_bytes == int(raw * checking.LOSSLESS_SHARE)


def test_landmarks_of_a_released_clip_that_do_not_fit(damaged):
    file = damaged / "vfhq_test_landmarks" / f"{RELEASED[0]}.txt"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text(lines[0])
    assert "is shorter than its clip: 1 line for 2 frames" in errors(
        report_of("released_test", damaged)
    )
    file.write_text("".join(lines * 2))
    assert "is of another clip: 4 lines" in errors(report_of("released_test", damaged))
    file.write_text(" ".join(["900"] * 10) + "\n" + " ".join(["900"] * 10) + "\n")
    assert "outside a 512-px frame" in errors(report_of("released_test", damaged))
    file.rename(file.with_name("someone.txt"))
    report = report_of("released_test", damaged)
    assert "no landmarks of 1 of 2 clips" in errors(report)
    assert "of no clip that is here: someone" in report.as_text()


def test_released_inputs_that_do_not_fit(damaged):
    (damaged / "LR_Blind" / RELEASED[0] / "00000001.png").unlink()
    shutil.rmtree(damaged / "vfhq_test_inpaint_input_512" / RELEASED[1])
    shutil.rmtree(damaged / "vfhq_test_color_input")
    report = report_of("released_test", damaged)
    assert f"bfr: {RELEASED[0]}: the input holds 1 frame, the truth 2" in errors(report)
    assert "1 of 2 clips are missing" in errors(report)
    assert "no input of the task colorization" in report.as_text()


def test_landmarks_made_before(tmp_path):
    root, out = mini.vfhq_frames(tmp_path / "set"), tmp_path / "out"
    landmarks_of_shard(
        clips_of_shard(read_layout("vfhq_train", root), "00000", 10),
        landmarks_path(out, "00000"),
        detector=FixedDetector(missing=(1, 2, 3)),
        progress=False,
    )
    report = report_of("vfhq_train", root, landmarks=out)
    assert not report.must_be_fixed
    assert f"{NAMES[0]}: no face in 3 of 6 frames" in report.as_text()
    (root / "frames" / NAMES[0] / "00000005.png").unlink()
    assert "has landmarks of 6 frames, the clip has 5" in errors(
        report_of("vfhq_train", root, landmarks=out)
    )
    elsewhere = mini.vfhq_frames(tmp_path / "other")
    assert "landmarks of another clip" in errors(report_of("vfhq_train", elsewhere, landmarks=out))
    (out / "landmarks" / "shard_00000.parquet").write_bytes(b"PAR1")
    assert "expected landmarks of a shard's clips" in errors(
        report_of("vfhq_train", root, landmarks=out)
    )


def test_a_full_and_a_read_only_disk(tmp_path, monkeypatch):
    root = mini.vfhq_test(tmp_path / "set")
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    assert "0.0 GB are free" in errors(report_of("vfhq_test", root, out=tmp_path))

    def refuse(**settings):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    text = errors(report_of("vfhq_test", root, out=tmp_path / "results"))
    assert "cannot be written (Read-only file system)" in text


def test_many_equal_problems_are_shortened(tmp_path):
    root = tmp_path / "set"
    for number in range(30):
        (root / "frames" / f"clip{number:02d}").mkdir(parents=True)
    text = report_of("vfhq_train", root, num_expected=30).as_text()
    assert text.count("found no frame") < 30
    assert "more of the same kinds" in text
