"""What a clip may be on disk: suffixes of videos and frames, and the order of a folder's frames.

Standard library only, because planning a run lists clips and must not load a decoder.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

VIDEO_SUFFIXES = (".mkv", ".mp4", ".mov", ".avi", ".webm", ".m4v")
FRAME_SUFFIXES = (".png", ".jpg", ".jpeg")


def is_video(path: str | Path) -> bool:
    """Whether a file's name is that of a video."""
    return str(path).lower().endswith(VIDEO_SUFFIXES)


def is_frame(path: str | Path) -> bool:
    """Whether a file's name is that of a picture that can be a frame."""
    return str(path).lower().endswith(FRAME_SUFFIXES)


def frame_files(folder: str | Path) -> list[Path]:
    """Returns the frames of a folder by number; a folder that has any is a clip.

    Frame 2 comes before frame 10, however they are padded. Hidden files are no frames.
    """
    folder = Path(folder)
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.name[0] != "." and is_frame(entry.name)]
    return [folder / name for name in sorted(names, key=lambda name: (natural(name), name))]


def one_deeper(folder: str | Path) -> Path | None:
    """Returns the first clip inside a folder that is none itself; None if there is none.

    Other programs write such folders: `<clip>/final_results/00000000.png`.
    """
    folder = Path(folder)
    if not folder.is_dir() or folder.name.startswith(".") or frame_files(folder):
        return None
    inner = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    clips = (path for path in inner if (frame_files(path) if path.is_dir() else is_video(path)))
    return next(clips, None)


def natural(text: str) -> list[tuple[int, str]]:
    """Sort key that puts "frame10" after "frame9", however numbers are padded.

    >>> sorted(["frame10", "frame9"], key=natural)
    ['frame9', 'frame10']
    """
    parts = re.split(r"(\d+)", text)
    return [(int(part), "") if part.isdecimal() else (0, part) for part in parts]
