"""Looking into sources without decoding them, and reading single frames of them.

A source is a video, a folder of frames or one image, as data sets publish them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dicface.base.counts import how_many
from dicface.base.errors import ClipError, DamagedClipError
from dicface.video.clips import FOLDER_FPS
from dicface.video.formats import (
    FRAMES_WORDS,
    frame_files,
    gaps,
    is_frame,
    passed_over,
)
from dicface.video.pictures import is_transparent, picture_size, read_picture
from dicface.video.videos import decode, video_facts
from dicface.video.videos import remarks as video_remarks


@dataclass(frozen=True, kw_only=True)
class SourceInfo:
    """What headers say of a source.

    Attributes:
        num_frames: Number of frames.
        height: Height of an upright frame, px.
        width: Width of an upright frame, px.
        fps: Frames a second.
        slack: Frames by which the number may be wrong, where frames have no times.
    """

    num_frames: int
    height: int
    width: int
    fps: Fraction
    slack: int = 0


def look(source: Path) -> SourceInfo:
    """Reads headers: one folder listing and two images, or the packets of a video.

    Raises:
        ClipError: It is missing, empty, unreadable or cut short, or numbers of frames are missing.
    """
    if source.is_dir():
        return _look_into_folder(source)
    if is_frame(source):
        height, width = picture_size(source)
        return SourceInfo(num_frames=1, height=height, width=width, fps=FOLDER_FPS)
    facts = video_facts(source)
    facts.require_readable(source)
    if facts.num_missing:
        raise DamagedClipError(
            f"{source}: ends after about {how_many(facts.num_frames, 'frame')}, its header "
            f"announces {facts.num_frames + facts.num_missing}; the file looks truncated; replace "
            "it by a whole copy or remove it"
        )
    return SourceInfo(
        num_frames=facts.num_frames,
        height=facts.height,
        width=facts.width,
        fps=facts.fps,
        slack=0 if facts.stamped else 1,
    )


def remarks(source: Path) -> list[str]:
    """What a user should know of a source that can be read: how it differs from a plain clip.

    Raises:
        ClipError: It cannot be read.
    """
    if not source.is_dir():
        return [] if is_frame(source) else list(video_remarks(video_facts(source)))
    files = frame_files(source)
    found = [gap] if (gap := gaps(files)) else []
    if files and is_transparent(files[0]):
        found.append("is transparent in parts, and its colours are taken as they are stored")
    if others := passed_over(source):
        found.append(
            f"passed over: {how_many(len(others), 'file')} of formats that are not read: "
            f"{', '.join(others[:3])}{', …' if len(others) > 3 else ''}"
        )
    return found


def frame_times(video: Path) -> NDArray[np.int64]:
    """Time stamps of a video's frames in order, in units of the stream; packets are not decoded.

    Raises:
        ClipError: It cannot be read.
    """
    return video_facts(video).times


def read_at(source: Path, frames: Sequence[int]) -> list[NDArray[np.uint8]]:
    """Reads some frames, (H, W, 3) uint8 RGB, in the order asked for.

    Of a folder only their files are read; a video is decoded from the key frame before the first
    of them to the last.

    Raises:
        ClipError: There is no such frame, or it cannot be read.
    """
    if not source.is_dir() and not is_frame(source):
        return _read_video_at(source, frames)
    files = _files(source)
    if max(frames) >= len(files):
        raise ClipError(
            f"{source}: frame {max(frames)} was asked for and it holds {len(files)}; it has "
            "changed since its landmarks were made: run the landmarks' job again"
        )
    pictures = {index: read_picture(files[index]) for index in set(frames)}
    return [pictures[index] for index in frames]


@lru_cache(maxsize=4096)
def _files(source: Path) -> tuple[Path, ...]:
    return tuple(frame_files(source)) if source.is_dir() else (source,)


def _look_into_folder(folder: Path) -> SourceInfo:
    files = frame_files(folder)
    if not files:
        raise ClipError(
            f"{folder}: found no frame; expected {FRAMES_WORDS}; extract the archive again"
        )
    if gap := gaps(files):
        raise ClipError(f"{folder}: {gap}; extract the archive again")
    sizes = {picture_size(file) for file in {files[0], files[-1]}}
    if len(sizes) > 1:
        raise ClipError(
            f"{folder}: first and last frame differ in size ({sizes}); replace the clip"
        )
    height, width = sizes.pop()
    return SourceInfo(num_frames=len(files), height=height, width=width, fps=FOLDER_FPS)


def _read_video_at(video: Path, frames: Sequence[int]) -> list[NDArray[np.uint8]]:
    times = frame_times(video)
    if max(frames) >= len(times):
        raise ClipError(
            f"{video}: frame {max(frames)} was asked for and it holds {len(times)}; it has changed "
            "since its landmarks were made: run the landmarks' job again"
        )
    wanted = {int(times[index]): index for index in frames}
    found: dict[int, NDArray[np.uint8]] = {}
    for time, frame in decode(video, start=min(wanted)):
        if time in wanted:
            found[wanted[time]] = frame
        if len(found) == len(wanted):
            return [found[index] for index in frames]
    raise ClipError(
        f"{video}: frames {sorted(set(frames) - set(found))} cannot be found; replace it by a "
        "whole copy or remove it"
    )
