"""What is around the restored faces: times, other streams, the form and colours of pictures."""

import itertools
from fractions import Fraction
from functools import partial

import av
import numpy as np
import pytest

from dicface.video.clips import read_frames
from dicface.video.films import look_at, read_pictures
from dicface.video.planes import planes_of
from tests.restoring.film.films import make_film, packets, still, times_of
from tests.restoring.film.simple import track


def described(path):
    """Type, codec, language, title and disposition of all streams but chapters' own."""
    with av.open(str(path)) as container:
        streams = [s for s in container.streams if s.type != "data"]
        return [
            (
                s.type,
                s.codec_context.name if s.codec_context else s.metadata.get("filename"),
                s.metadata.get("language"),
                s.metadata.get("title", s.metadata.get("name")),
                s.disposition,
            )
            for s in streams
        ]


def chapters(path):
    with av.open(str(path)) as container:
        return [
            (float(c["start"] * c["time_base"]), float(c["end"] * c["time_base"]), c["metadata"])
            for c in container.chapters()
        ]


def planes(path):
    """All planes of all pictures as they are coded, upright."""
    return [
        [p.copy() for p in planes_of(picture.frame)] for picture in read_pictures(look_at(path))
    ]


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("a.mp4", {"subtitles": "mov_text"}),
        ("a.mkv", {"subtitles": "subrip", "attachment": True, "time_base": Fraction(1, 1000)}),
    ],
)
def test_all_other_streams_are_kept_packet_for_packet(tmp_path, restored, name, facts):
    film = make_film(tmp_path / name, sound=2, chapters=True, **facts)
    result, readme = restored(film)
    assert result.name == name
    assert described(result) == described(film)
    assert packets(result) == packets(film)
    assert len(packets(film)) == 3
    assert chapters(result) == chapters(film)
    assert chapters(film)[1][2]["title"] == "chapter 1"
    with av.open(str(result)) as container:
        said = {key.lower(): text for key, text in container.metadata.items()}
    assert said["title"] == "A film"
    assert said["comment"].startswith("said before\n")
    assert "Invert" in said["comment"]
    assert "no evidence of who a person is" in said["comment"]
    assert "Licence of the weights: none" in readme.read_text(encoding="utf-8")


def test_what_mp4_cannot_hold_goes_to_mkv_and_that_is_said(tmp_path, restored, caplog):
    film = make_film(tmp_path / "a.mkv", 8, subtitles="subrip", sound=1)
    result, _ = restored(film, track(num=8), shots=[range(8)])
    assert result.suffix == ".mkv"
    assert "a.mkv is MKV, for MP4 does not hold all of its streams" in caplog.text
    plain = make_film(tmp_path / "b.mkv", 8, sound=1)
    assert restored(plain, track(num=8), shots=[range(8)])[0].suffix == ".mp4"


@pytest.mark.parametrize("start", [0, 1000])
@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_times_of_frames_are_kept(tmp_path, restored, short_segments, suffix, start):
    steps = itertools.accumulate(512 + 77 * (n % 3) + 5000 * (n == 20) for n in range(29))
    times = [start, *(start + step for step in steps)]
    film = make_film(tmp_path / f"a.{suffix}", times=times, sound=1)
    result, _ = restored(film)
    # The film's own muxer counts the delay at its start in milliseconds.
    assert abs(times_of(film)[0] - Fraction(start, 12800)) < Fraction(1, 1000)
    assert times_of(result) == times_of(film)
    assert packets(result) == packets(film)


def test_times_in_milliseconds_are_kept(tmp_path, restored):
    film = make_film(
        tmp_path / "a.mkv", times=[40 * n + n % 2 for n in range(30)], time_base=Fraction(1, 1000)
    )
    result, _ = restored(film)
    assert times_of(result) == times_of(film)


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_rotated_films_become_upright(tmp_path, restored, rotation):
    film = make_film(tmp_path / "a.mp4", 6, rotation=rotation)
    at = (8, 8) if rotation == 180 else (8, 30)
    result, _ = restored(film, track(num=6, at=at, step=0), shots=[range(6)], lossless=True)
    with av.open(str(result)) as container:
        frame = next(container.decode(video=0))
        assert frame.rotation == 0
        assert (frame.width, frame.height) == ((128, 96) if rotation == 180 else (96, 128))
    for before, after in zip(planes(film), planes(result), strict=True):
        same = before[0] == after[0]
        assert same[:4].all()
        assert same[-10:].all()
        assert not same[at[1] + 10 : at[1] + 40, at[0] + 10 : at[0] + 40].all()
    upright = np.stack(list(read_frames(film))).astype(int)
    assert np.abs(upright - np.stack(list(read_frames(result))))[:, :4].mean() < 4


