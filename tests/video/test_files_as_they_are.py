"""Colours, times, combs and damage: what a file says, what it lacks, and what is said of it."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from dicface.base.errors import ClipError, DamagedClipError
from dicface.data.datasets.check import check
from dicface.data.datasets.layouts import read_layout
from dicface.metrics.matching import match_folders
from dicface.video.clips import frame_rate, list_clips, probe, read_frames, write_clip
from dicface.video.formats import passed_over
from dicface.video.sources import look, read_at, remarks
from dicface.video.videos import decode, video_facts
from tests.video._files import frames_by_reader, pictures, smooth, video

WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}
TAGS = {"bt601": 6, "bt709": 1, "bt2020": 9}
READERS = (lambda p: list(read_frames(p)), lambda p: read_at(p, [0]), look, probe)


def coded(
    path: Path, picture: np.ndarray, matrix: str, *, full: bool, pix_fmt: str, tagged: bool = True
) -> Path:
    """Two frames of a picture as YUV that is computed here, chroma averaged between its samples."""
    red, blue = WEIGHTS[matrix]
    r, g, b = np.moveaxis(picture / 255, -1, 0)
    luma = red * r + (1 - red - blue) * g + blue * b
    bits = 10 if "10" in pix_fmt else 8
    top, unit = 2**bits - 1, 2 ** (bits - 8)
    planes = [luma * top if full else unit * (16 + 219 * luma)]
    for chroma in ((b - luma) / (2 - 2 * blue), (r - luma) / (2 - 2 * red)):
        if "420" in pix_fmt:  # The samples lie at the left, half-way between two rows.
            beside = np.pad(chroma, ((0, 0), (1, 1)), "edge")
            chroma = (beside[:, :-2] + 2 * chroma + beside[:, 2:])[:, ::2] / 4
            chroma = (chroma[::2] + chroma[1::2]) / 2
        planes.append((top + 1) / 2 + chroma * top if full else unit * (128 + 224 * chroma))
    height, width = picture.shape[:2]
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        frame = av.VideoFrame(width, height, pix_fmt)
        for plane, values in zip(frame.planes, planes, strict=True):
            kind = "<u2" if bits > 8 else "u1"
            rows = np.zeros((plane.height, plane.line_size // np.dtype(kind).itemsize), kind)
            rows[:, : values.shape[1]] = np.clip(np.round(values), 0, top)
            plane.update(rows.tobytes())
        for each in (stream.codec_context, frame) if tagged else ():
            each.colorspace, each.color_range = TAGS[matrix], 2 if full else 1
        for number in range(2):
            frame.pts = number
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv420p10le"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", WEIGHTS)
def test_colours_are_those_that_were_coded(
    matrix: str, full: bool, pix_fmt: str, tmp_path: Path
) -> None:
    photo = astronaut()[:128, 160:320]
    path = coded(tmp_path / "a.mkv", photo, matrix, full=full, pix_fmt=pix_fmt)
    for reader, frames in frames_by_reader(path, 2).items():
        apart = frames.astype(float) - photo
        assert np.abs(apart.mean((0, 1, 2))).max() < 0.5, reader
        # 4:2:0 loses colour at edges; with repeated instead of interpolated chroma it is below 36.
        psnr = 10 * np.log10(255**2 / (apart**2).mean())
        assert psnr > (37 if "420" in pix_fmt else 50), (reader, psnr)


@pytest.mark.parametrize(
    ("width", "height", "matrix"),
    [(64, 48, "bt601"), (720, 576, "bt601"), (1280, 720, "bt709"), (608, 1080, "bt709")],
)
def test_a_video_that_says_no_matrix_is_read_by_its_size(
    width: int, height: int, matrix: str, tmp_path: Path
) -> None:
    photo = np.tile(np.uint8([200, 120, 90]), (height, width, 1))
    path = coded(tmp_path / "a.mkv", photo, matrix, full=False, pix_fmt="yuv444p", tagged=False)
    facts = video_facts(path)
    assert (facts.colour.matrix, facts.colour.tagged) == (matrix, False)
    assert np.abs(next(read_frames(path)).astype(int) - photo).max() <= 1


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_refused_with_what_to_do(transfer: int, name: str, tmp_path: Path) -> None:
    def set_up(stream: av.VideoStream) -> None:
        stream.codec_context.color_trc = transfer

    path = video(tmp_path / "a.mkv", smooth(2), ("ffv1", "yuv420p10le", {}), set_up=set_up)
    assert video_facts(path).colour.hdr.startswith(name)
    for read in READERS:
        with pytest.raises(ClipError, match=rf"a\.mkv: .*HDR screens \({name}.*Tone-map it"):
            read(path)


def woven(num_frames: int) -> np.ndarray:
    """Each frame of two fields, half a frame's motion apart."""
    photo = astronaut()[:128, 160:320]
    fields = [np.roll(photo, 8 * number, axis=1) for number in range(2 * num_frames)]
    frames = np.stack(fields[::2])
    frames[:, 1::2] = np.stack(fields[1::2])[:, 1::2]
    return frames


