"""Video and time slices of a clip: all its methods in one file, so that they cannot drift apart.

A browser does not keep several `<video>` elements in step. Here the frames of the input, of every
method and of the truth lie side by side in one H.264 video, and a page cuts from each frame the
tiles that it shows. Every frame is a key frame: a seek is one decode.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, count, zip_longest
from pathlib import Path

import av
import numpy as np
from PIL import Image

from dicface.faces.align import template
from dicface.video.clips import FOLDER_FPS, frame_rate, read_frames

CRF = 15
ENLARGED_BELOW = 256
"""Shorter frames are doubled (nearest), so that each pixel has a colour sample in yuv420p."""
LARGEST = (4096, 2304)
"""Width and height, px, beyond which decoders of H.264 need not follow (level 5.1)."""
POSTER_WIDTH = 1280
"""Of the picture of the first frame that stands until the video plays, px at most."""
COPY_BYTES = 16 << 20
"""Largest video that gets a copy which a page from disk may save pictures of."""
_BT709, _LIMITED = 1, 1
_MACROBLOCK = 16


@dataclass(frozen=True, kw_only=True)
class Tile:
    """Where a method's frames lie in the video and its column in the slices.

    Attributes:
        x, y: Corner in the video, px.
        width, height: Size in the video, px.
        reduced: Whether that is less than its own: the tiles of all clips would not have fitted.
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
    reduced: bool
    num_frames: int
    fps: Fraction | None
    slice_y: int
    slice_height: int
    column: int
    size: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Media:
    """What `write_media` wrote: number of frames of the longest clip, rate, and the tiles.

    Attributes:
        num_frames: Frames of the longest clip.
        fps: Frame rate.
        tiles: Name of a clip -> where it lies.
        poster_scale: Width of the poster over the video's.
    """

    num_frames: int
    fps: Fraction
    tiles: Mapping[str, Tile]
    poster_scale: float


def template_eye_column(width: int) -> int:
    """Column through the left eye of a frame aligned to the FFHQ template (x = 193 of 512)."""
    return min(width - 1, round(float(template(width)[0, 0])))


def write_media(
    clips: Mapping[str, Path],
    video: Path,
    slices: Path,
    thumbnail: Path,
    poster: Path | None = None,
    *,
    crf: int = CRF,
) -> Media:
    """Writes the video, the slices, a small picture of the first and the last clip, and a poster.

    Tiles that would make the video larger than `LARGEST` are all reduced by one even factor.

    Args:
        clips: Name -> clip; the last one is the truth and gives the frame rate, if it has one.
        video: The .mp4 to write.
        slices: The .png to write: below each other, per clip, its eye column (downwards) over
            time (to the right, one pixel a frame).
        thumbnail: The .png to write: centre frames of the first clip and of the last.
        poster: The .jpg to write: the video's first frame, smaller; None writes none.
        crf: Constant rate factor of x264, 0 (lossless) to 51.

    Raises:
        ClipError: A clip cannot be read.
    """
    first = {name: next(read_frames(path)) for name, path in clips.items()}
    grid = _grid(first)
    # Of the truth, or of the first clip that has one.
    rates = {name: frame_rate(path) for name, path in clips.items() if not path.is_dir()}
    fps = rates.get(list(clips)[-1], next(iter(rates.values()), FOLDER_FPS))
    columns: dict[str, list[np.ndarray]] = {name: [] for name in clips}
    poster_scale = min(1.0, POSTER_WIDTH / grid.width)

    def mosaics() -> Iterator[np.ndarray]:
        for frames in zip_longest(*(read_frames(path) for path in clips.values())):
            mosaic = np.zeros((grid.height, grid.width, 3), np.uint8)
            for name, frame in zip(clips, frames, strict=True):
                if frame is None:
                    continue
                columns[name].append(frame[:, template_eye_column(frame.shape[1])])
                shown = _shown(frame, grid.factor)
                x, y = grid.corners[name]
                mosaic[y : y + shown.shape[0], x : x + shown.shape[1]] = shown
            if poster is not None and not poster.exists():
                _write_poster(mosaic, poster, poster_scale)
            yield mosaic

    _encode(mosaics(), video, fps, crf)
    tiles = _write_slices(columns, slices, rates, grid, first)
    ends = [list(clips)[0], list(clips)[-1]]
    centre = min(len(columns[name]) for name in ends) // 2
    _write_thumbnail([clips[name] for name in ends], centre, thumbnail)
    return Media(
        num_frames=max(map(len, columns.values())), fps=fps, tiles=tiles, poster_scale=poster_scale
    )