def test_aspect_and_colours_are_kept(tmp_path, restored):
    tags = {"colorspace": 1, "color_primaries": 1, "color_trc": 1, "color_range": 1}
    film = make_film(tmp_path / "a.mp4", 6, aspect=Fraction(4, 3), tags=tags)
    for lossless in (False, True):
        result, _ = restored(
            film,
            track(num=6),
            shots=[range(6)],
            lossless=lossless,
            out=f"out{lossless}",
        )
        with av.open(str(result)) as container:
            stream = container.streams.video[0]
            frame = next(container.decode(stream))
            assert stream.sample_aspect_ratio == Fraction(4, 3)
            assert {tag: getattr(frame, tag) for tag in tags} == tags


def test_colours_that_the_size_told_are_named_where_the_size_changes(tmp_path, restored):
    """From 1280 px on players and readers take BT.709 for what says nothing."""
    film = make_film(tmp_path / "a.mp4", 2, sides=(96, 640))
    both, _ = restored(film, track(num=2), shots=[range(2)], side_by_side=True, lossless=True)
    same, _ = restored(film, track(num=2), shots=[range(2)], lossless=True, out="b")
    assert look_at(both).num_frames == 2
    left, whole = (next(read_frames(path))[:, :600].astype(int) for path in (both, film))
    assert np.abs(left - whole).max() <= 2
    with av.open(str(both)) as one, av.open(str(same)) as other:
        tags = [int(each.streams.video[0].codec_context.colorspace) for each in (one, other)]
    assert tags == [5, 2]


def test_bits_and_transparency_that_are_lost_are_said(tmp_path):
    deep = make_film(tmp_path / "a.mkv", 1, codec="ffv1", layout="gbrp10le")
    clear = make_film(tmp_path / "b.mkv", 1, codec="ffv1", layout="yuva420p")
    assert look_at(deep).remarks == ("its 10 bits a channel become 8",)
    assert look_at(clear).remarks == ("its transparency is left out",)


