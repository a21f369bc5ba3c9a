"""A video file as players show it: what it is, its frames' times, and its frames.

Every reader of the package (clips, single frames, sizes, films) reads videos through here, so that
what one of them sees is what all see: upright, in right colours, without combs, with square pixels,
and all frames that an edit list shows. Whether a file was cut short is told by its packets.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from av.filter import Graph
from numpy.typing import NDArray

from dicface.base.errors import ClipError, DamagedClipError
from dicface.video.checksums import is_intact
from dicface.video.colour import Colour, Converter, colour_of
from dicface.video.turn import Turn

DEFAULT_FPS = Fraction(25)

_INTERLACED_ORDERS = (2, 3, 4, 5)
"""FFmpeg's AVFieldOrder of interlaced streams."""

_LISTS_PACKETS = "mp4"
_SLACK = {"matroska": 0.5, "avi": 0.5, "flv": 1.5, "asf": 1.5, "mxf": 0.5}
"""Formats that say their length -> frames by which they may be wrong."""


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


@dataclass(frozen=True, kw_only=True, eq=False)
class VideoFacts(Looks):
    """What a whole video is.

    Attributes:
        path: The file.
        times: (T,) int64, when each frame is shown, ticks of `time_base`, ascending.
        fps: Frames a second, over all of it where the rate varies.
        variable: Whether frames are shown for times of several lengths.
        num_missing: About how many frames were cut off, or 0.
    """

    path: Path
    times: NDArray[np.int64]
    fps: Fraction
    variable: bool
    num_missing: int

    @property
    def num_frames(self) -> int:
        """T."""
        return len(self.times)


def video_facts(path: str | Path) -> VideoFacts:
    """Reads what a video is: all packets once, of which only the first frame is decoded.

    Raises:
        ClipError: It is missing or no video, or none of its frames can be decoded.
    """
    path = Path(path)
    stat = path.stat() if path.exists() else None
    return _facts(path, (stat.st_mtime_ns, stat.st_size) if stat else (0, 0))


@lru_cache(maxsize=4096)
def _facts(path: Path, stamp: tuple[int, int]) -> VideoFacts:
    with open_container(path) as container:
        stream = picture_stream(container)
        log = _PacketLog(container, stream)
        looks = None
        try:
            for packet in container.demux():
                log.add(packet)
                if looks is None and packet.stream is stream:
                    looks = next((looks_of(stream, frame) for frame in _decoded(packet)), None)
        except av.error.FFmpegError as error:
            if not log.count:
                raise _unreadable(path, error) from error
        if looks is None:
            raise ClipError(
                f"{path}: none of its {log.count} frames can be decoded. Replace it by a whole "
                "copy or remove it."
            )
        times = log.times(looks)
        fps, variable = _rate(times, looks, stream)
        return VideoFacts(
            **vars(looks),
            path=path,
            times=times,
            fps=fps,
            variable=variable,
            num_missing=log.num_missing(times, looks),
        )