def combing(frame: np.ndarray) -> float:
    grey = frame.astype(float).mean(axis=2)
    return np.abs(np.diff(grey, axis=0)).mean() / np.abs(grey[2:] - grey[:-2]).mean()


@pytest.mark.parametrize(
    "coder",
    [
        ("libx264", "yuv420p", {"x264-params": "tff=1", "crf": "5", "g": "3"}),
        ("mpeg2video", "yuv420p", {"flags": "+ildct+ilme", "b": "20M", "top": "1", "g": "3"}),
    ],
)
def test_interlaced_frames_are_deinterlaced_for_every_reader(coder: tuple, tmp_path: Path) -> None:
    path = video(tmp_path / "a.mkv", woven(8), coder)
    assert combing(woven(8)[2]) > 1.2
    assert "interlaced" in " ".join(remarks(path))
    frames = frames_by_reader(path, 8)
    assert max(combing(frame) for frame in frames["clips"]) < 0.8
    for reader, found in frames.items():
        np.testing.assert_array_equal(found, frames["clips"], err_msg=reader)


def test_an_ordinary_clip_has_no_remark(tmp_path: Path) -> None:
    coder = ("libx264", "yuv420p", {})
    assert remarks(video(tmp_path / "a.mp4", smooth(), coder)) == []
    assert remarks(write_clip(tmp_path / "b.mkv", smooth(), 25).path) == []
    assert remarks(pictures(tmp_path / "c", smooth())) == []


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_varying_rate_is_its_mean_and_said(suffix: str, tmp_path: Path) -> None:
    times = [round(1000 * n / 30) for n in range(30)] + [1000 + 100 * n for n in range(30)]
    coder = ("libx264", "yuv420p", {"bf": "2"})
    path = video(tmp_path / f"a{suffix}", smooth(60), coder, times_ms=times)
    facts = video_facts(path)
    assert (facts.num_frames, facts.variable, facts.num_missing) == (60, True, 0)
    assert 60 / float(frame_rate(path)) == pytest.approx(4, abs=0.1)
    seconds = (facts.times - facts.times[0]) * float(facts.time_base)
    assert seconds == pytest.approx(np.array(times) / 1000, abs=0.001)
    assert [time for time, _ in decode(path)] == facts.times.tolist()
    assert "variable" in remarks(path)[0]
    assert frame_rate(write_clip(tmp_path / "b.mkv", smooth(), Fraction(24000, 1001)).path) == (
        pytest.approx(Fraction(24000, 1001), abs=1e-4)
    )


