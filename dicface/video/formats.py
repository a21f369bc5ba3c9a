"""What a clip may be on disk: suffixes of videos and frames, and the order of a folder's frames.

Standard library only, because planning a run lists clips and must not load a decoder.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from dicface.base.errors import ClipError

VIDEO_SUFFIXES = (
    *(".mkv", ".mp4", ".mov", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".m2v", ".vob", ".ts"),
    *(".mts", ".m2ts", ".3gp", ".3g2", ".wmv", ".asf", ".flv", ".f4v", ".ogv", ".ogg", ".mxf"),
    *(".qt", ".divx", ".dv", ".nut", ".y4m", ".gif", ".h264", ".264", ".hevc", ".h265", ".mjpeg"),
)
"""What FFmpeg reads."""

FRAME_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".jp2", ".ppm", ".pgm", ".pnm"),
    *(".tga", ".jfif", ".jpe", ".j2k", ".dib", ".pcx", ".sgi", ".avif"),
)
"""What Pillow reads."""

OTHER_MEDIA = (
    *(".heic", ".heif", ".exr", ".hdr", ".dpx", ".cin", ".psd", ".svg", ".dng", ".cr2", ".cr3"),
    *(".nef", ".arw", ".raw", ".jxl", ".apng", ".braw", ".r3d", ".rm", ".rmvb", ".swf", ".yuv"),
)
"""Pictures and videos that are not read: passed over, and said to be."""

VIDEO_WORDS = "a video (.mkv, .mp4, .mov, .avi, .webm, …)"
FRAMES_WORDS = "a folder of frames (.png, .jpg, .webp, .tif, …)"


def is_video(path: str | Path) -> bool:
    """Whether a file's name is that of a video."""
    return str(path).lower().endswith(VIDEO_SUFFIXES)


def is_frame(path: str | Path) -> bool:
    """Whether a file's name is that of a picture that can be a frame."""
    return str(path).lower().endswith(FRAME_SUFFIXES)


def clip_name(path: Path) -> str:
    """Returns what a clip is called: a file without its ending, or a folder of frames.

    Letters with marks are one character each, as macOS writes them in file names in two.

    Raises:
        ClipError: The name is no text, as tables hold it.
    """
    name = path.name if path.is_dir() else path.stem
    if any("\ud800" <= letter <= "\udfff" for letter in name):
        raise ClipError(
            f"{path}: the name is no UTF-8, or LC_ALL knows ASCII alone; expected one that tables "
            "can hold. Rename it, or set LC_ALL=C.UTF-8."
        )
    return unicodedata.normalize("NFC", name)


def ffmpeg_name(path: str | Path) -> str:
    """What FFmpeg is told of a file: it takes what stands before a colon for a protocol.

    >>> ffmpeg_name("/films/part 1: rain.mp4")
    '/films/part 1: rain.mp4'
    """
    return os.path.abspath(path)


def has_frames(folder: str | Path) -> bool:
    """Whether a folder holds frames, and so is a clip; hidden files are no frames."""
    return bool(_frame_names(folder))


def picture_files(folder: str | Path) -> list[Path]:
    """Returns the pictures of a folder by number; hidden files are none.

    Picture 2 comes before picture 10, however they are padded.
    """
    names = sorted(_frame_names(folder), key=lambda name: (natural(Path(name).stem), name))
    return [Path(folder) / name for name in names]


def frame_files(folder: str | Path) -> list[Path]:
    """Returns the frames of a folder in their order; a folder that has any is a clip.

    Raises:
        ClipError: Two files are one frame, such as 0001.png beside 0001.jpg or 1.png.
    """
    files = picture_files(folder)
    for one, other in pairwise(files):
        if natural(one.stem) == natural(other.stem):
            raise ClipError(
                f"{folder}: {one.name} and {other.name} are one frame twice. Expected one file a "
                "frame: remove one of each such pair."
            )
    return files


def gaps(files: Sequence[Path]) -> str:
    """Says which numbers of a folder's frames are missing; "" if none is.

    Frames that differ in more than their last number have no order that could have gaps.
    """
    found = [re.fullmatch(r"(.*?)(\d+)(\D*)", file.stem, re.DOTALL) for file in files]
    if None in found or len({(each[1], each[3]) for each in found}) != 1:
        return ""
    numbers = {int(each[2]) for each in found}
    missing = max(numbers) - min(numbers) + 1 - len(numbers)
    if not missing:
        return ""
    return f"frames {min(numbers)} to {max(numbers)} with {missing} missing between"


def passed_over(folder: str | Path) -> list[str]:
    """Names in a folder that look like clips or frames and are none that is read, sorted.

    Files of formats that are not read, and folders without a frame that hold something.
    """
    with os.scandir(folder) as entries:
        return sorted(
            entry.name
            for entry in entries
            if not entry.name.startswith(".")
            and (
                (_holds_something(entry.path) and not has_frames(entry.path))
                if entry.is_dir()
                else entry.name.lower().endswith(OTHER_MEDIA)
            )
        )


def one_deeper(folder: str | Path) -> Path | None:
    """Returns the first clip inside a folder that is none itself; None if there is none.

    Other programs write such folders: `<clip>/final_results/00000000.png`.
    """
    folder = Path(folder)
    if not folder.is_dir() or folder.name.startswith(".") or has_frames(folder):
        return None
    inner = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    clips = (path for path in inner if (has_frames(path) if path.is_dir() else is_video(path)))
    return next(clips, None)


def natural(text: str) -> list[tuple[int, str]]:
    """Sort key that puts "frame10" after "frame9", however numbers are padded.

    Letters with marks are the same however a system spells them.

    >>> sorted(["frame10", "frame9"], key=natural)
    ['frame9', 'frame10']
    """
    parts = re.split(r"(\d+)", unicodedata.normalize("NFC", text))
    return [(int(part), "") if part.isdecimal() else (0, part) for part in parts]


def _frame_names(folder: str | Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [e.name for e in entries if e.name[0] != "." and is_frame(e.name)]


def _holds_something(folder: str | Path) -> bool:
    with os.scandir(folder) as entries:
        return any(not entry.name.startswith(".") for entry in entries)
