"""Reading and writing clips.

A clip is RGB, uint8, T×H×W×3, one lossless file (`.mkv`, FFV1 in RGB) with its frame rate in it.
Folders of PNG or JPEG frames (the layout of VFHQ) and any other video can be read too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from dicface.base.errors import ClipError
from dicface.base.files import atomic_path
from dicface.video.formats import (
    FRAMES_WORDS,
    VIDEO_WORDS,
    clip_name,
    ffmpeg_name,
    frame_files,
    has_frames,
    is_video,
    one_deeper,
)
from dicface.video.looks import DEFAULT_FPS
from dicface.video.pictures import read_picture
from dicface.video.videos import decode, video_facts

FOLDER_FPS = DEFAULT_FPS


@dataclass(frozen=True, kw_only=True)
class ClipInfo:
    """What a clip is: its file, number of frames, size in pixels and frames a second."""

    path: Path
    num_frames: int
    height: int
    width: int
    fps: Fraction


def probe(path: str | Path) -> ClipInfo:
    """Decodes a clip once and says what is in it.

    Containers announce frame counts that truncated files do not hold, so frames are counted.

    Raises:
        ClipError: It cannot be read to its end, or its frames differ in size.
    """
    path = Path(path)
    num_frames, shape = 0, (0, 0, 3)
    for frame in read_frames(path, one_size=True):
        num_frames, shape = num_frames + 1, frame.shape
    return ClipInfo(
        path=path, num_frames=num_frames, height=shape[0], width=shape[1], fps=frame_rate(path)
    )


def frame_rate(path: str | Path) -> Fraction:
    """Returns frames a second, the mean where they vary; 25 for folders, which hold none."""
    path = Path(path)
    return FOLDER_FPS if path.is_dir() else video_facts(path).fps


def read_frames(path: str | Path, *, one_size: bool = False) -> Iterator[np.ndarray]:
    """Yields the frames of a video or a folder of images, H×W×3 uint8 RGB, one at a time.

    Args:
        path: The video or folder.
        one_size: Whether all frames must have one size; the pictures of a folder may differ.

    Raises:
        ClipError: It is missing, holds no frame, is no video, ends in the middle of a frame, or
            has frames of several sizes and must not.
    """
    path = Path(path)
    count, first = 0, (0, 0, 3)
    for frame in _read(path):
        first = first if count else frame.shape
        if one_size and frame.shape != first:
            raise ClipError(
                f"{path}: frame {count} is {frame.shape[1]}×{frame.shape[0]} px, the first one is "
                f"{first[1]}×{first[0]} px. All frames of a clip must have one size: resize or "
                "split it, or make it again."
            )
        count += 1
        yield frame
    if count == 0:
        raise ClipError(
            f"{path}: found no frame. Expected a video with at least one frame, or "
            f"{FRAMES_WORDS}. Remove it or replace it by a whole copy."
        )


def read_clip(path: str | Path) -> tuple[np.ndarray, Fraction]:
    """Returns all frames (T, H, W, 3) uint8 RGB and the frame rate of a clip."""
    return np.stack(list(read_frames(path))), frame_rate(path)


def write_clip(
    path: str | Path, frames: Iterable[np.ndarray], fps: Fraction | float | int
) -> ClipInfo:
    """Writes frames, H×W×3 uint8 RGB, losslessly; the file appears only when it is whole.

    Raises:
        ClipError: There is no frame, or frames differ in size, type or channels.
        DicfaceError: The disk is full.
    """
    path = Path(path)
    if path.suffix != ".mkv":
        raise ClipError(f"{path}: clips are written as .mkv (FFV1); found '{path.suffix}'.")
    rate = Fraction(fps).limit_denominator(1001)
    num_frames, shape = 0, None
    with atomic_path(path) as temporary:
        # bitexact: no random identifiers, so that equal frames give equal files.
        with av.open(
            ffmpeg_name(temporary),
            "w",
            format="matroska",
            container_options={"fflags": "+bitexact"},
        ) as container:
            stream = None
            for frame in frames:
                _check_frame(path, frame, num_frames, shape)
                if stream is None:
                    shape = frame.shape
                    stream = container.add_stream("ffv1", rate=rate)
                    stream.height, stream.width = shape[:2]
                    stream.pix_fmt = "bgr0"
                    # Version 3 has a checksum per slice; one thread keeps bytes repeatable.
                    stream.options = {"level": "3", "slicecrc": "1"}
                    stream.thread_count = 1
                video_frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24")
                container.mux(stream.encode(video_frame.reformat(format="bgr0", threads=1)))
                num_frames += 1
            if stream is None:
                raise ClipError(f"{path}: found no frame to write; expected at least one.")
            container.mux(stream.encode(None))
    return ClipInfo(path=path, num_frames=num_frames, height=shape[0], width=shape[1], fps=rate)


def list_clips(folder: str | Path) -> dict[str, Path]:
    """Returns clip name -> path of every video and every folder of frames in `folder`, sorted.

    Args:
        folder: A folder of clips; or one video, which is a set of one.

    Raises:
        ClipError: The folder is missing or holds no clip, or two clips have the same name.
    """
    folder = Path(folder)
    if folder.is_file() and is_video(folder):
        return {clip_name(folder): folder}
    if not folder.is_dir():
        found = "is a file, and no video" if folder.exists() else "no such folder"
        raise ClipError(
            f"{folder}: {found}. Expected a folder of videos or of folders of frames, or "
            f"{VIDEO_WORDS}."
        )
    clips: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if not (has_frames(path) if path.is_dir() else is_video(path)):
            continue
        name = clip_name(path)
        if name in clips:
            raise ClipError(
                f"{folder}: two clips are named '{name}' ({clips[name].name} and {path.name}). "
                "Results are filed by name: rename one of them."
            )
        clips[name] = path
    if not clips:
        raise ClipError(
            f"{folder}: found no clip{_instead(folder)}. Expected in it {VIDEO_WORDS} or "
            f"{FRAMES_WORDS}."
        )
    return dict(sorted(clips.items()))


def require_apart(clips: Mapping[str, Path], out_folder: str | Path) -> None:
    """Looks whether results, `<clip>.mkv` each, would take the place of what they are made from.

    Raises:
        ClipError: One would.
    """
    for name, path in clips.items():
        if (Path(out_folder) / f"{name}.mkv").resolve() == path.resolve():
            raise ClipError(
                f"{path}: its result would take its place. Give another folder for results than "
                f"{out_folder}."
            )


def _instead(folder: Path) -> str:
    """What a folder without clips holds that may be meant."""
    if has_frames(folder):
        return (
            f", but frames: it is a clip itself. Give the folder that it lies in, {folder.parent}"
        )
    inner = filter(None, map(one_deeper, sorted(folder.iterdir())))
    if found := next(inner, None):
        clip = found.relative_to(folder)
        return f"; {clip} lies one folder deeper. Move it up, or link it here as {clip.parts[0]}"
    return ""


def named(clips: Sequence[str]) -> str:
    """Names of clips in a sentence.

    >>> named(["a"]), named(["a", "b"])
    ("clip 'a'", "clips 'a', 'b'")
    """
    listed = ", ".join(f"'{clip}'" for clip in clips)
    return f"clip {listed}" if len(clips) == 1 else f"clips {listed}"


def _check_frame(path: Path, frame: np.ndarray, index: int, shape: tuple | None) -> None:
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        raise ClipError(
            f"{path}: frame {index} is {frame.dtype} {frame.shape}; expected uint8 (H, W, 3)."
        )
    if shape is not None and frame.shape != shape:
        raise ClipError(
            f"{path}: frame {index} is {frame.shape[1]}×{frame.shape[0]}, the first one was "
            f"{shape[1]}×{shape[0]}; all frames of a clip must have one size."
        )


def _read(path: Path) -> Iterator[np.ndarray]:
    if path.is_dir():
        return map(read_picture, frame_files(path))
    return (frame for _, frame in decode(path))