def decode(
    path: str | Path,
    *,
    start: int | None = None,
    square_pixels: bool = True,
    strict: bool = True,
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yields the frames of a video as players show them, one at a time.

    Args:
        path: The video.
        start: Yields frames shown at this time or later, ticks of `Looks.time_base`; None is the
            start of the video. Reading begins at the key frame before.
        square_pixels: Whether frames whose pixels are not square are enlarged along the shorter
            side of a pixel.
        strict: Whether a file that was cut short or is damaged is an error, once all frames that
            it holds were yielded.

    Yields:
        The time at which a frame is shown, ticks of `Looks.time_base`, and the frame, (H, W, 3)
        uint8 RGB.

    Raises:
        ClipError: It is missing or no video, has colours that are not read here, cannot be decoded
            or, where `strict`, to its end.
    """
    path = Path(path)
    with open_container(path) as container:
        stream = picture_stream(container)
        stream.thread_type = "AUTO"
        reading = _Reading(path, container, stream)
        shown: _Shown | None = None
        seek = start is not None and video_facts(path).stamped
        for frame in reading.frames(start if seek else None):
            if shown is None:
                shown = _Shown(path, looks_of(stream, frame), square_pixels, start)
            yield from shown.add(frame)
        if shown is not None:
            yield from shown.rest()
        if strict:
            reading.require_whole(shown.looks if shown else None)


def open_container(path: Path) -> av.container.InputContainer:
    """Opens a video, which the caller closes.

    Raises:
        ClipError: It is missing, empty or no video.
    """
    if not path.exists():
        raise ClipError(f"{path}: no such file. Check the path.")
    if path.stat().st_size == 0:
        raise ClipError(f"{path}: the file is empty (0 bytes). Replace it by a whole copy.")
    try:
        container = av.open(str(path))
    except av.error.FFmpegError as error:
        raise _unreadable(path, error) from error
    if not container.streams.video:
        container.close()
        raise ClipError(f"{path}: holds no video stream. Expected a video file.")
    return container


def picture_stream(container: av.container.InputContainer) -> av.VideoStream:
    """The stream that players show: covers and thumbnails are none."""
    return container.streams.best("video") or container.streams.video[0]


def looks_of(stream: av.VideoStream, frame: av.VideoFrame) -> Looks:
    """How a stream is shown, by its header and one of its frames."""
    # Read of one frame only: side data makes reference cycles, which keep frames in memory.
    matrix = frame.side_data.get("DISPLAYMATRIX")
    turn = Turn.of_matrix(bytes(matrix)) if matrix else Turn()
    aspect = Fraction(stream.sample_aspect_ratio or 1) or Fraction(1)
    square = (
        round(frame.width * max(aspect, Fraction(1))),
        round(frame.height / min(aspect, Fraction(1))),
    )
    width, height = turn.size(*square)
    stamped = frame.pts is not None
    rate = Fraction(stream.average_rate or stream.guessed_rate or DEFAULT_FPS)
    return Looks(
        width=width,
        height=height,
        coded_width=frame.width,
        coded_height=frame.height,
        turn=turn,
        pixel_aspect=aspect,
        interlaced=frame.interlaced_frame or stream.codec_context.field_order in _INTERLACED_ORDERS,
        colour=colour_of(frame),
        codec=stream.codec_context.name,
        time_base=stream.time_base if stamped else 1 / rate,
        stamped=stamped,
    )


class _Shown:
    """From decoded frames to what players show."""

    def __init__(self, path: Path, looks: Looks, square_pixels: bool, start: int | None) -> None:
        looks.require_readable(path)
        self.looks = looks
        self._square, self._start = square_pixels, start
        self._converters: dict[tuple[int, int], Converter] = {}
        self._deinterlace = Deinterlacer() if looks.interlaced else None
        self._pts: deque[int | None] = deque()
        self._count = itertools.count()

    def add(self, frame: av.VideoFrame) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        self._pts.append(frame.pts)
        frames = self._deinterlace.add(frame) if self._deinterlace else (frame,)
        yield from self._wanted(frames)

    def rest(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
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
            width = round(frame.width * max(aspect, Fraction(1)))
            height = round(frame.height / min(aspect, Fraction(1)))
            self._converters[coded] = Converter(self.looks.colour, width, height)
        return self._converters[coded]


class Deinterlacer:
    """FFmpeg's bwdif, one frame out for one in; frames that are marked as progressive stay."""

    def __init__(self) -> None:
        self._graph: Graph | None = None

    def add(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """Takes the next frame; yields those that are ready."""
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
        """Yields the frames that were held back."""
        if self._graph is not None:
            self._graph.vpush(None)
            yield from self._pull()

    def _pull(self) -> Iterator[av.VideoFrame]:
        while True:
            try:
                yield self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return


class _Reading:
    """Decoding of one video, with what its packets tell of it."""

    def __init__(
        self, path: Path, container: av.container.InputContainer, stream: av.VideoStream
    ) -> None:
        self._path, self._container, self._stream = path, container, stream
        self._log: _PacketLog | None = None
        self._decoded = 0
        self._damaged: list[int] = []
        self._broke_off = ""
        self._checked = stream.codec_context.name == "ffv1"
        self._intact: list[bool] = []

    def frames(self, start: int | None) -> Iterator[av.VideoFrame]:
        """Yields decoded frames, all or from the key frame before a time on."""
        if start is None:
            self._log = _PacketLog(self._container, self._stream)
            yield from self._run()
            return
        begin = self._stream.start_time or 0
        # A field needs the frame before it. Demuxers may land behind the frame that they were
        # asked for; the start of the video is always before.
        sought = start - (self._stream.codec_context.field_order in _INTERLACED_ORDERS)
        for target in (sought, min(sought, begin)):
            with contextlib.suppress(av.error.FFmpegError):  # Raw streams cannot seek.
                self._container.seek(target, stream=self._stream, backward=True)
            frames = self._run()
            first = next(frames, None)
            if first is not None and first.pts is not None and first.pts <= max(sought, begin):
                break
        if first is not None:
            yield from itertools.chain((first,), frames)

    def _run(self) -> Iterator[av.VideoFrame]:
        packets = self._container.demux()
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError as error:
                self._broke_off = error.strerror
                return
            if packet is None:
                return
            if self._log is not None:
                self._log.add(packet)
            if packet.stream is not self._stream:
                continue
            if packet.is_corrupt:
                self._damaged.append(self._decoded)
            if self._checked and self._log is not None and packet.size:
                self._intact.append(is_intact(bytes(packet)))
            try:
                frames = packet.decode()
            except av.error.EOFError:  # There was nothing left in the decoder.
                continue
            except av.error.FFmpegError as error:
                self._damaged.append(self._decoded)
                self._broke_off = self._broke_off or error.strerror
                continue
            for frame in frames:
                if frame.is_corrupt:
                    self._damaged.append(self._decoded)
                self._decoded += 1
                yield frame

    def require_whole(self, looks: Looks | None) -> None:
        """Raises DamagedClipError if the file was cut short or is damaged."""
        if looks is not None and self._log is not None:
            times = self._log.times(looks)
            if num_missing := self._log.num_missing(times, looks):
                raise DamagedClipError(
                    f"{self._path}: holds {self._decoded} frames, its header announces "
                    f"{len(times) + num_missing}. The file looks truncated; replace it by a whole "
                    "copy or remove it."
                )
        if any(self._intact):  # Where none is, they have no checksums.
            self._damaged += [n for n, intact in enumerate(self._intact) if not intact]
        if self._damaged:
            damaged = sorted(set(self._damaged))
            raise DamagedClipError(
                f"{self._path}: {len(damaged)} of its {self._decoded} frames are damaged, first "
                f"frame {damaged[0]}{self._why()}. Replace it by a whole copy or remove it."
            )
        if self._broke_off:
            raise DamagedClipError(
                f"{self._path}: decoding breaks off after {self._decoded} frames{self._why()}. "
                "The file looks truncated or damaged; replace it by a whole copy or remove it."
            )

    def _why(self) -> str:
        return f" ({self._broke_off})" if self._broke_off else ""


@dataclass(eq=False)
class _PacketLog:
    """What the packets of a file tell: when frames are shown, and whether some were cut off."""

    container: av.container.InputContainer
    stream: av.VideoStream
    count: int = 0
    cut: int = 0
    reached: Fraction = Fraction(0)
    reached_by_any: Fraction = Fraction(0)
    first: Fraction = Fraction(0)
    key: int | None = None
    shown: list[int | None] = field(default_factory=list)

    def add(self, packet: av.Packet) -> None:
        if not packet.size:
            return
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is not None:
            begin = stamp * packet.time_base
            self.first = min(self.first, begin)
            end = begin + (packet.duration or 0) * packet.time_base
            self.reached_by_any = max(self.reached_by_any, end)
            if packet.stream is self.stream:
                self.reached = max(self.reached, end)
        if packet.stream is not self.stream:
            return
        self.count += 1
        self.cut += packet.is_corrupt
        if self.key is None and packet.is_keyframe:
            self.key = packet.pts
        if packet.is_discard or self._is_no_picture(packet):
            return
        # What comes before the first key frame, or leads to one that is not there, is not shown.
        if self.key is None or packet.pts is None or packet.pts >= self.key:
            self.shown.append(packet.pts)

    def times(self, looks: Looks) -> NDArray[np.int64]:
        if not looks.stamped or None in self.shown:
            return np.arange(len(self.shown), dtype=np.int64)
        return np.sort(np.array(self.shown, dtype=np.int64))

    def num_missing(self, times: NDArray[np.int64], looks: Looks) -> int:
        """About how many frames were cut off the end.

        MP4 lists all packets, before and after edit lists. Other files tell only their length,
        Matroska that of each stream and the others that of the longest.
        """
        formats = self.container.format.name.split(",")
        if _LISTS_PACKETS in formats:
            return max(0, len(self.stream.index_entries) - self.count) + self.cut
        if "avi" in formats and _is_cut_riff(Path(self.container.name)):
            return max(1, self.stream.frames - self.count)
        slack = next((_SLACK[name] for name in formats if name in _SLACK), None)
        if slack is None or not len(times):
            return 0
        length, reached = _seconds(self.stream.metadata.get("DURATION", "")), self.reached
        if not length:
            length = (self.container.duration or 0) / av.time_base
            reached = self.reached_by_any
        steps = np.diff(times) if len(times) > 1 else np.array([0])
        usual = float(np.median(steps) * looks.time_base)
        usual = usual or float(1 / (self.stream.average_rate or DEFAULT_FPS))
        slack *= usual
        if not _is_steady(steps):  # The last frame may be shown as long as any other.
            slack = max(slack, float(steps.max() * looks.time_base))
        gap = length - float(reached - self.first)
        return round(gap / usual) if gap > slack else 0

    def _is_no_picture(self, packet: av.Packet) -> bool:
        """VP8 has packets that only other frames are made from."""
        return self.stream.codec_context.name == "vp8" and not bytes(packet)[0] & 0x10


def _decoded(packet: av.Packet) -> list[av.VideoFrame]:
    try:
        return packet.decode()
    except av.error.FFmpegError:
        return []


def _rate(times: NDArray[np.int64], looks: Looks, stream: av.VideoStream) -> tuple[Fraction, bool]:
    """Frames a second, and whether they vary; headers are right only where they do not."""
    announced = Fraction(stream.average_rate or stream.guessed_rate or DEFAULT_FPS)
    steps = np.diff(times)
    if len(steps) < 1 or not looks.stamped or _is_steady(steps):
        return announced, False
    seconds = int(times[-1] - times[0]) * looks.time_base
    return (len(steps) / seconds).limit_denominator(1001) if seconds else announced, True


def _is_cut_riff(path: Path) -> bool:
    """Whether an AVI is shorter than it says; FFmpeg guesses the length of such a file."""
    with open(path, "rb") as file:
        head = file.read(8)
    return path.stat().st_size < 8 + int.from_bytes(head[4:], "little")


def _seconds(clock: str) -> float:
    """Reads hours, minutes and seconds; 0 if they are none.

    >>> _seconds("00:01:02.500000000")
    62.5
    """
    parts = clock.split(":")
    try:
        return sum(float(part) * unit for part, unit in zip(parts, (3600, 60, 1), strict=True))
    except ValueError:
        return 0


def _is_steady(steps: NDArray[np.int64]) -> bool:
    """Whether frames follow each other evenly, but for times rounded to ticks."""
    return bool(np.ptp(steps) <= 2 or np.ptp(steps) <= 0.1 * np.median(steps))


def _unreadable(path: Path, error: av.error.FFmpegError) -> ClipError:
    return ClipError(
        f"{path}: is no video that can be read ({error.strerror}). "
        "Expected a whole video file; replace it by a whole copy or remove it."
    )


def remarks(facts: VideoFacts) -> Iterable[str]:
    """What a user should know of a video: how it was changed to be a clip."""
    if facts.variable:
        yield (
            f"its frame rate is variable; its clip has all {facts.num_frames} frames at "
            f"{float(facts.fps):.4g} a second, the mean"
        )
    if facts.interlaced:
        yield "it is interlaced; its frames are deinterlaced (bwdif)"
    if (facts.coded_width, facts.coded_height) != facts.turn.size(facts.width, facts.height):
        yield (
            f"its pixels are not square ({facts.pixel_aspect}); its frames are enlarged to "
            f"{facts.width}×{facts.height} px"
        )
