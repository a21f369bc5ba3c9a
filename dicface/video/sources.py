"""Looking into sources without decoding them, and reading single frames of them.

A source is a video, a folder of frames or one image, as data sets publish them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from dicface.base.errors import ClipError
from dicface.video.clips import FOLDER_FPS, num_frames_announced, open_video, read_picture
from dicface.video.formats import FRAME_SUFFIXES, frame_files, is_frame

_ENDS = {".png": b"IEND\xaeB`\x82", ".jpg": b"\xff\xd9", ".jpeg": b"\xff\xd9"}


@dataclass(frozen=True, kw_only=True)
class SourceInfo:
    """What headers say of a source.

    Attributes:
        num_frames: Number of frames.
        height: Height of a frame, px.
        width: Width of a frame, px.
        fps: Frames a second.
        slack: Frames by which a header that gives only a duration may be wrong.
    """

    num_frames: int
    height: int
    width: int
    fps: Fraction
    slack: int = 0


def look(source: Path) -> SourceInfo:
    """Reads headers: one folder listing and two images, or both ends of a video.

    Raises:
        ClipError: It is missing, empty, unreadable or cut short, or numbers of frames are missing.
    """
    if source.is_dir():
        return _look_into_folder(source)
    if is_frame(source):
        height, width = _image_size(source)
        return SourceInfo(num_frames=1, height=height, width=width, fps=FOLDER_FPS)
    with open_video(source) as container:
        stream = container.streams.video[0]
        announced = num_frames_announced(container)
        info = SourceInfo(
            num_frames=announced,
            height=stream.height,
            width=stream.width,
            fps=Fraction(stream.average_rate or stream.guessed_rate or FOLDER_FPS),
            slack=0 if stream.frames else 1,
        )
        reached = _frames_reached(container, info.fps)
    if not announced:
        raise ClipError(f"{source}: its header announces no frames; remux it, or give frames")
    slack = 1 if stream.codec_context.name == "ffv1" else max(2, announced // 20)
    if reached < announced - slack:
        raise ClipError(
            f"{source}: ends after about {reached} frames, its header announces {announced}; "
            "the file looks truncated; replace it by a whole copy or remove it"
        )
    return info


@lru_cache(maxsize=4096)
def frame_times(video: Path) -> NDArray[np.int64]:
    """Time stamps of a video's frames in order, in units of the stream; packets are not decoded.

    Raises:
        ClipError: It cannot be read or has frames without a time stamp.
    """
    with open_video(video) as container:
        packets = container.demux(container.streams.video[0])
        try:
            times = [p.pts for p in packets if p.size and not p.is_discard]
        except av.error.FFmpegError as error:
            raise ClipError(
                f"{video}: cannot be read to its end ({error.strerror}); replace it by a whole copy"
            ) from error
    if not times or None in times:
        raise ClipError(f"{video}: holds frames without time stamps; remux it, for example to .mp4")
    return np.sort(np.array(times, dtype=np.int64))


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
            f"{folder}: found no frame; expected {', '.join(FRAME_SUFFIXES)} files; extract the "
            "archive again"
        )
    numbers = [int(file.stem) for file in files if file.stem.isdigit()]
    missing = max(numbers) - min(numbers) + 1 - len(set(numbers)) if numbers else 0
    if missing:
        raise ClipError(
            f"{folder}: frames {min(numbers)} to {max(numbers)} with {missing} missing between; "
            "extract the archive again"
        )
    sizes = {_image_size(file) for file in {files[0], files[-1]}}
    if len(sizes) > 1:
        raise ClipError(
            f"{folder}: first and last frame differ in size ({sizes}); replace the clip"
        )
    height, width = sizes.pop()
    return SourceInfo(num_frames=len(files), height=height, width=width, fps=FOLDER_FPS)


def _image_size(file: Path) -> tuple[int, int]:
    """Height and width from the header, if the file also ends as its format does."""
    try:
        with open(file, "rb") as stream:
            with Image.open(stream) as image:
                width, height = image.size
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - 64))
            tail = stream.read()
    except (OSError, UnidentifiedImageError) as error:
        raise ClipError(
            f"{file}: is no image that can be read ({error}); replace it by a whole copy"
        ) from error
    if _ENDS[file.suffix.lower()] not in tail:
        raise ClipError(f"{file}: the image is cut short; replace it by a whole copy")
    return height, width


def _frames_reached(container: av.container.InputContainer, fps: Fraction) -> int:
    """About how many frames lie before the last packet that can be read near the end."""
    stream = container.streams.video[0]
    last = -1
    try:
        if container.duration:
            container.seek(container.duration + (container.start_time or 0))
        for packet in container.demux(stream):
            if packet.size and packet.pts is not None:
                last = max(last, packet.pts)
    except av.error.FFmpegError:
        # A cut file fails to seek or to read its tail: what was reached until then decides.
        return 0 if last < 0 else round((last - (stream.start_time or 0)) * stream.time_base * fps)
    return round((last - (stream.start_time or 0)) * stream.time_base * fps) + 1


def _read_video_at(video: Path, frames: Sequence[int]) -> list[NDArray[np.uint8]]:
    times = frame_times(video)
    if max(frames) >= len(times):
        raise ClipError(
            f"{video}: frame {max(frames)} was asked for and it holds {len(times)}; it has changed "
            "since its landmarks were made: run the landmarks' job again"
        )
    wanted = {int(times[index]): index for index in frames}
    found: dict[int, NDArray[np.uint8]] = {}
    with open_video(video) as container:
        stream = container.streams.video[0]
        try:
            # Demuxers may land behind the frame they were asked for; the start is always before.
            for target in (min(wanted), int(times[0])):
                container.seek(target, stream=stream, backward=True)
                for frame in container.decode(stream):
                    if frame.pts in wanted:
                        found[wanted[frame.pts]] = frame.to_ndarray(format="rgb24", threads=1)
                    if len(found) == len(wanted):
                        return [found[index] for index in frames]
        except av.error.FFmpegError as error:
            raise ClipError(
                f"{video}: frames {min(frames)} to {max(frames)} cannot be decoded "
                f"({error.strerror}); replace it by a whole copy or remove it"
            ) from error
    raise ClipError(
        f"{video}: frames {sorted(set(frames) - set(found))} cannot be found; replace it by a "
        "whole copy or remove it"
    )