def test_reading_from_a_time_on_gives_the_same_frames(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", smooth(30), ("libx264", "yuv420p", {"g": "8", "bf": "3"}))
    whole = list(decode(path))
    for first in (0, 1, 8, 11, 29):
        part = list(decode(path, start=whole[first][0]))
        assert [time for time, _ in part] == [time for time, _ in whole[first:]]
        np.testing.assert_array_equal(part[0][1], whole[first][1])
    assert list(decode(path, start=whole[-1][0] + 1)) == []


# --- what is damaged or cut short ---------------------------------------------------------------


def packets_of(path: Path) -> list[tuple[int, int]]:
    """Place and size of every coded frame in a file, bytes."""
    with av.open(str(path)) as file:
        return [(packet.pos, packet.size) for packet in file.demux(video=0) if packet.size]


CODERS = {
    "ffv1.mkv": ("ffv1", "bgr0", {}),
    "mjpeg.mov": ("mjpeg", "yuvj420p", {}),
    "h264.mp4": ("libx264", "yuv420p", {"bf": "0"}),
    "h264.mkv": ("libx264", "yuv420p", {"bf": "0"}),
    "mjpeg.avi": ("mjpeg", "yuvj420p", {}),
}


@pytest.mark.parametrize("kept", [12, 19])
@pytest.mark.parametrize(
    ("kind", "sound_s"), [*((kind, 0) for kind in CODERS), ("ffv1.mkv", 3), ("mjpeg.mov", 3)]
)
def test_a_cut_file_is_named_by_every_reader(
    kind: str, sound_s: float, kept: int, tmp_path: Path
) -> None:
    start = {"movflags": "+faststart"} if kind.endswith(("mov", "mp4")) else {}
    path = video(tmp_path / kind, smooth(20), CODERS[kind], sound_s=sound_s, container=start)
    assert look(path).num_frames == len(list(read_frames(path))) == 20
    places = packets_of(path)
    path.write_bytes(path.read_bytes()[: places[kept][0]])
    for read in (lambda p: list(read_frames(p)), probe, look):
        with pytest.raises(DamagedClipError, match=r"announces 2[01]\b.*truncated"):
            read(path)


@pytest.mark.parametrize("kind", ["ffv1.mkv", "h264.mp4"])
def test_damaged_frames_are_counted(kind: str, tmp_path: Path) -> None:
    path = video(tmp_path / kind, smooth(20), CODERS[kind])
    content = bytearray(path.read_bytes())
    for place, size in packets_of(path)[7:9]:
        middle = place + size // 2
        content[middle : middle + 8] = bytes(byte ^ 255 for byte in content[middle : middle + 8])
    path.write_bytes(content)
    with pytest.raises(DamagedClipError, match="of its 20 frames are damaged, first frame 7"):
        probe(path)
    assert len(list(decode(path, strict=False))) == 20


# --- folders of pictures ------------------------------------------------------------------------


@pytest.mark.parametrize(("one", "other"), [("0000.png", "0000.jpg"), ("1.png", "01.png")])
def test_one_frame_twice_is_refused_by_every_reader(one: str, other: str, tmp_path: Path) -> None:
    folder = tmp_path / "clips" / "a"
    folder.mkdir(parents=True)
    for name in (one, other, "0002.png"):
        Image.fromarray(smooth()[0]).save(folder / name)
    for read in READERS:
        with pytest.raises(ClipError, match="are one frame twice. Expected one file a frame"):
            read(folder)
    report = check(read_layout("vfhq_train", tmp_path), progress=False)
    assert "one frame twice" in report.as_text()
    assert "one frame twice" in match_folders_error(tmp_path / "clips")
    assert list_clips(tmp_path / "clips") == {"a": folder}


def match_folders_error(truth: Path) -> str:
    with pytest.raises(Exception, match="none of its") as error:
        match_folders(truth, truth)
    return str(error.value)


def test_gaps_and_formats_that_are_not_read_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = pictures(tmp_path / "clips" / "a", smooth())
    (folder / "0002.png").rename(folder / "0002.heic")
    assert remarks(folder) == [
        "frames 0 to 4 with 1 missing between",
        "passed over: 1 file of formats that are not read: 0002.heic",
    ]
    with pytest.raises(ClipError, match="1 missing between"):
        look(folder)
    (tmp_path / "clips" / "b.heic").write_bytes(b"x")
    (tmp_path / "clips" / "c").mkdir()
    (tmp_path / "clips" / "c" / "notes.txt").write_text("")
    assert passed_over(tmp_path / "clips") == ["b.heic", "c"]
    assert "b.heic" in check(read_layout("vfhq_train", tmp_path), progress=False).as_text()
    with caplog.at_level(logging.WARNING):
        match_folders(tmp_path / "clips", tmp_path / "clips", whole_frames=True)
    assert "passed over, as no clips that are read: b.heic, c" in caplog.text
    assert "1 missing between" in caplog.text


def test_frames_that_are_transparent_are_said(tmp_path: Path) -> None:
    for name, alpha in (("opaque", 255), ("clear", 100)):
        (tmp_path / name).mkdir()
        Image.new("RGBA", (4, 4), (1, 2, 3, alpha)).save(tmp_path / name / "0000.png")
    assert remarks(tmp_path / "opaque") == []
    (said,) = remarks(tmp_path / "clear")
    assert said == "is transparent in parts, and its colours are taken as they are stored"


@pytest.mark.parametrize("suffix", [".png", ".webp", ".gif"])
def test_a_frame_is_one_picture(suffix: str, tmp_path: Path) -> None:
    shown = [Image.fromarray(frame) for frame in smooth()]
    path = tmp_path / f"0{suffix}"
    shown[0].save(path, save_all=True, append_images=shown[1:])
    if suffix == ".gif":
        assert len(list(read_frames(path))) == 5
        return
    with pytest.raises(ClipError, match="holds 5 pictures; expected one a file"):
        next(read_frames(tmp_path))


def test_values_of_no_known_range_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "0.tif")
    with pytest.raises(ClipError, match="mode F .*Expected 8 or 16 bits"):
        next(read_frames(tmp_path))


def test_names_of_lists_fit_however_a_system_spells_them(tmp_path: Path) -> None:
    pictures(tmp_path / "frames" / "Zoe\N{COMBINING DIAERESIS}", smooth())
    (tmp_path / "meta_info.txt").write_text("a/Zo\N{LATIN SMALL LETTER E WITH DIAERESIS}/5\n")
    layout = read_layout("vfhq_train", tmp_path)
    assert (layout.missing, layout.num_expected) == ((), 1)
    assert not check(layout, progress=False).must_be_fixed
