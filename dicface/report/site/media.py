"""Video and time slices of a clip: all its methods in one file, so that they cannot drift apart.

A browser does not keep several `<video>` elements in step. Here the frames of the input, of every
method and of the truth lie side by side in one H.264 video, and a page cuts from each frame the
tiles that it shows. Every frame is a key frame: a seek is one decode.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path

import av
import numpy as np
from PIL import Image

from dicface.clips import FOLDER_FPS, frame_rate, read_frames
from dicface.faces.align import template

CRF = 14
ENLARGED_BELOW = 256
"""Shorter frames are doubled (nearest), so that each pixel has a colour sample in yuv420p."""
_BT709, _LIMITED = 1, 1
_MACROBLOCK = 16


@dataclass(frozen=True, kw_only=True)
class Tile:
    """Where a method's frames lie in the video and its column in the slices.

    Attributes:
        x, y: Corner in the video, px.
        width, height: Size in the video, px.
        num_frames: Frames that it has; the tile is black in those that it lacks.
        fps: Its frame rate; None for a folder of frames, which has none.
        slice_y, slice_height: Rows in the picture of the slices.
        column: Column of the slice, px of its own frames.
        size: Width and height of its own frames, px.
    """

    x: int
    y: int
    width: int
    height: int
    num_frames: int
    fps: Fraction | None
    slice_y: int
    slice_height: int
    column: int
    size: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Media:
    """What `write_media` wrote: number of frames of the longest clip, rate, and the tiles."""

    num_frames: int
    fps: Fraction
    tiles: Mapping[str, Tile]


def eye_column(width: int) -> int:
    """Column through the left eye of a frame aligned to the FFHQ template (x = 193 of 512)."""
    return min(width - 1, round(float(template(width)[0, 0])))


def write_media(
    clips: Mapping[str, Path], video: Path, slices: Path, thumbnail: Path, *, crf: int = CRF
) -> Media:
    """Writes the video, the slices and a small picture of the first and the last clip.

    Args:
        clips: Name -> clip; the last one is the truth and gives the frame rate, if it has one.
        video: The .mp4 to write.
        slices: The .png to write: below each other, per clip, its eye column (downwards) over
            time (to the right, one pixel a frame).
        thumbnail: The .png to write: centre frames of the first clip and of the last.
        crf: Constant rate factor of x264, 0 (lossless) to 51.

    Raises:
        ClipError: A clip cannot be read.
    """
    first = {name: next(read_frames(path)) for name, path in clips.items()}
    corners, (height, width) = _grid({name: _shown(frame) for name, frame in first.items()})
    # Of the truth, or of the first clip that has one.
    rates = {name: frame_rate(path) for name, path in clips.items() if not path.is_dir()}
    fps = rates.get(list(clips)[-1], next(iter(rates.values()), FOLDER_FPS))
    columns: dict[str, list[np.ndarray]] = {name: [] for name in clips}

    def mosaics() -> Iterator[np.ndarray]:
        for frames in zip_longest(*(read_frames(path) for path in clips.values())):
            mosaic = np.zeros((height, width, 3), np.uint8)
            for name, frame in zip(clips, frames, strict=True):
                if frame is None:
                    continue
                columns[name].append(frame[:, eye_column(frame.shape[1])])
                shown = _shown(frame)
                x, y = corners[name]
                mosaic[y : y + shown.shape[0], x : x + shown.shape[1]] = shown
            yield mosaic

    _encode(mosaics(), video, fps, crf)
    tiles = _write_slices(columns, slices, rates, corners, first)
    _write_thumbnail([clips[next(iter(clips))], list(clips.values())[-1]], columns, thumbnail)
    return Media(num_frames=max(map(len, columns.values())), fps=fps, tiles=tiles)


def _shown(frame: np.ndarray) -> np.ndarray:
    if max(frame.shape[:2]) >= ENLARGED_BELOW:
        return frame
    return frame.repeat(2, axis=0).repeat(2, axis=1)


def _grid(
    frames: Mapping[str, np.ndarray],
) -> tuple[dict[str, tuple[int, int]], tuple[int, int]]:
    """Corners (x, y) of the tiles in a nearly square grid, and its (height, width)."""
    cell = [
        _MACROBLOCK * math.ceil(max(f.shape[axis] for f in frames.values()) / _MACROBLOCK)
        for axis in (0, 1)
    ]
    num_columns = math.ceil(math.sqrt(len(frames)))
    num_rows = math.ceil(len(frames) / num_columns)
    corners = {
        name: (index % num_columns * cell[1], index // num_columns * cell[0])
        for index, name in enumerate(frames)
    }
    return corners, (num_rows * cell[0], num_columns * cell[1])


def _encode(frames: Iterator[np.ndarray], path: Path, fps: Fraction, crf: int) -> None:
    options = {
        "crf": str(crf),
        "preset": "medium",
        # Deblocking would smear one tile into the next; mbtree is of no use with key frames only
        # and is the part of x264 whose AVX-512 code does not repeat (docs/degradation.md).
        "x264-params": "keyint=1:no-deblock=1:mbtree=0:threads=1",
    }
    flags = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(str(path), "w", format="mp4", options=flags) as container:
        stream = None
        for frame in frames:
            if stream is None:
                stream = container.add_stream("libx264", rate=fps, options=options)
                stream.height, stream.width = frame.shape[:2]
                stream.pix_fmt = "yuv420p"
                context = stream.codec_context
                context.thread_count = 1
                context.gop_size = 1
                # Said in the file, or browsers guess the colours from the size.
                context.colorspace = context.color_primaries = context.color_trc = _BT709
                context.color_range = _LIMITED
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(
                format="yuv420p",
                dst_colorspace="ITU709",
                dst_color_range="MPEG",
                interpolation="AREA",
                threads=1,
            )
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def _write_slices(
    columns: Mapping[str, Sequence[np.ndarray]],
    path: Path,
    rates: Mapping[str, Fraction],
    corners: Mapping[str, tuple[int, int]],
    first: Mapping[str, np.ndarray],
) -> dict[str, Tile]:
    heights = {name: frame.shape[0] for name, frame in first.items()}
    length = max(map(len, columns.values()))
    sheet = np.zeros((sum(heights.values()), length, 3), np.uint8)
    tiles, top = {}, 0
    for name, found in columns.items():
        sheet[top : top + heights[name], : len(found)] = np.stack(found, axis=1)
        own_height, own_width = first[name].shape[:2]
        shown = _shown(first[name])
        tiles[name] = Tile(
            x=corners[name][0],
            y=corners[name][1],
            width=shown.shape[1],
            height=shown.shape[0],
            num_frames=len(found),
            fps=rates.get(name),
            slice_y=top,
            slice_height=own_height,
            column=eye_column(own_width),
            size=(own_width, own_height),
        )
        top += heights[name]
    Image.fromarray(sheet).save(path, "png", optimize=True)
    return tiles


def _write_thumbnail(
    paths: Sequence[Path], columns: Mapping[str, Sequence[np.ndarray]], out: Path
) -> None:
    centre = min(map(len, columns.values())) // 2
    pictures = []
    for path in paths:
        frame = next(frame for index, frame in enumerate(read_frames(path)) if index == centre)
        image = Image.fromarray(frame)
        image.thumbnail((128, 128), Image.Resampling.BOX)
        pictures.append(image)
    sheet = Image.new("RGB", (sum(p.width for p in pictures), max(p.height for p in pictures)))
    left = 0
    for picture in pictures:
        sheet.paste(picture, (left, 0))
        left += picture.width
    sheet.save(out, "png", optimize=True)
