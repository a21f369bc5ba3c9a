"""What a file may be: every reader of the package sees it as players and viewers show it."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from dicface.video.turn import Turn
from tests.video._files import (
    RGB,
    frames_by_reader,
    pictures,
    sizes_by_reader,
    smooth,
    video,
)

Made = tuple[Path, np.ndarray, float]
"""A clip, what every reader must give, and the mean difference allowed, grey levels."""

TURNS = [
    Turn(transposed=t, mirrored=m, flipped=f) for t, m, f in itertools.product((0, 1), repeat=3)
]


def matrix_of(turn: Turn) -> list[int]:
    x, y = (-1 if turn.mirrored else 1), (-1 if turn.flipped else 1)
    corner = [0, y, x, 0] if turn.transposed else [x, 0, 0, y]
    a, b, c, d = (value << 16 for value in corner)
    return [a, b, 0, c, d, 0, 0, 0, 1 << 30]


def turned(turn: Turn, suffix: str = ".mp4") -> Callable[[Path], Made]:
    def make(folder: Path) -> Made:
        frames = smooth()
        coded = [turn.undo(frame) for frame in frames]
        path = video(
            folder / f"a{suffix}", coded, set_up=lambda s: s.set_display_matrix(matrix_of(turn))
        )
        return path, frames, 0

    return make


def with_sound(folder: Path) -> Made:
    frames = smooth()
    return video(folder / "a.mkv", frames, sound_s=2), frames, 0


def at_varying_times(folder: Path) -> Made:
    frames = smooth(8)
    times = [0, 33, 67, 100, 300, 500, 700, 1400]
    return video(folder / "a.mkv", frames, times_ms=times), frames, 0


def trimmed(folder: Path) -> Made:
    """An edit list hides the first frames."""
    frames, hidden = smooth(20), 7
    coder = (RGB[0], RGB[1], {**RGB[2], "g": "250", "bf": "0"})
    whole = video(folder.parent / "whole.mp4", frames, coder)
    path = folder / "a.mp4"
    folder.mkdir(exist_ok=True)
    with av.open(str(whole)) as source, av.open(str(path), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is not None:
                shift = round(hidden / 25 / stream.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, copy
                target.mux(packet)
    return path, frames[hidden:], 0


def wide_pixels(folder: Path) -> Made:
    frames = smooth(height=48, width=32)

    def set_up(stream: av.VideoStream) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(2)

    wide = np.stack([cv2.resize(f, (64, 48), interpolation=cv2.INTER_CUBIC) for f in frames])
    return video(folder / "a.mkv", frames, set_up=set_up), wide, 1.5


def of_ten_bits(folder: Path) -> Made:
    frames = smooth()
    return video(folder / "a.mkv", frames, ("ffv1", "yuv444p10le", {})), frames, 1


def grey(folder: Path) -> Made:
    frames = np.repeat(smooth()[..., :1], 3, axis=3)
    return video(folder / "a.mkv", frames, ("ffv1", "gray", {})), frames, 0


def deep_grey(folder: Path) -> Made:
    frames = np.repeat(smooth()[..., :1], 3, axis=3)
    return video(folder / "a.mkv", frames, ("ffv1", "gray16le", {})), frames, 0.6


def of_sixteen_bits(folder: Path) -> Made:
    frames = smooth()
    return video(folder / "a.mkv", frames, ("ffv1", "gbrp16le", {})), frames, 0.6


def see_through_video(folder: Path) -> Made:
    frames = smooth()
    return video(folder / "a.mkv", frames, ("ffv1", "bgra", {})), frames, 0


def animation(folder: Path) -> Made:
    """A GIF, of few colours."""
    frames = smooth() // 128 * 255
    shown = [Image.fromarray(frame) for frame in frames]
    folder.mkdir()
    shown[0].save(folder / "a.gif", save_all=True, append_images=shown[1:], duration=40)
    return folder / "a.gif", frames, 0


def without_times(folder: Path) -> Made:
    frames = smooth()
    return video(folder / "a.h264", frames), frames, 0


def photographs(suffix: str) -> Callable[[Path], Made]:
    """Two EXIF orientations, as a phone that is turned writes them."""

    def make(folder: Path) -> Made:
        frames = smooth(2)
        (folder / "a").mkdir(parents=True)
        stored = (6, Image.Transpose.ROTATE_90), (5, Image.Transpose.TRANSPOSE)
        for number, (orientation, how) in enumerate(stored):
            exif = Image.Exif()
            exif[274] = orientation
            picture = Image.fromarray(frames[number]).transpose(how)
            options = {"quality": 100} if suffix == ".jpg" else {}
            picture.save(folder / "a" / f"{number}{suffix}", exif=exif, **options)
        return folder / "a", frames, 1.5 if suffix == ".jpg" else 0

    return make


def deep_pictures(folder: Path) -> Made:
    """16-bit colours in PNG and TIFF, 16-bit grey in PNG and PGM."""
    frames = smooth(4)
    frames[2:] = frames[2:, ..., :1]
    (folder / "a").mkdir(parents=True)
    for number, suffix in enumerate((".png", ".tif", ".png", ".pgm")):
        deep = frames[number].astype(np.uint16) * 257
        deep = deep[..., 0] if number > 1 else deep[..., ::-1]
        cv2.imwrite(str(folder / "a" / f"{number}{suffix}"), np.ascontiguousarray(deep))
    return folder / "a", frames, 0


def plain_pictures(mode: str, suffix: str) -> Callable[[Path], Made]:
    def make(folder: Path) -> Made:
        frames = smooth()
        (folder / "a").mkdir(parents=True)
        shown = []
        for number, frame in enumerate(frames):
            picture = Image.fromarray(frame).convert(mode)
            if mode in ("RGBA", "LA"):
                picture.putalpha(Image.fromarray(frame[..., 0] // 200 * 255))
            options = {"lossless": True, "exact": True} if suffix == ".webp" else {}
            picture.save(folder / "a" / f"{number}{suffix}", **options)
            shown.append(np.asarray(picture.convert("RGB")))
        return folder / "a", np.stack(shown), 0

    return make


def with_twins(folder: Path) -> Made:
    frames = smooth()
    made = pictures(folder / "a", frames)
    for number in range(len(frames)):
        (made / f"._{number:04d}.png").write_bytes(b"\0\5\x16\7".ljust(4096, b"\0"))
    return made, frames, 0


def unpadded(folder: Path) -> Made:
    frames = smooth(12)
    return pictures(folder / "a", frames, "take 2 frame {}.png"), frames, 0


def named_in_japanese(folder: Path) -> Made:
    frames = smooth()
    name = unicodedata.normalize("NFC", "ビデオ")
    return (
        pictures(folder / name, frames, unicodedata.normalize("NFD", "フレーム{}.png")),
        frames,
        0,
    )


KINDS: dict[str, Callable[[Path], Made]] = {
    **{f"turn {number}": turned(turn) for number, turn in enumerate(TURNS)},
    "turned mov": turned(TURNS[5], ".mov"),
    "turned mkv": turned(TURNS[6], ".mkv"),
    **{f"turned {suffix}": photographs(suffix) for suffix in (".jpg", ".png", ".tif")},
    **{f"{mode} {suffix}": plain_pictures(mode, suffix) for mode, suffix in (
        ("RGB", ".webp"), ("RGB", ".bmp"), ("RGB", ".tif"), ("RGB", ".ppm"), ("RGB", ".tga"),
        ("RGBA", ".png"), ("RGBA", ".webp"), ("LA", ".png"), ("L", ".png"), ("P", ".png"),
        ("1", ".png"), ("RGB", ".jp2"),
    )},
    **{make.__name__.replace("_", " "): make for make in (
        with_sound, at_varying_times, trimmed, wide_pixels, of_ten_bits, of_sixteen_bits, grey,
        deep_grey, see_through_video, animation, without_times, deep_pictures, with_twins,
               unpadded, named_in_japanese,
    )},
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_reader_sees_the_same_clip(kind: str, tmp_path: Path) -> None:
    path, expected, allowed = KINDS[kind](tmp_path / "in")
    for reader, frames in frames_by_reader(path, len(expected)).items():
        assert frames.shape == expected.shape, reader
        apart = np.abs(frames.astype(int) - expected.astype(int)).mean()
        assert apart <= allowed, (reader, apart)
    for reader, size in sizes_by_reader(path, tmp_path / "out").items():
        assert size == expected.shape[:3], reader
