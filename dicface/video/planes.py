"""Pictures of a film as their decoder gives them: planes that stay as they are, and their RGB.

A film is not turned into RGB and back to be restored. What changes of a picture is added to its
planes, so that everything else keeps every bit, also those beyond 8.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import av
import cv2
import numpy as np
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from dicface.video.colour import Colour, Converter
from dicface.video.looks import Looks
from dicface.video.turn import Turn

Box = tuple[slice, slice]
"""Rows and columns of a part of a picture, of whole samples of colour (`box_around`)."""

Edit = tuple[NDArray[np.uint8], NDArray[np.uint8], Box]
"""RGB of a part before and after a change, and where the part is."""

_SAMPLE_PX = 4
"""No format has samples of colour of more rows or columns."""

RGB = "rgb24"

_OF_RGB = Colour(matrix="rgb", full_range=True, bits=8, hdr="", tagged=False, tags=(2, 2, 2, 0))
# Weights of red and blue in luma.
_RED_BLUE = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
    "bt2020": (0.2627, 0.0593),
    "fcc": (0.30, 0.11),
    "smpte240m": (0.212, 0.087),
}
_TAGS = {"bt601": Colorspace.ITU601, "bt709": Colorspace.ITU709}
_SMOOTH = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_of_thread = threading.local()


@dataclass(eq=False)
class Picture:
    """One picture of a film, upright.

    Attributes:
        frame: Planar YUV of any depth, or rgb24.
        pts: When it is shown, in units of the film's time base.
        colour: How YUV is coded.
        size: Height and width of `rgb`, whose pixels are square, px.
    """

    frame: av.VideoFrame
    pts: int
    colour: Colour
    size: tuple[int, int]

    @property
    def is_rgb(self) -> bool:
        """Whether it is kept as RGB; it is YUV otherwise."""
        return self.frame.format.name == RGB

    @cached_property
    def rgb(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB, not to be written to."""
        key = (self.colour, *self.size)
        known = _of_thread.__dict__.setdefault("converters", {})
        if key not in known:
            known[key] = Converter(self.colour, self.size[1], self.size[0])
        return known[key].to_rgb(self.frame)

    def forget_rgb(self) -> None:
        """Frees the memory of `rgb`; it is made again when it is asked for."""
        self.__dict__.pop("rgb", None)
        self.__dict__.pop("_parts", None)

    @cached_property
    def _parts(self) -> dict[str, Picture]:
        return {}

    def resized(self, factor: int) -> Picture:
        """The picture `factor` times as large, bicubic; itself at 1."""
        if factor == 1:
            return self
        width, height = self.frame.width * factor, self.frame.height * factor
        large = _tagged(reformatted(self.frame, width=width, height=height), self.colour)
        return self._with(large, (self.size[0] * factor, self.size[1] * factor))

    @property
    def quick_rgb(self) -> NDArray[np.uint8]:
        """`rgb` in a third of the time, with colours of edges less exact: to look for faces in.

        A view of a frame's memory, whose rows may lie apart.
        """
        height, width = self.size
        if self.is_rgb:
            return self.rgb
        made = reformatted(
            self.frame, Interpolation.BILINEAR, format=RGB, width=width, height=height
        )
        return planes_of(made)[0]

    def part(self, box: Box) -> Picture:
        """A part of the picture, of its own planes; where pixels are not square, only all of it."""
        if box == whole(self.size):
            return self
        if str(box) not in self._parts:
            planes = planes_of(self.frame)
            frame = frame_of([_part(plane, planes[0], box) for plane in planes], self.frame)
            size = (box[0].stop - box[0].start, box[1].stop - box[1].start)
            self._parts[str(box)] = self._with(frame, size)
        return self._parts[str(box)]

    def changed(self, edits: Sequence[Edit]) -> Picture:
        """The picture with changes of parts; elsewhere its planes keep their bits."""
        if not edits:
            return self
        frame = frame_of(planes_of(self.frame), self.frame)
        planes = planes_of(frame)
        coded = planes[0].shape[:2]
        for before, after, box in edits:
            change = cv2.subtract(after, before, dtype=cv2.CV_32F)
            if self.size != coded:  # pixels are not square
                box, change = whole(coded), cv2.resize(change, coded[::-1])
            self._add(planes, change, box)
        return self._with(frame, self.size)

    def _add(self, planes: list[NDArray], change: NDArray[np.float32], box: Box) -> None:
        """Adds a change of RGB to a part of planes, in place."""
        if self.is_rgb:
            parts = [(planes[0][box], change)]
        else:
            changes = cv2.split(cv2.transform(change, _to_yuv(self.colour)))
            parts = [
                (_part(plane, planes[0], box), each)
                for plane, each in zip(planes, changes, strict=True)
            ]
        top = 2 ** self.frame.format.components[0].bits - 1
        for part, each in parts:
            if part.shape[:2] != each.shape[:2]:
                each = cv2.resize(each, part.shape[1::-1], interpolation=cv2.INTER_AREA)
            part[:] = np.clip(np.rint(part + each), 0, top)

    def _with(self, frame: av.VideoFrame, size: tuple[int, int]) -> Picture:
        return Picture(frame, self.pts, self.colour, size)


