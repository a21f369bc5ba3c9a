"""Text files beside the clips: VFHQ's meta files, and the release's landmarks and clip lists."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import ClipError, FaceError
from dicface.base.files import atomic_path

_NUMBERS_A_FRAME = 10


@dataclass(frozen=True, kw_only=True)
class ClipMeta:
    """The header of a VFHQ meta file.

    Attributes:
        height: Height of the source frame, px.
        width: Width of the source frame, px.
        fps: Frames a second of the clip.
        crop: The face's square in the source frame: x0, y0, x1, y1, px.
        num_frames: Number of lines of landmarks that follow the header; 0 if none do.
    """

    height: int
    width: int
    fps: Fraction
    crop: tuple[int, int, int, int]
    num_frames: int


def read_meta(path: Path) -> ClipMeta:
    """Reads a VFHQ meta file `<clip>.txt`.

    The header's lines start with H, W, FPS (their value is the last token) and CROP (last four
    tokens). Lines that hold at least ten numbers and nothing else are counted as frames.

    Raises:
        ClipError: It cannot be read, or the header lacks a line.
    """
    values: dict[str, list[str]] = {}
    num_frames = 0
    try:
        lines = path.read_text().splitlines()
        for line in lines:
            tokens = line.replace(",", " ").split()
            key = tokens[0].rstrip(":").upper() if tokens else ""
            if key in ("H", "W", "FPS", "CROP"):
                values[key] = tokens
            elif len(tokens) >= _NUMBERS_A_FRAME and all(map(_is_number, tokens)):
                num_frames += 1
        x0, y0, x1, y1 = (round(float(token)) for token in values["CROP"][-4:])
        meta = ClipMeta(
            height=int(float(values["H"][-1])),
            width=int(float(values["W"][-1])),
            fps=Fraction(values["FPS"][-1]).limit_denominator(1001),
            crop=(x0, y0, x1, y1),
            num_frames=num_frames,
        )
    except (OSError, UnicodeDecodeError, KeyError, ValueError) as error:
        raise ClipError(
            f"{path}: is no VFHQ meta file ({type(error).__name__}: {error}); expected lines that "
            "start with H, W, FPS and CROP; extract meta_info.zip again"
        ) from error
    if not (0 <= x0 < x1 <= meta.width and 0 <= y0 < y1 <= meta.height):
        raise ClipError(
            f"{path}: CROP {meta.crop} lies outside the frame of {meta.width}×{meta.height} px; "
            "extract meta_info.zip again"
        )
    return meta


def nominal_frames(clip_name: str) -> int:
    """Frames between the two numbers of a VFHQ clip's name, `…+F<start>-<end>`; 0 without these.

    Nominal: downloaders take frames start + 1 to end - 1 at the meta file's rate, and published
    copies of a clip differ from that by a frame or more.

    >>> nominal_frames("Clip+8vcxTHoDadk+P3+C0+F27918-28036")
    117
    """
    start, _, end = clip_name.rpartition("+F")[2].partition("-")
    return max(int(end) - int(start) - 1, 0) if start.isdigit() and end.isdigit() else 0


def read_clip_list(path: Path) -> dict[str, int]:
    """Reads a clip list of the release, one `<clip path>/<number of frames>` a line.

    Returns:
        Clip name (the last part of its path) -> number of frames.

    Raises:
        ClipError: A line has another form, or a clip is listed twice.
    """
    lengths: dict[str, int] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if not line.strip():
            continue
        clip, _, length = line.strip().rpartition("/")
        name = unicodedata.normalize("NFC", Path(clip).name)
        if not name or not length.isdigit():
            raise ClipError(
                f"{path}: line {number} is '{line.strip()[:80]}'; expected <clip>/<num frames>"
            )
        if name in lengths:
            raise ClipError(f"{path}: line {number} lists '{name}' a second time; remove one")
        lengths[name] = int(length)
    return lengths


def write_clip_list(path: Path, lengths: dict[str, int]) -> None:
    """Writes what `read_clip_list` reads, sorted by name."""
    with atomic_path(path) as temporary:
        lines = (f"{name}/{lengths[name]}\n" for name in sorted(lengths))
        temporary.write_text("".join(lines), encoding="utf-8")


def read_landmarks(path: Path) -> NDArray[np.float64]:
    """Reads five points a frame: ten numbers a line, after the frame's name or without it.

    DicFace release: no name. KEEP's files begin each line with the frame's name.

    Returns:
        (T, 5, 2) x and y of left eye, right eye, nose, left and right mouth corner, in px of a
        512-px frame.

    Raises:
        FaceError: It cannot be read, is empty, or a line holds something else.
    """
    try:
        lines = path.read_text().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise FaceError(f"{path}: is no landmark file ({error}); replace it") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        tokens = line.split()
        if not tokens:
            continue
        numbers = tokens[-_NUMBERS_A_FRAME:]
        if len(tokens) not in (_NUMBERS_A_FRAME, _NUMBERS_A_FRAME + 1) or not all(
            map(_is_number, numbers)
        ):
            raise FaceError(
                f"{path}: line {number} is '{line.strip()[:80]}'; expected ten numbers, x and y of "
                "five points; replace the file by a whole copy"
            )
        rows.append([float(token) for token in numbers])
    if not rows:
        raise FaceError(f"{path}: holds no landmarks; replace it by a whole copy")
    return np.array(rows).reshape(-1, 5, 2)


def write_landmarks(path: Path, points: NDArray[np.floating]) -> None:
    """Writes a landmark file of the release: ten numbers a line, one line a frame.

    Args:
        path: `<clip>.txt`.
        points: (T, 5, 2), px of a 512-px frame.
    """
    with atomic_path(path) as temporary:
        temporary.write_text("".join(_line(frame) for frame in points.reshape(-1, 10)))


def _line(numbers: Iterable[float]) -> str:
    return " ".join(f"{number:.4f}" for number in numbers) + "\n"


def _is_number(token: str) -> bool:
    try:
        return bool(np.isfinite(float(token)))
    except ValueError:
        return False
