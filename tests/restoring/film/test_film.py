"""Restoring films: segments, resuming, methods of every kind, and what one may ask for."""

import dataclasses
import errno
import re
import shutil
import sys
import weakref
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import dicface
from dicface.base.errors import ClipError, ConfigError, DicfaceError, FaceError, MethodError
from dicface.restoring.film import film as engine
from dicface.restoring.film import making, plan
from dicface.restoring.film.film import describe_films, restore_films
from dicface.restoring.film.settings import FilmSettings
from dicface.video import film_writer
from dicface.video.clips import read_clip, read_frames
from tests.restoring.film.films import make_film, times_of
from tests.restoring.film.simple import SIDE, Chunks, Finder, Invert, MeanOf3, Paster, tools, track


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A film of 30 frames."""
    return make_film(tmp_path_factory.mktemp("film") / "a.mp4", sound=1)


def frames(path):
    return np.stack(list(read_frames(path))).astype(int)


class Killed(BaseException):
    """What nobody catches."""


@pytest.mark.parametrize(("method", "stops_in"), [(Invert, 0), (MeanOf3, 1), (Chunks, 2)])
def test_a_stopped_film_goes_on_and_has_the_same_bytes(
    plain, restored, short_segments, monkeypatch, tmp_path, method, stops_in
):
    whole, _ = restored(plain, method=method(), out="whole")
    add, encoded, stops = film_writer.PartWriter.add, [], [10 * stops_in + 5]

    def stopped(self, picture):
        encoded.append(picture.pts)
        if len(encoded) in stops:
            raise Killed
        add(self, picture)

    monkeypatch.setattr(film_writer.PartWriter, "add", stopped)
    with pytest.raises(Killed):
        restored(plain, method=method(), out="stopped")
    stops.clear()
    assert [p.name for p in (tmp_path / "stopped").iterdir()] == [".a.parts"]
    encoded.clear()
    finder = Finder([range(30)], [track()])
    again, _ = restored(plain, method=method(), out="stopped", found=tools(track(), finder=finder))
    assert again.read_bytes() == whole.read_bytes()
    assert not finder.seen
    assert len(encoded) == 30 - 10 * stops_in
    assert not (tmp_path / "stopped" / ".a.parts").exists()


def test_a_film_that_was_restored_in_the_same_way_is_kept(plain, restored):
    result, readme = restored(plain)
    before = result.stat().st_mtime_ns
    finder = Finder([range(30)], [track()])
    assert restored(plain, found=tools(track(), finder=finder)) == [result, readme]
    assert result.stat().st_mtime_ns == before
    assert not finder.seen
    restored(plain, strength=0.5)
    assert result.stat().st_mtime_ns != before


@pytest.mark.parametrize("method", [Invert, MeanOf3])
def test_segments_leave_no_trace(plain, restored, monkeypatch, method):
    """Windows and what is smoothed in time reach over the ends of segments."""
    whole, _ = restored(plain, method=method(), lossless=True, out="whole")
    monkeypatch.setattr(plan, "SEGMENT_S", 0.4)
    pieces, _ = restored(plain, method=method(), lossless=True, out="pieces")
    assert (frames(pieces) == frames(whole)).all()


def test_no_stream_crosses_a_cut(plain, restored):
    method = MeanOf3()
    tracks = [track(1, 0, 12), track(2, 12, 18, shot=1)]
    restored(plain, *tracks, shots=[range(12), range(12, 30)], method=method)
    assert method.clips == ["a 1 0", "a 2 12"]


def test_segments_begin_with_shots_where_they_can(short_segments):
    times = np.arange(40) * 512
    parts = plan.segments_of(times, Fraction(1, 12800), [0, 7, 12])
    assert parts == [range(0, 7), range(7, 12), range(12, 22), range(22, 32), range(32, 40)]


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(st.integers(1, 300_000), max_size=40),
    first=st.integers(-(10**6), 10**6),
    cuts=st.sets(st.integers(0, 40)),
)
def test_segments_of_any_times_are_all_pictures_once_and_short(steps, first, cuts):
    times = first + np.cumsum([0, *steps])
    base = Fraction(1, 12800)
    cuts = {cut for cut in cuts if cut < len(times)}
    parts = plan.segments_of(times, base, cuts)
    assert [index for part in parts for index in part] == list(range(len(times)))
    for part in parts:
        seconds = (times[part.stop - 1] - times[part.start]) * base
        assert len(part) == 1 or seconds <= plan.SEGMENT_S


def test_faces_of_several_tracks_share_batches(plain, restored):
    method = Invert()
    restored(plain, track(1), track(2, at=(70, 40)), method=method)
    assert sum(method.batches) == 60
    assert max(method.batches) == 4
    assert len(method.batches) == 15


def test_memory_does_not_grow_with_a_film(tmp_path, restored, monkeypatch):
    film = make_film(tmp_path / "a.mp4", 80)
    alive, most = [0], [0]
    read = making.read_pictures

    def counted(*words):
        for picture in read(*words):
            alive[0] += 1
            most[0] = max(most[0], alive[0])
            weakref.finalize(picture, lambda: alive.__setitem__(0, alive[0] - 1))
            yield picture

    monkeypatch.setattr(making, "read_pictures", counted)
    restored(film, track(first=50, num=20), shots=[range(80)], method=MeanOf3())
    assert most[0] < 40


def test_people_and_sizes_are_chosen(plain, restored):
    two = (track(1, side=48), track(2, at=(70, 40), side=36, step=0))
    before = frames(plain)

    def changed(**settings):
        result, readme = restored(plain, *two, lossless=True, **settings)
        change = np.abs(frames(result) - before).max(axis=(0, 3)) > 30
        return bool(change[20:50, 40:60].any()), bool(change[64:74, 86:102].any()), readme

    assert changed()[:2] == (True, True)
    assert changed(faces="largest")[:2] == (True, False)
    assert changed(faces="2")[:2] == (False, True)
    assert changed(faces="1,2")[:2] == (True, True)
    assert changed(min_face=40)[:2] == (True, False)
    one, other, readme = changed(max_face=40)
    assert (one, other) == (False, True)
    assert "face 1, 0:00:00.00 to 0:00:01.16 (30 frames), 48 px: left alone: larger than 40 px" in (
        readme.read_text(encoding="utf-8")
    )


def test_faces_larger_than_the_network_are_left_alone_and_said(plain, restored, caplog):
    large = track(side=64, step=0)
    with pytest.raises(FaceError, match="larger than the network's 40 px; --force restores it"):
        restored(plain, large)
    two = (large, track(2, side=40, at=(60, 40), step=0))
    restored(plain, *two)
    assert "left alone: 1 of 2 faces: face 1 (larger than the network's 40 px" in caplog.text
    assert restored(plain, large, force=True)


def test_a_larger_film_side_by_side(plain, restored):
    result, _ = restored(plain, track(side=40), upscale=2, side_by_side=True)
    both = frames(result)
    assert both.shape[1:3] == (192, 512)
    left, right = both[:, :, :256], both[:, :, 256:]
    same = np.abs(left - right).max(axis=3)
    assert np.median(same[:, 150:]) <= 2
    # The square of 40 px at (20, 12) is 80 px at (40, 24).
    assert np.median(same[0, 30:100, 46:110]) > 40
    small = frames(plain)[:, ::1, ::1]
    assert np.abs(left[:, ::2, ::2] - small).mean() < 6


def test_only_faces(plain, restored):
    tracks = (track(1), track(2, 5, 10, at=(70, 40), side=40, person=1))
    files = restored(plain, *tracks, only_faces=True)
    assert [file.name for file in files] == [
        "a.person-1.face-1.mkv",
        "a.person-1.face-2.mkv",
        "a.README.md",
    ]
    clip, fps = read_clip(files[1])
    assert clip.shape == (10, SIDE, SIDE, 3)
    assert fps == 25
    assert times_of(files[1])[0] == 0


def test_preview_shows_one_shot_and_what_the_whole_will_take(tmp_path, restored, caplog):
    caplog.set_level("INFO")
    film = make_film(tmp_path / "a.mp4", 60, sound=1)
    shots = [range(20), range(20, 45), range(45, 60)]
    tracks = (track(1, 0, 20), track(2, 20, 25, shot=1))
    files = restored(film, *tracks, shots=shots, preview=1.0)
    assert [f.name for f in files] == [
        "a.preview.mp4",
        "a.preview.person-2.face-2.mkv",
        "a.preview.README.md",
    ]
    assert frames(files[0]).shape == (25, 96, 256, 3)
    assert len(read_clip(files[1])[0]) == 25
    with pytest.raises(ClipError, match="between 94.0 and 104.0 s; it lasts 2.4 s. Choose another"):
        restored(film, preview=99.0)
    assert re.search(r"the whole film of 60 frames will take about 0:00:\d\d", caplog.text)


def test_dry_run_lists_faces_and_cost_and_its_work_is_kept(plain, tmp_path, restored):
    two = (track(1), track(2, 5, 10, side=20))
    (text,) = describe_films(
        [plain], Invert(), out=tmp_path / "out", tools=tools(*two), progress=False
    )
    assert f"{plain}: 30 frames of 128×96 px, 1 shot" in text
    assert "person 1, face 1, 0:00:00.00 to 0:00:01.16 (30 frames), 48 px: restored" in text
    assert "(10 frames), 20 px: left alone: smaller than 32 px" in text
    assert "30 faces at" in text
    assert not (tmp_path / "out" / "a.mp4").exists()
    finder = Finder([range(30)], list(two))
    restored(plain, found=tools(*two, finder=finder))
    assert not finder.seen


def test_dry_run_says_what_is_missing(plain, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["dicface.methods.method"], "find", lambda name: None)
    method = dicface.methods.create("dicface")
    (text,) = describe_films(
        [plain], method, out=tmp_path / "out", tools=tools(track()), progress=False
    )
    assert "cannot be restored yet: " in text
    assert "not on this machine" in text


def test_missing_weights_are_told_with_the_command(plain, restored, monkeypatch):
    monkeypatch.setattr(sys.modules["dicface.methods.method"], "find", lambda name: None)
    with pytest.raises(MethodError, match=r"cannot restore .*a\.mp4: weights file.*; run `"):
        restored(plain, method=dicface.methods.create("dicface"))


def test_a_mask_is_filled_in(plain, tmp_path, restored):
    mask = np.zeros((96, 128, 3), np.uint8)
    mask[30:40, 40:50] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    result, _ = restored(plain, track(side=48, step=0), mask=tmp_path / "mask.png", lossless=True)
    change = np.abs(frames(result) - frames(plain)).max(axis=(0, 3))
    # Pure white, inverted.
    assert frames(result)[:, 32:38, 42:48].max() < 40
    assert not change[:20].any()
    assert not change[:, 60:].any()


def test_reduced_precision_is_near(plain, restored):
    class Linear(Invert):
        def restore(self, frames, *, clip=""):
            import torch

            weight = torch.eye(SIDE) * 0.5
            for frame in frames:
                assert torch.is_autocast_enabled("cpu") == (len(self.batches) > 0)
                yield (frame @ weight).float()

    exact, _ = restored(plain, method=Linear(), precision="float32", lossless=True)
    near, _ = restored(plain, method=Linear(batches=[1]), precision="bf16", lossless=True, out="b")
    error = np.abs(frames(exact) - frames(near))
    assert 0 < error.max() <= 6


# Bad input: a sentence each, and nothing lost.


def test_a_film_without_a_face(plain, restored, tmp_path):
    with pytest.raises(FaceError, match="found no face in its 30 frames. No film was written"):
        restored(plain, found=tools())
    assert not (tmp_path / "out").exists()
    (text,) = describe_films([plain], Invert(), out=tmp_path, tools=tools(), progress=False)
    assert "  none\n" in text
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_pictures(tmp_path, restored):
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=48000)
        sound = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
        sound.sample_rate = 48000
        out.mux(stream.encode(sound))
        out.mux(stream.encode(None))
    with pytest.raises(ClipError, match="holds no video stream"):
        restored(path)
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.raises(ClipError, match="is no video that can be read"):
        restored(tmp_path / "text.mp4")
    with pytest.raises(ClipError, match="no such file"):
        restored(tmp_path / "none.mp4")


def test_what_is_wrong_with_a_folder_of_frames(tmp_path, restored, caplog):
    (tmp_path / "a").mkdir()
    for number, side in ((0, 64), (1, 64), (3, 32)):
        Image.new("RGB", (64, side)).save(tmp_path / "a" / f"{number}.png")
    with pytest.raises(ClipError, match="frame 2 is 64×32 px, those before it are 64×64 px"):
        restored(tmp_path / "a", track(num=3), shots=[range(3)])
    assert "a: frames 0 to 3 with 1 missing between." in caplog.text


def test_names_that_ffmpeg_takes_for_protocols(plain, restored, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(plain, "rain: part 1.mp4")
    result, _ = restored(Path("rain: part 1.mp4"))
    assert len(frames(result)) == 30


def test_a_film_that_grows(plain, tmp_path, restored):
    film = tmp_path / "a.mp4"
    shutil.copy(plain, film)

    class Growing(Finder):
        def finish(self):
            with film.open("ab") as file:
                file.write(b"more")
            return super().finish()

    with pytest.raises(ClipError, match="was changed while it was read. Wait until it is whole"):
        restored(film, found=tools(track(), finder=Growing([range(30)], [track()])))
    assert restored(film)


def test_a_result_never_takes_the_place_of_something_else(plain, tmp_path, restored):
    film = tmp_path / "a.mp4"
    shutil.copy(plain, film)
    with pytest.raises(ClipError, match="its result would take its place"):
        restored(film, out=".")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.mp4").write_text("precious")
    with pytest.raises(ClipError, match="is there already, and was not made by dicface"):
        restored(film)
    assert (tmp_path / "out" / "a.mp4").read_text() == "precious"


def test_two_films_of_one_name(plain, tmp_path):
    other = tmp_path / "A.mkv"
    shutil.copy(plain, other)
    with pytest.raises(ClipError, match="both results would be named"):
        restore_films([plain, other], Invert(), out=tmp_path / "out", tools=tools(track()))


def test_one_film_that_fails_does_not_stop_the_others(plain, tmp_path):
    other = make_film(tmp_path / "b.mp4", 12)
    found = tools(track(), finder=None)
    with pytest.raises(DicfaceError, match=r"1 of 2 films could not be restored.\n.*b\.mp4"):
        restore_films(
            [other, plain],
            Invert(),
            FilmSettings(faces="1"),
            out=tmp_path / "out",
            tools=_by_length(found, {30: track()}),
            progress=False,
        )
    assert (tmp_path / "out" / "a.mp4").exists()


def _by_length(found, known):
    """Tools whose finder knows films by their number of frames."""

    class ByLength(Finder):
        def finish(self):
            tracks = [known[len(self.seen)]] if len(self.seen) in known else []
            return dataclasses.replace(
                super().finish(), shots=[range(len(self.seen))], tracks=tracks
            )

    return dataclasses.replace(found, finder=lambda log: ByLength([], []))


def test_a_mask_of_another_size(plain, tmp_path, restored):
    Image.new("RGB", (64, 64), "white").save(tmp_path / "mask.png")
    with pytest.raises(ClipError, match="the mask is 64×64 px, the film's pictures are 128×96 px"):
        restored(plain, mask=tmp_path / "mask.png")
    Image.new("RGB", (128, 96)).save(tmp_path / "black.png")
    with pytest.raises(ClipError, match="the mask is black"):
        restored(plain, mask=tmp_path / "black.png")
    with pytest.raises(ClipError, match=r"none\.png: is no image that can be read"):
        restored(plain, mask=tmp_path / "none.png")
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match="a mask is for inpainting"):
        restored(plain, method=Invert(), mask=tmp_path / "mask.png")


def test_an_unknown_person(plain, restored):
    with pytest.raises(ClipError, match="found no person 3, 7 in it; expected numbers from 1 to 1"):
        restored(plain, faces="3,1,7")


def test_a_full_disk(plain, restored, short_segments, monkeypatch, tmp_path):
    add, count = film_writer.PartWriter.add, [0]

    def full(self, picture):
        count[0] += 1
        if count[0] == 25:
            raise OSError(errno.ENOSPC, "No space left on device")
        add(self, picture)

    monkeypatch.setattr(film_writer.PartWriter, "add", full)
    with pytest.raises(DicfaceError, match="the disk is full. What is finished is kept"):
        restored(plain)
    segments = sorted(p.name for p in (tmp_path / "out/.a.parts/segments").iterdir() if p.is_dir())
    assert segments == ["00000", "00001", "00002.part"]
    assert restored(plain)
    assert count[0] == 25 + 10


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"faces": "both"}, "faces: found 'both'"),
        ({"strength": 2}, "strength: found 2; expected a number from 0 to 1"),
        ({"upscale": 9}, "upscale: found 9"),
        ({"lossless": True, "ten_bit": True}, "found both lossless and ten_bit"),
        ({"min_face": 100, "max_face": 50}, "no face is both"),
        ({"precision": "int8"}, "precision: found 'int8'"),
        ({"preview": -1.0}, "preview: found -1.0; expected seconds from 0"),
    ],
)
def test_wrong_settings(settings, said):
    with pytest.raises(ConfigError, match=said):
        FilmSettings(**settings)


def test_from_python(plain, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "default_tools", lambda settings, task: tools(track()))
    result, _ = dicface.restore(plain, "input", film=dicface.FilmSettings(), out=tmp_path / "out")
    assert result == tmp_path / "out" / "a.mp4"
    with pytest.raises(ClipError, match="expected the path of a video"):
        dicface.restore(np.zeros((1, 8, 8, 3), np.uint8), "input", film=dicface.FilmSettings())
    with pytest.raises(MethodError, match="expected a name"):
        dicface.restore(np.zeros((1, 8, 8, 3), np.uint8))


def test_pasters_get_frames_before_a_segment(plain, restored, short_segments):
    first = []

    class Recording(Paster):
        def __init__(self, track):
            super().__init__(track)
            first.append([])

        def observe(self, aligned_input, restored, frame_index):
            first[-1].append(frame_index)
            super().observe(aligned_input, restored, frame_index)

    found = dataclasses.replace(tools(track()), paster=Recording)
    restored(plain, found=found)
    assert [each[0] for each in first] == [0, 6, 16]
    assert [each[-1] for each in first] == [9, 19, 29]