def write_copy(video: Path, script: Path) -> bool:
    """Writes a video once more, as a script that hands it to the page.

    Browsers let no page from disk read the pixels of a file beside it; what a script brings along
    is the page's own. It is loaded only when somebody saves a picture.

    Args:
        video: The .mp4 that `write_media` wrote.
        script: The .js to write.

    Returns:
        Whether it was written: videos above `COPY_BYTES` get none.
    """
    if video.stat().st_size > COPY_BYTES:
        return False
    text = base64.b64encode(video.read_bytes()).decode("ascii")
    script.write_text(f'dicfacePlayer.copy("{text}");\n', encoding="ascii", newline="\n")
    return True


def _shown(frame: np.ndarray, factor: int) -> np.ndarray:
    if max(frame.shape[:2]) < ENLARGED_BELOW:
        frame = frame.repeat(2, axis=0).repeat(2, axis=1)
    return np.asarray(Image.fromarray(frame).reduce(factor)) if factor > 1 else frame


@dataclass(frozen=True, kw_only=True)
class _Grid:
    """Corner (x, y) of each tile, size of the whole in px, and what all tiles are reduced by."""

    corners: Mapping[str, tuple[int, int]]
    width: int
    height: int
    factor: int


def _grid(frames: Mapping[str, np.ndarray]) -> _Grid:
    """The grid nearest to a square that is no larger than `LARGEST`, of tiles as large as can be.

    Args:
        frames: Name -> a frame.
    """
    square = math.ceil(math.sqrt(len(frames)))
    for factor in chain([1], count(2, 2)):
        shapes = [_shown(frame, factor).shape for frame in frames.values()]
        height, width = (
            _MACROBLOCK * math.ceil(max(shape[axis] for shape in shapes) / _MACROBLOCK)
            for axis in (0, 1)
        )
        num_rows = {n: math.ceil(len(frames) / n) for n in range(1, len(frames) + 1)}
        fitting = [
            n for n in num_rows if n * width <= LARGEST[0] and num_rows[n] * height <= LARGEST[1]
        ]
        if fitting:
            break
    num_columns = min(fitting, key=lambda n: abs(n - square))
    return _Grid(
        corners={
            name: (index % num_columns * width, index // num_columns * height)
            for index, name in enumerate(frames)
        },
        width=num_columns * width,
        height=num_rows[num_columns] * height,
        factor=factor,
    )


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
    grid: _Grid,
    first: Mapping[str, np.ndarray],
) -> dict[str, Tile]:
    heights = {name: frame.shape[0] for name, frame in first.items()}
    length = max(map(len, columns.values()))
    sheet = np.zeros((sum(heights.values()), length, 3), np.uint8)
    tiles, top = {}, 0
    for name, found in columns.items():
        sheet[top : top + heights[name], : len(found)] = np.stack(found, axis=1)
        own_height, own_width = first[name].shape[:2]
        shown = _shown(first[name], grid.factor)
        tiles[name] = Tile(
            x=grid.corners[name][0],
            y=grid.corners[name][1],
            width=shown.shape[1],
            height=shown.shape[0],
            reduced=shown.shape[1] < own_width,
            num_frames=len(found),
            fps=rates.get(name),
            slice_y=top,
            slice_height=own_height,
            column=template_eye_column(own_width),
            size=(own_width, own_height),
        )
        top += heights[name]
    Image.fromarray(sheet).save(path, "png", optimize=True)
    return tiles


def _write_poster(mosaic: np.ndarray, path: Path, scale: float) -> None:
    size = [max(1, round(side * scale)) for side in mosaic.shape[1::-1]]
    picture = Image.fromarray(mosaic).resize(size, Image.Resampling.BOX)
    picture.save(path, "jpeg", quality=82, optimize=True)


def _write_thumbnail(paths: Sequence[Path], centre: int, out: Path) -> None:
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
