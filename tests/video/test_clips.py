"""Clips: lossless, streaming, whole or not there; damaged files are named."""

import errno
import os
import subprocess
import sys
import unicodedata
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from dicface.base.errors import ClipError, DicfaceError
from dicface.base.seeds import numpy_rng
from dicface.video.clips import (
    list_clips,
    probe,
    read_clip,
    read_frames,
    require_apart,
    write_clip,
)


def noise(num_frames: int = 5, height: int = 34, width: int = 31) -> np.ndarray:
    rng = numpy_rng("test", "noise")
    return rng.integers(0, 256, (num_frames, height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("fps", [25, 30, Fraction(30000, 1001), 23.976])
def test_a_clip_is_lossless_and_keeps_its_rate(tmp_path: Path, fps: float) -> None:
    frames = noise()
    info = write_clip(tmp_path / "a.mkv", frames, fps)
    again, rate = read_clip(tmp_path / "a.mkv")
    assert np.array_equal(frames, again)
    assert abs(rate - Fraction(fps)) < Fraction(1, 500)
    assert probe(tmp_path / "a.mkv") == info


def test_equal_frames_give_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_clip(tmp_path / f"{name}.mkv", noise(), 25)
    assert (tmp_path / "a.mkv").read_bytes() == (tmp_path / "b.mkv").read_bytes()


@pytest.mark.parametrize("num_frames", [1, 3])
def test_short_clips(tmp_path: Path, num_frames: int) -> None:
    write_clip(tmp_path / "a.mkv", noise(num_frames), 25)
    assert probe(tmp_path / "a.mkv").num_frames == num_frames


def test_a_folder_of_frames_is_a_clip(tmp_path: Path) -> None:
    frames = noise(3)
    folder = tmp_path / "set" / "clip"
    folder.mkdir(parents=True)
    for i, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"{i:05d}.png")
    assert list(list_clips(tmp_path / "set")) == ["clip"]
    assert np.array_equal(read_clip(folder)[0], frames)


def test_frames_are_read_by_number_however_they_are_padded(tmp_path: Path) -> None:
    frames = noise(12)
    for i, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / f"frame_{i}.png")
    assert np.array_equal(read_clip(tmp_path)[0], frames)


def test_writing_streams(tmp_path: Path) -> None:
    taken = []

    def frames():
        for i, frame in enumerate(noise(4)):
            taken.append(i)
            yield frame

    assert write_clip(tmp_path / "a.mkv", frames(), 25).num_frames == 4
    assert taken == [0, 1, 2, 3]


def test_a_failing_writer_leaves_nothing(tmp_path: Path) -> None:
    def frames():
        yield from noise(2)
        raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        write_clip(tmp_path / "a.mkv", frames(), 25)
    assert list(tmp_path.iterdir()) == []


def test_frames_of_another_size_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ClipError, match="first one was 31×34"):
        write_clip(tmp_path / "a.mkv", [noise(1)[0], noise(1, 20, 20)[0]], 25)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_under_ffmpeg_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object, **settings: object) -> None:
        raise av.error.OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(av, "open", full)
    with pytest.raises(DicfaceError, match="Free some space"):
        write_clip(tmp_path / "a.mkv", noise(), 25)
    assert list(tmp_path.iterdir()) == []


def test_damaged_videos_are_named(tmp_path: Path) -> None:
    write_clip(tmp_path / "whole.mkv", noise(), 25)
    whole = (tmp_path / "whole.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("not a video")
    for name, found in (("cut.mkv", "truncated"), ("empty.mp4", "0 bytes"), ("text.mp4", "video")):
        with pytest.raises(ClipError, match=found) as error:
            list(read_frames(tmp_path / name))
        assert name in str(error.value)
    with pytest.raises(ClipError, match="no such file"):
        list(read_frames(tmp_path / "none.mp4"))


def test_a_song_with_a_cover_is_no_video(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "song.mp4"), "w") as out:
        sound, cover = out.add_stream("aac", rate=48000), out.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 16, 16, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(noise(1)[0][:16, :16].copy(), "rgb24")
        out.mux(cover.encode(picture.reformat(format="yuvj420p")))
        silence = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
        silence.sample_rate = 48000
        out.mux(sound.encode(silence))
        out.mux(sound.encode(None))
    with pytest.raises(ClipError, match="holds no video stream"):
        list(read_frames(tmp_path / "song.mp4"))


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "clip").mkdir()
    (tmp_path / "clip" / "0.png").write_bytes(b"\x89PNG damaged")
    with pytest.raises(ClipError, match=r"0\.png"):
        list(read_frames(tmp_path / "clip"))