def test_h264_plays_everywhere_and_has_odd_sides_padded(tmp_path, restored):
    film = make_film(tmp_path / "a.mkv", 6, sides=(97, 129), layout="yuv444p", codec="ffv1")
    result, _ = restored(film, track(num=6), shots=[range(6)])
    with av.open(str(result)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == (130, 98)
        assert stream.codec_context.profile == "High"


def test_ten_bits_stay_ten_bits(tmp_path, restored):
    film = make_film(tmp_path / "a.mkv", 6, layout="yuv420p10le", codec="ffv1")
    faceless = track(first=3, num=3)
    result, _ = restored(film, faceless, shots=[range(6)], lossless=True)
    for before, after in zip(planes(film)[:3], planes(result)[:3], strict=True):
        assert before[0].max() > 255
        assert all((b == a).all() for b, a in zip(before, after, strict=True))
    result, _ = restored(film, faceless, shots=[range(6)], ten_bit=True, out="ten")
    with av.open(str(result)) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p10le"
    assert np.abs(planes(film)[0][0] - planes(result)[0][0].astype(float)).mean() < 12


@pytest.mark.parametrize(
    "layout", ["yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuv420p10le", "bgr0"]
)
def test_what_is_not_a_face_keeps_its_bits(tmp_path, restored, layout):
    codec = "mjpeg" if layout.startswith("yuvj") else "ffv1"
    film = make_film(tmp_path / "a.mkv", 6, layout=layout, codec=codec)
    face = track(num=4, at=(20, 12), side=48, step=0)
    result, _ = restored(film, face, shots=[range(6)], lossless=True)
    assert result.suffix == (".mkv" if layout == "bgr0" else ".mp4")
    for number, (before, after) in enumerate(zip(planes(film), planes(result), strict=True)):
        luma = before[0] == after[0]
        luma = luma.all(axis=2) if layout == "bgr0" else luma
        assert luma[:10].all()
        assert luma[64:].all()
        assert luma[:, 72:].all()
        assert luma[20:50, 30:60].all() == (number >= 4)
        if number >= 4:
            assert all((b == a).all() for b, a in zip(before, after, strict=True))


def test_what_is_pasted_is_what_the_method_made(tmp_path, restored):
    film = make_film(tmp_path / "a.mkv", 6, layout="yuv444p", codec="ffv1")
    result, _ = restored(
        film,
        track(num=6, at=(20, 12), side=40, step=0),
        shots=[range(6)],
        lossless=True,
    )
    before, after = (np.stack(list(read_frames(path))) for path in (film, result))
    inside = (slice(None), slice(14, 42), slice(22, 50))
    error = np.abs(after[inside].astype(float) - (255 - before[inside].astype(float)))
    # The paster of these tests takes the mean change of five frames, of noise and a moving square.
    assert error[0].mean() < 3


def test_pictures_are_near_to_a_plain_encoding(tmp_path, restored):
    film = make_film(tmp_path / "a.mp4", pictures=partial(still, name="clean"))
    result, _ = restored(film, track(num=10))
    plain = tmp_path / "plain.mp4"
    with av.open(str(film)) as source, av.open(str(plain), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": "16"})
        stream.width, stream.height = 128, 96
        for frame in source.decode(video=0):
            frame.pict_type = 0
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    for before, after in list(zip(planes(plain), planes(result), strict=True))[10:]:
        error = np.mean((before[0].astype(float) - after[0]) ** 2)
        assert 10 * np.log10(255**2 / error) > 45


def test_a_folder_of_frames_becomes_a_film(tmp_path, restored):
    from PIL import Image

    folder = tmp_path / "frames"
    folder.mkdir()
    for number, rgb in enumerate(read_frames(make_film(tmp_path / "a.mp4", 6))):
        Image.fromarray(rgb).save(folder / f"{number:04}.png")
    result, _ = restored(folder, track(num=6), shots=[range(6)])
    assert result.name == "frames.mp4"
    assert times_of(result) == [Fraction(n, 25) for n in range(6)]
    exact, _ = restored(folder, track(first=3, num=3), shots=[range(6)], lossless=True, out="b")
    for number, (before, after) in enumerate(
        zip(read_frames(folder), read_frames(exact), strict=True)
    ):
        assert (before == after).all() == (number < 3)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.h264", "a.avi"])
def test_reading_begins_in_the_middle(tmp_path, name):
    film = look_at(make_film(tmp_path / name, 30, time_base=Fraction(1, 25)))
    everything = list(read_pictures(film))
    assert len(everything) == 30
    for number in (0, 13, 29):
        rest = list(read_pictures(film, everything[number].pts))
        assert [p.pts for p in rest] == [p.pts for p in everything[number:]]
        for one, other in zip(rest, everything[number:], strict=True):
            assert (planes_of(one.frame)[0] == planes_of(other.frame)[0]).all()


def test_interlaced_films_lose_their_combs_and_that_is_said(tmp_path, restored, caplog):
    rows = np.arange(96)[:, None, None] % 2

    def woven(number, sides):
        """Two fields, half a frame's motion apart."""
        odd, even = (still(n, sides, "clean") for n in (2 * number, 2 * number + 1))
        return np.where(rows == 0, odd, even)

    options = {"x264-params": "tff=1", "crf": "5"}
    film = make_film(tmp_path / "a.mp4", 8, pictures=woven, options=options)
    result, _ = restored(film, track(first=4, num=4), shots=[range(8)], lossless=True)
    assert "it is interlaced; its frames are deinterlaced" in caplog.text
    assert times_of(result) == times_of(film)
    for before, after in list(zip(read_frames(film), read_frames(result), strict=True))[:4]:
        assert np.abs(before.astype(int) - after).max() <= 2
    with av.open(str(result)) as container:
        assert not next(container.decode(video=0)).interlaced_frame
