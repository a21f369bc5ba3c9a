"""How a video is shown: turned, deinterlaced, with square pixels, in right colours."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.filter import Graph
from numpy.typing import NDArray

from dicface.base.errors import ClipError
from dicface.video.colour import Colour, Converter, colour_of
from dicface.video.turn import Turn

DEFAULT_FPS = Fraction(25)

_INTERLACED_ORDERS = (2, 3, 4, 5)
"""FFmpeg's AVFieldOrder of interlaced streams."""


@dataclass(frozen=True, kw_only=True)
class Looks:
    """How a video's frames are shown.

    Attributes:
        width: Of an upright frame with square pixels, px: the one that `decode` yields.
        height: Its height, px.
        coded_width: Of a frame as it is coded, px.
        coded_height: Its height, px.
        turn: How coded frames are turned upright.
        pixel_aspect: Width of a coded pixel by its height.
        interlaced: Whether frames hold two fields; `decode` deinterlaces them.
        colour: How colours are coded.
        codec: FFmpeg's name of the codec.
        time_base: Seconds a tick of the times.
        stamped: Whether frames have times; else they are counted, one tick each.
    """

    width: int
    height: int
    coded_width: int
    coded_height: int
    turn: Turn
    pixel_aspect: Fraction
    interlaced: bool
    colour: Colour
    codec: str
    time_base: Fraction
    stamped: bool

    def require_readable(self, path: Path) -> None:
        """Raises ClipError where the colours of the video at `path` cannot be turned into RGB."""
        if self.colour.hdr:
            raise ClipError(
                f"{path}: its colours are made for HDR screens ({self.colour.hdr}); expected an "
                "ordinary video. Tone-map it to BT.709 first, for example with FFmpeg's filters "
                "zscale and tonemap."
            )
        if self.colour.matrix == "unknown":
            raise ClipError(
                f"{path}: its colours are coded in a way that is not read here (FFmpeg's matrix "
                f"{self.colour.tags[0]}); expected BT.601, BT.709, BT.2020 or RGB. Convert it "
                "with FFmpeg."
            )


def header_rate(stream: av.VideoStream) -> Fraction:
    """Frames a second by the header, which is right where frames follow each other evenly."""
    return Fraction(stream.average_rate or stream.guessed_rate or DEFAULT_FPS)


def is_interlaced(stream: av.VideoStream) -> bool:
    """Whether the header says that frames hold two fields."""
    return stream.codec_context.field_order in _INTERLACED_ORDERS


def square(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """Width and height of a frame whose pixels are enlarged along their shorter side.

    >>> square(720, 576, Fraction(16, 15))
    (768, 576)
    """
    return round(width * max(aspect, Fraction(1))), round(height / min(aspect, Fraction(1)))


def looks_of(stream: av.VideoStream, frame: av.VideoFrame) -> Looks:
    """How a stream is shown, by its header and one of its frames."""
    # Read of one frame only: side data makes reference cycles, which keep frames in memory.
    matrix = frame.side_data.get("DISPLAYMATRIX")
    turn = Turn.of_matrix(bytes(matrix)) if matrix else Turn()
    aspect = Fraction(stream.sample_aspect_ratio or 1) or Fraction(1)
    width, height = turn.size(*square(frame.width, frame.height, aspect))
    stamped = frame.pts is not None
    return Looks(
        width=width,
        height=height,
        coded_width=frame.width,
        coded_height=frame.height,
        turn=turn,
        pixel_aspect=aspect,
        interlaced=frame.interlaced_frame or is_interlaced(stream),
        colour=colour_of(frame),
        codec=stream.codec_context.name,
        time_base=stream.time_base if stamped else 1 / header_rate(stream),
        stamped=stamped,
    )


class Shown:
    """From decoded frames to what players show.

    Args:
        path: The video, for messages.
        looks: How it is shown.
        square_pixels: Whether frames are enlarged until their pixels are square.
        start: Frames before this time are left out, ticks; None takes all.

    Raises:
        ClipError: Its colours cannot be turned into RGB.
    """

    def __init__(self, path: Path, looks: Looks, square_pixels: bool, start: int | None) -> None:
        looks.require_readable(path)
        self.looks = looks
        self._square, self._start = square_pixels, start
        self._converters: dict[tuple[int, int], Converter] = {}
        self._deinterlace = Deinterlacer() if looks.interlaced else None
        self._pts: deque[int | None] = deque()
        self._count = itertools.count()

    def add(self, frame: av.VideoFrame) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Takes the next decoded frame; yields time and RGB of what can be shown by now."""
        self._pts.append(frame.pts)
        frames = self._deinterlace.add(frame) if self._deinterlace else (frame,)
        yield from self._wanted(frames)

    def rest(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Yields what is left when there are no more frames."""
        if self._deinterlace:
            yield from self._wanted(self._deinterlace.rest())

    def _wanted(self, frames: Iterable[av.VideoFrame]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        for frame in frames:
            pts, number = self._pts.popleft(), next(self._count)
            time = pts if self.looks.stamped and pts is not None else number
            if self._start is None or time >= self._start:
                yield time, self.looks.turn.apply(self._converter(frame).to_rgb(frame))

    def _converter(self, frame: av.VideoFrame) -> Converter:
        """Frames of a video may change their size."""
        coded = (frame.width, frame.height)
        if coded not in self._converters:
            aspect = self.looks.pixel_aspect if self._square else Fraction(1)
            self._converters[coded] = Converter(self.looks.colour, *square(*coded, aspect))
        return self._converters[coded]


class Deinterlacer:
    """FFmpeg's bwdif, one frame out for one in; frames that are marked as progressive stay."""

    def __init__(self) -> None:
        self._graph: Graph | None = None

    def add(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """Takes the next decoded frame; yields those that are ready."""
        if self._graph is None:
            self._graph = Graph()
            source = self._graph.add_buffer(
                width=frame.width,
                height=frame.height,
                format=frame.format,
                time_base=frame.time_base,
            )
            bwdif = self._graph.add("bwdif", "mode=send_frame:deint=interlaced")
            self._graph.link_nodes(source, bwdif, self._graph.add("buffersink")).configure()
        self._graph.vpush(frame)
        yield from self._pull()

    def rest(self) -> Iterator[av.VideoFrame]:
        """Yields what is left when there are no more frames."""
        if self._graph is not None:
            self._graph.vpush(None)
            yield from self._pull()

    def _pull(self) -> Iterator[av.VideoFrame]:
        while True:
            try:
                yield self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