def test_two_clips_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a.mkv", "a.mp4"):
        (tmp_path / name).touch()
    with pytest.raises(ClipError, match=r"a\.mkv and a\.mp4"):
        list_clips(tmp_path)


def test_folders_without_clips_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ClipError, match="found no clip"):
        list_clips(tmp_path)
    with pytest.raises(ClipError, match="no such folder"):
        list_clips(tmp_path / "none")


def test_hidden_files_are_no_frames(tmp_path: Path) -> None:
    frames = noise(2)
    for i, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / f"{i}.png")
    (tmp_path / "._0.png").write_bytes(b"what a Mac leaves beside a file")
    assert np.array_equal(read_clip(tmp_path)[0], frames)


def test_a_clip_has_one_size_where_that_is_asked_for(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "0.png")
    Image.new("RGB", (9, 8)).save(tmp_path / "1.jpg")
    assert [frame.shape[1] for frame in read_frames(tmp_path)] == [8, 9]
    with pytest.raises(ClipError, match="frame 1 is 9×8 px, the first one is 8×8 px"):
        probe(tmp_path)


def test_listing_clips_loads_no_decoder() -> None:
    code = "import sys, dicface.data.datasets.layouts as it; sys.exit('av' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_one_video_is_a_set_of_one(tmp_path: Path) -> None:
    video = tmp_path / "a.b.MP4"
    video.write_bytes(b"x")
    assert list_clips(video) == {"a.b": video}
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(ClipError, match=r"a\.txt: is a file, and no video\. Expected a folder"):
        list_clips(tmp_path / "a.txt")


def test_frames_where_a_set_is_expected_or_one_folder_deeper_are_found(tmp_path: Path) -> None:
    inner = tmp_path / "set" / "clip" / "output"
    inner.mkdir(parents=True)
    (inner / "0001.png").write_bytes(b"")
    (tmp_path / "set" / "empty").mkdir()
    with pytest.raises(ClipError, match=r"no clip; clip/output lies one folder deeper.* as clip"):
        list_clips(tmp_path / "set")
    with pytest.raises(ClipError, match=f"it is a clip itself. Give the folder .* {inner.parent}"):
        list_clips(inner)


def test_names_are_the_same_however_a_system_spells_their_marks(tmp_path: Path) -> None:
    spelt = {form: unicodedata.normalize(form, "Zoë") for form in ("NFC", "NFD")}
    assert spelt["NFC"] != spelt["NFD"]
    for form, name in spelt.items():
        (tmp_path / form).mkdir()
        (tmp_path / form / f"{name}.mkv").write_bytes(b"x")
    names = [list(list_clips(tmp_path / form)) for form in spelt]
    assert names == [[spelt["NFC"]], [spelt["NFC"]]]


def test_a_result_never_takes_the_place_of_its_clip(tmp_path: Path) -> None:
    clips = {"a": tmp_path / "a.mkv", "b": tmp_path / "b.mp4"}
    require_apart(clips, tmp_path / "out")
    require_apart({"b": clips["b"]}, tmp_path)
    with pytest.raises(ClipError, match=r"a\.mkv: its result would take its place\. Give another"):
        require_apart(clips, tmp_path / "out" / "..")


def test_a_name_that_is_no_text_is_refused_and_a_long_one_is_not(tmp_path: Path) -> None:
    long = tmp_path / f"{'x' * 245}.mkv"
    write_clip(long, noise(1), 25)
    assert list_clips(tmp_path) == {"x" * 245: long}
    os.rename(os.fsencode(long), os.fsencode(tmp_path) + b"/caf\xe9.mkv")
    with pytest.raises(ClipError, match="the name is no UTF-8, .* Rename it"):
        list_clips(tmp_path)