def picture_of(rgb: NDArray[np.uint8], pts: int) -> Picture:
    """A picture of (H, W, 3) uint8 RGB."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), RGB)
    return Picture(frame, pts, _OF_RGB, rgb.shape[:2])


def upright(frame: av.VideoFrame, looks: Looks, pts: int) -> Picture:
    """A decoded frame as it is shown; planes of YUV are turned as they are, without a loss."""
    layout = layout_of(frame.format, looks.turn)
    if layout == RGB:
        coded = Converter(looks.colour, frame.width, frame.height).to_rgb(frame)
        frame = av.VideoFrame.from_ndarray(coded, RGB)
    elif "444" in layout and "444" not in frame.format.name:
        frame = reformatted(frame, format=frame.format.name.replace("422", "444"))
    if looks.turn != Turn() or frame.format.name != layout:
        frame = frame_of([looks.turn.apply(plane) for plane in planes_of(frame)], frame, layout)
        frame.color_range = ColorRange.JPEG if looks.colour.full_range else frame.color_range
    colour = _OF_RGB if frame.format.name == RGB else looks.colour
    return Picture(frame, pts, colour, (looks.height, looks.width))


def box_around(points: NDArray[np.floating], margin: int, size: tuple[int, int]) -> Box:
    """The part of a picture around points, or the nearest one where these lie outside.

    Args:
        points: (N, 2) x and y, px.
        margin: More on all sides, px.
        size: Height and width of the picture, px.
    """
    low = np.floor((points.min(0) - margin) / _SAMPLE_PX).astype(int) * _SAMPLE_PX
    high = np.ceil((points.max(0) + margin) / _SAMPLE_PX).astype(int) * _SAMPLE_PX
    last = (np.array(size[::-1]) - 1) // _SAMPLE_PX * _SAMPLE_PX
    left, top = low.clip(0, last).tolist()
    right, bottom = high.clip(_SAMPLE_PX, size[::-1]).tolist()
    return slice(top, bottom), slice(left, right)


def whole(size: tuple[int, int]) -> Box:
    """The part that is all of a picture of a height and width."""
    return slice(0, size[0]), slice(0, size[1])


def layout_of(coded: av.VideoFormat, turn: Turn) -> str:
    """The format of upright pictures of frames that are coded in a format."""
    if not _is_planar_yuv(coded):
        return RGB
    # An old name for the same planes in full range.
    name = coded.name.replace("yuvj", "yuv")
    # Turned, colours that are halved across would be halved down, which few codecs know.
    return name.replace("422", "444") if turn.transposed else name


def beside(left: Picture, right: Picture) -> Picture:
    """Two pictures of one kind and size side by side, at the time of the right one."""
    pairs = zip(planes_of(left.frame), planes_of(right.frame), strict=True)
    both = _tagged(frame_of([np.hstack(pair) for pair in pairs], right.frame), right.colour)
    return Picture(both, right.pts, right.colour, (right.size[0], 2 * right.size[1]))


def planes_of(frame: av.VideoFrame) -> list[NDArray]:
    """Views of a frame's memory: three planes (H, W) of uint8 or uint16, or (H, W, 3) of RGB."""
    layout = frame.format
    kind = np.dtype(np.uint16 if layout.components[0].bits > 8 else np.uint8)
    planes = []
    for plane, part in zip(frame.planes, layout.components, strict=False):
        rows = np.frombuffer(plane, kind).reshape(-1, plane.line_size // kind.itemsize)
        if layout.name == RGB:
            return [rows[:, : 3 * frame.width].reshape(frame.height, frame.width, 3)]
        planes.append(rows[: part.height, : part.width])
    return planes


def frame_of(planes: Sequence[NDArray], like: av.VideoFrame, layout: str = "") -> av.VideoFrame:
    """A frame of planes, in the colours of another one, and its format if no other is named."""
    height, width = planes[0].shape[:2]
    frame = av.VideoFrame(width, height, layout or like.format.name)
    for target, plane in zip(planes_of(frame), planes, strict=True):
        target[:] = plane
    for tag in ("colorspace", "color_range", "color_trc", "color_primaries"):
        setattr(frame, tag, getattr(like, tag))
    return frame


def reformatted(
    frame: av.VideoFrame, how: Interpolation = _SMOOTH, **target: object
) -> av.VideoFrame:
    """A frame in another format or size; RGB becomes YUV of BT.709.

    Args:
        frame: Any frame.
        how: Its way to size pictures and colours.
        **target: `format`, `width`, `height`.
    """
    reformatter = _of_thread.__dict__.setdefault("reformatter", VideoReformatter())
    colours = {}
    if frame.format.is_rgb and str(target.get("format", RGB)).startswith("yuv"):
        colours = {"dst_colorspace": Colorspace.ITU709, "dst_color_range": ColorRange.MPEG}
    return reformatter.reformat(frame, interpolation=how, threads=1, **target, **colours)


def _tagged(frame: av.VideoFrame, colour: Colour) -> av.VideoFrame:
    """A frame of another size than its film's, which no longer tells how colours are coded."""
    if not colour.tagged and colour.matrix in _TAGS:
        frame.colorspace = _TAGS[colour.matrix]
    return frame


def untyped(frame: av.VideoFrame) -> av.VideoFrame:
    """The frame itself, whose encoder may choose whether it is a key frame."""
    frame.pict_type = PictureType.NONE
    return frame


def _is_planar_yuv(layout: av.VideoFormat) -> bool:
    return (
        layout.name.startswith("yuv")
        and layout.is_planar
        and not layout.is_big_endian
        and len(layout.components) == 3
    )


def _to_yuv(colour: Colour) -> NDArray[np.float64]:
    """(3, 3), from a difference of 8-bit R'G'B' to one of Y'CbCr as it is coded."""
    red, blue = _RED_BLUE[colour.matrix]
    luma = np.array([red, 1 - red - blue, blue])
    to_blue = (np.array([0, 0, 1]) - luma) / (2 * (1 - blue))
    to_red = (np.array([1, 0, 0]) - luma) / (2 * (1 - red))
    if colour.full_range:
        scale = np.full(3, (2**colour.bits - 1) / 255)
    else:
        scale = np.array([219, 224, 224]) / 255 * 2 ** (colour.bits - 8)
    return np.stack([luma, to_blue, to_red]) * scale[:, None]


def _steps(plane: NDArray, luma: NDArray) -> list[int]:
    """How many rows and columns of luma a sample of a plane stands for."""
    return [-(-whole // part) for whole, part in zip(luma.shape, plane.shape, strict=False)]


def _part(plane: NDArray, luma: NDArray, box: Box) -> NDArray:
    """The samples of a plane that lie in a part of the picture."""
    rows, columns = (
        slice(side.start // by, -(-side.stop // by))
        for side, by in zip(box, _steps(plane, luma), strict=False)
    )
    return plane[rows, columns]
