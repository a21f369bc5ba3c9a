"""A video file as players show it: what it is, its frames' times, and its frames.

Every reader of the package (clips, single frames, sizes, films) reads videos through here, so that
what one of them sees is what all see: upright, in right colours, without combs, with square pixels,
and all frames that an edit list shows. Whether a file was cut short is told by its packets.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition
from numpy.typing import NDArray

from dicface.base.counts import how_many
from dicface.base.errors import ClipError, DamagedClipError
from dicface.video.checksums import is_intact
from dicface.video.formats import ffmpeg_name
from dicface.video.looks import Looks, Shown, is_interlaced, looks_of
from dicface.video.packets import PacketLog, rate_of


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
        log = PacketLog(container, stream)
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
                f"{path}: none of its {log.count} frames can be decoded. Replace it by "
                "a whole copy or remove it."
            )
        times = log.times(looks)
        fps, variable = rate_of(times, looks, stream)
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
        shown: Shown | None = None
        seek = start is not None and video_facts(path).stamped
        for frame in reading.frames(start if seek else None):
            if shown is None:
                shown = Shown(path, looks_of(stream, frame), square_pixels, start)
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
        container = av.open(ffmpeg_name(path))
    except av.error.FFmpegError as error:
        raise _unreadable(path, error) from error
    if not container.streams.video or _is_cover(picture_stream(container)):
        container.close()
        raise ClipError(f"{path}: holds no video stream. Expected a video file.")
    if picture_stream(container).codec_context is None:
        container.close()
        raise ClipError(
            f"{path}: its codec cannot be read by the FFmpeg of this machine. Expected a codec "
            "such as H.264 or FFV1: convert it."
        )
    return container


def picture_stream(container: av.container.InputContainer) -> av.VideoStream:
    """The stream that players show: covers and thumbnails are none."""
    return container.streams.best("video") or container.streams.video[0]


def _is_cover(stream: av.VideoStream) -> bool:
    return Disposition.attached_pic in stream.disposition


class _Reading:
    """Decoding of one video, with what its packets tell of it."""

    def __init__(
        self, path: Path, container: av.container.InputContainer, stream: av.VideoStream
    ) -> None:
        self._path, self._container, self._stream = path, container, stream
        self._log: PacketLog | None = None
        self._decoded = 0
        self._damaged: list[int] = []
        self._broke_off = ""
        self._checked = stream.codec_context.name == "ffv1"
        self._intact: list[bool] = []

    def frames(self, start: int | None) -> Iterator[av.VideoFrame]:
        """Yields decoded frames, all or from the key frame before a time on."""
        if start is None:
            self._log = PacketLog(self._container, self._stream)
            yield from self._run()
            return
        begin = self._stream.start_time or 0
        # A field needs the frame before it. Demuxers may land behind the frame that they were
        # asked for; the start of the video is always before.
        sought = start - (is_interlaced(self._stream))
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
        """Raises DamagedClipError if the file was cut short or is damaged.

        Only reading all of it tells: after a seek, frames may lack what they are made from.
        """
        if self._log is None:
            return
        if looks is not None:
            times = self._log.times(looks)
            if num_missing := self._log.num_missing(times, looks):
                raise DamagedClipError(
                    f"{self._path}: holds {how_many(self._decoded, 'frame')}, its header announces "
                    f"{len(times) + num_missing}. The file looks truncated; replace it by a whole "
                    "copy or remove it."
                )
        if any(self._intact):  # Where none is, they have no checksums.
            self._damaged += [n for n, intact in enumerate(self._intact) if not intact]
        if self._damaged:
            damaged = sorted(set(self._damaged))
            raise DamagedClipError(
                f"{self._path}: {len(damaged)} of its {how_many(self._decoded, 'frame')} are "
                f"damaged, first frame {damaged[0]}{self._why()}. Replace it by a whole copy or "
                "remove it."
            )
        if self._broke_off:
            raise DamagedClipError(
                f"{self._path}: decoding breaks off after "
                f"{how_many(self._decoded, 'frame')}{self._why()}. The file looks truncated or "
                "damaged; replace it by a whole copy or remove it."
            )

    def _why(self) -> str:
        return f" ({self._broke_off})" if self._broke_off else ""


def _decoded(packet: av.Packet) -> list[av.VideoFrame]:
    try:
        return packet.decode()
    except av.error.FFmpegError:
        return []


def _unreadable(path: Path, error: av.error.FFmpegError) -> ClipError:
    return ClipError(
        f"{path}: is no video that can be read ({error.strerror}). "
        "Expected a whole video file; replace it by a whole copy or remove it."
    )


def remarks(facts: VideoFacts) -> Iterable[str]:
    """What a user should know of a video: how it was changed to be a clip."""
    if facts.variable:
        yield (
            f"its frame rate is variable; its clip has all {how_many(facts.num_frames, 'frame')} "
            f"at {float(facts.fps):.4g} a second, the mean"
        )
    if facts.interlaced:
        yield "it is interlaced; its frames are deinterlaced (bwdif)"
    if (facts.coded_width, facts.coded_height) != facts.turn.size(facts.width, facts.height):
        yield (
            f"its pixels are not square ({facts.pixel_aspect}); its frames are enlarged to "
            f"{facts.width}×{facts.height} px"
        )
