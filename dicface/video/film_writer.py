"""Writing a film: its pictures in parts that stand alone, and all parts as one file with the rest.

A part is encoded by itself, with fixed threads and without time stamps of the day, so that equal
pictures give equal bytes, whichever part was made when.
"""

from __future__ import annotations

import contextlib
import errno
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np
from av.codec import Codec
from numpy.typing import NDArray

from dicface.base.errors import ClipError
from dicface.base.files import atomic_path
from dicface.video.films import Film
from dicface.video.formats import ffmpeg_name
from dicface.video.h264 import REPEATABLE
from dicface.video.planes import Picture, frame_of, planes_of, reformatted, untyped
from dicface.video.videos import open_container

Coding = Literal["h264", "h264_10", "lossless"]

LOSSLESS_H264 = tuple(
    f"yuv{colours}p{bits}" for bits in ("", "10le") for colours in (420, 422, 444)
)
"""Formats of pictures that lossless H.264 keeps; all others are FFV1."""

CRF = 16
_THREADS = 4
_KEY_FRAME_EVERY_S = 2
_FORMATS = {"mp4": "mp4", "mkv": "matroska", "mov": "mov"}
# What a demuxer says of the file, and a muxer of what it wrote: no longer true of the new one.
_OF_FILE = ("major_brand", "minor_version", "compatible_brands", "encoder")
_OF_CODING = ("encoder", "vendor_id", "bps", "duration", "number_of_", "_statistics")
_IN_MP4 = (
    *("title", "artist", "album", "album_artist", "comment", "composer", "copyright", "date"),
    *("description", "synopsis", "genre", "grouping", "lyrics", "track", "show", "episode_id"),
    *("network", "creation_time", "keywords", "hd_video", "gapless_playback", "media_type"),
)


class PartWriter:
    """Encodes pictures into a file that stands alone: its first frame is a key frame.

    Args:
        path: The file, of suffix .nut, which keeps any time base.
        film: The film; its time base counts the pictures' times.
        coding: "h264": 8 bits, 4:2:0, what plays everywhere. "h264_10": the same in 10 bits.
            "lossless": the pictures' own format, bit for bit: H.264 that few browsers play, FFV1
            for pictures that H.264 does not know (RGB, 12 bits).

    """

    def __init__(self, path: Path, film: Film, coding: Coding) -> None:
        self._film, self._coding, self._stream = film, coding, None
        options = {"fflags": "+bitexact"}
        self._container = av.open(ffmpeg_name(path), "w", format="nut", container_options=options)

    def __enter__(self) -> PartWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is None:
            self.close()
        else:
            with contextlib.suppress(OSError, av.error.FFmpegError):
                self._container.close()

    def add(self, picture: Picture) -> None:
        """Encodes the next picture.

        Raises:
            OSError: The disk is full.
        """
        with full_disk_as_oserror():
            frame = _as_coded(picture, self._coding)
            if self._stream is None:
                self._stream = self._new_stream(frame)
            frame.pts, frame.time_base = picture.pts, self._film.time_base
            self._container.mux(self._stream.encode(untyped(frame)))

    def close(self) -> None:
        """Writes what is held back; raises as `add`."""
        with full_disk_as_oserror():
            if self._stream is not None:
                self._container.mux(self._stream.encode(None))
            self._container.close()

    def _new_stream(self, frame: av.VideoFrame) -> av.VideoStream:
        ffv1 = self._coding == "lossless" and frame.format.name not in LOSSLESS_H264
        quality = {"qp": "0"} if self._coding == "lossless" else {"crf": str(CRF)}
        options = {"level": "3", "slicecrc": "1"} if ffv1 else {**quality, **REPEATABLE}
        rate = self._film.fps.limit_denominator(1001)
        name = "ffv1" if ffv1 else "libx264"
        stream = self._container.add_stream(name, rate=rate, options=options)
        coder = stream.codec_context
        coder.width, coder.height, coder.pix_fmt = frame.width, frame.height, frame.format.name
        coder.time_base = stream.time_base = self._film.time_base
        coder.thread_count = 1 if ffv1 else _THREADS
        # Without B-frames packets are in the order of their times, whatever these are.
        coder.max_b_frames = 0
        coder.gop_size = 1 if ffv1 else max(1, round(rate * _KEY_FRAME_EVERY_S))
        coder.sample_aspect_ratio = self._film.pixel_aspect
        for tag in ("colorspace", "color_range", "color_trc", "color_primaries"):
            setattr(coder, tag, getattr(frame, tag))
        return stream


@dataclass(frozen=True, kw_only=True)
class Container:
    """Where a film fits.

    Attributes:
        suffix: "mp4", "mkv" or "mov".
        streams: Indices of the streams that are copied.
        left_out: Those that no container holds, in words.
    """

    suffix: str
    streams: tuple[int, ...] = ()
    left_out: tuple[str, ...] = ()


def container_for(film: Film, coding: Coding) -> Container:
    """The first container that holds the pictures and most of what else is in a film."""
    ffv1 = coding == "lossless" and film.layout not in LOSSLESS_H264
    kinds = ("mkv",) if ffv1 else ("mp4", "mkv", "mov")
    if film.stream is None:
        return Container(suffix=kinds[0])
    with open_container(film.path) as source:
        others = [stream for stream in source.streams if stream.index != film.stream]
        held = {kind: [s for s in others if _holds(kind, s)] for kind in kinds}
        best = max(kinds, key=lambda kind: len(held[kind]))
        # Containers write chapters and time codes anew, from what is said of the film.
        known = bool(source.chapters()) or "timecode" in source.streams[film.stream].metadata
        left = [s for s in others if s not in held[best] and not (known and s.type == "data")]
        return Container(
            suffix=best,
            streams=tuple(stream.index for stream in held[best]),
            left_out=tuple(f"{s.type} stream {s.index} ({_codec(s)})" for s in left),
        )


def join(
    target: Path,
    parts: Sequence[Path],
    film: Film,
    times: NDArray[np.int64],
    *,
    container: Container,
    metadata: Mapping[str, str],
    alone: bool = False,
) -> None:
    """Puts parts one after another, and copies all other streams of a film packet for packet.

    Args:
        target: The file, which appears when it is whole.
        parts: Files of `PartWriter`, in order.
        film: Where other streams come from.
        times: (T,) of all pictures, in units of the film's time base.
        container: Of the target.
        metadata: What is said of the film beside what the film said; a comment is added to its.
        alone: Whether nothing of the film is copied but these pictures.

    Raises:
        ClipError: A part does not hold its pictures.
        DicfaceError: The disk is full.
    """
    with (
        atomic_path(target) as temporary,
        full_disk_as_oserror(),
        _source(film, alone) as source,
    ):
        said = _said(dict(source.metadata) if source else {}, metadata)
        options = _muxer_options(container.suffix, film, source, said)
        with av.open(
            ffmpeg_name(temporary),
            "w",
            format=_FORMATS[container.suffix],
            container_options=options,
        ) as out:
            out.metadata.update(said)
            with av.open(ffmpeg_name(parts[0])) as first:
                pictures = out.add_stream_from_template(first.streams.video[0])
            pictures.time_base = film.time_base
            if np.ptp(np.diff(times)) <= 1 if len(times) > 2 else True:
                pictures.codec_context.framerate = film.fps
            copies = {}
            if source is not None:
                _describe(pictures, source.streams[film.stream], _OF_CODING)
                out.set_chapters(source.chapters())
                for index in container.streams:
                    copies[index] = _copy_of(out, source.streams[index])
            timed = [source.streams[i] for i, copy in copies.items() if copy.type != "attachment"]
            others = source.demux(*timed) if timed else iter(())
            lead_in = container.suffix != "mkv"
            others = (p for p in others if p.size and _is_played(p, lead_in))
            _mux(out, _numbered(parts, pictures, times, film), others, copies)


def _said(before: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """What is said of a film, with more below it; containers write keys in small or in capitals."""
    said = {key: text for key, text in before.items() if key.lower() not in _OF_FILE}
    for key, text in more.items():
        known = next((k for k in said if k.lower() == key), key)
        said[known] = "\n".join(filter(None, (said.get(known), text)))
    return said


def _is_played(packet: av.Packet, lead_in: bool) -> bool:
    """Whether a packet is heard or seen, or makes the start of a sound right where that fits."""
    if packet.size == 2 and _codec(packet.stream) == "mov_text":
        return False  # a pause between words, which the muxer writes itself
    return not packet.is_discard or (lead_in and packet.pts is not None and packet.pts < 0)


def _mux(
    out: av.container.OutputContainer,
    pictures: Iterator[av.Packet],
    others: Iterator[av.Packet],
    copies: Mapping[int, av.stream.Stream],
) -> None:
    """Writes packets of the pictures and of all copied streams in the order of their times."""
    waiting = next(others, None)
    for packet in pictures:
        while waiting is not None and _seconds(waiting) <= _seconds(packet):
            waiting = _copied(out, waiting, copies, others)
        out.mux_one(packet)
    while waiting is not None:
        waiting = _copied(out, waiting, copies, others)


def _copied(
    out: av.container.OutputContainer,
    packet: av.Packet,
    copies: Mapping[int, av.stream.Stream],
    others: Iterator[av.Packet],
) -> av.Packet | None:
    """Writes a packet of another stream; returns the next one."""
    packet.stream = copies[packet.stream_index]
    out.mux_one(packet)
    return next(others, None)


def _numbered(
    parts: Sequence[Path], stream: av.VideoStream, times: NDArray[np.int64], film: Film
) -> Iterator[av.Packet]:
    """Packets of all parts, with the film's own times."""
    usual = max(1, round(1 / (film.fps * film.time_base)))
    lasts = np.append(np.diff(times), usual)
    count = 0
    for part in parts:
        with av.open(ffmpeg_name(part)) as container:
            for packet in container.demux(container.streams.video[0]):
                if not packet.size:
                    continue
                if count == len(times):
                    raise _damaged(part)
                packet.pts = packet.dts = int(times[count])
                packet.duration = int(lasts[count])
                packet.time_base, packet.stream = film.time_base, stream
                count += 1
                yield packet
    if count != len(times):
        raise _damaged(parts[-1])


def _damaged(part: Path) -> ClipError:
    return ClipError(
        f"{part.parent.parent}: what was restored before is damaged. Remove this folder and run "
        "the same command again."
    )


@contextmanager
def _source(film: Film, alone: bool) -> Iterator[av.container.InputContainer | None]:
    if film.stream is None or alone:
        yield None
        return
    with open_container(film.path) as source:
        yield source


def _muxer_options(
    suffix: str, film: Film, source: av.container.InputContainer | None, said: Mapping[str, str]
) -> dict[str, str]:
    options = {"fflags": "+bitexact"}
    if suffix in ("mp4", "mov"):
        keys = {key.lower() for key in said} <= set(_IN_MP4)
        # The player needs the table of frames before all else; unusual keys need another table.
        options["movflags"] = "+faststart" + ("" if keys else "+use_metadata_tags")
        # Delays at the start are counted in this, by milliseconds unless one says otherwise.
        scales = [film.time_base.denominator]
        scales += [s.time_base.denominator for s in source.streams if s.time_base] if source else []
        common = math.lcm(*scales)
        options["movie_timescale"] = str(common if common < 2**31 else scales[0])
    return options


def _copy_of(out: av.container.OutputContainer, stream: av.stream.Stream) -> av.stream.Stream:
    if stream.type == "video":  # a cover
        copy = out.add_stream_from_template(stream, opaque=True)
    else:
        copy = out.add_stream_from_template(stream)
    _describe(copy, stream)
    return copy


def _describe(
    copy: av.stream.Stream, stream: av.stream.Stream, leave: tuple[str, ...] = ()
) -> None:
    """Says of a stream what was said of another, but for keys that begin with certain words."""
    kept = {k: v for k, v in stream.metadata.items() if not (leave and k.lower().startswith(leave))}
    if "name" in kept:  # what MP4 calls the title of a track
        kept.setdefault("title", kept.pop("name"))
    copy.metadata.update(kept)
    copy.disposition = stream.disposition


def _holds(kind: str, stream: av.stream.Stream) -> bool:
    """Whether a container takes a stream: it is asked to write its header."""
    try:
        with av.open(io.BytesIO(), "w", format=_FORMATS[kind]) as trial:
            _copy_of(trial, stream)
            trial.start_encoding()
    except (ValueError, av.error.FFmpegError):
        return False
    return True


def _as_coded(picture: Picture, coding: Coding) -> av.VideoFrame:
    """The picture in the format of its coding, of even sides where that halves the colours."""
    frame = picture.frame
    if coding == "lossless":
        if frame.format.name in LOSSLESS_H264:
            return frame
        known = {layout.name for layout in Codec("ffv1", "w").video_formats}
        name = "bgr0" if picture.is_rgb else frame.format.name
        return reformatted(frame, format=name if name in known else "yuv444p16le")
    frame = reformatted(frame, format="yuv420p10le" if coding == "h264_10" else "yuv420p")
    height, width = frame.height % 2, frame.width % 2
    if not (height or width):
        return frame
    luma, *colours = planes_of(frame)
    return frame_of([np.pad(luma, ((0, height), (0, width)), mode="edge"), *colours], frame)


def _seconds(packet: av.Packet) -> Fraction:
    time = packet.dts if packet.dts is not None else packet.pts or 0
    return time * packet.time_base


def _codec(stream: av.stream.Stream) -> str:
    return stream.codec_context.name if stream.codec_context else "no codec"


@contextmanager
def full_disk_as_oserror() -> Iterator[None]:
    """FFmpeg's word for a full disk becomes Python's, which `atomic_path` knows."""
    try:
        yield
    except av.error.FFmpegError as error:
        if error.errno == errno.ENOSPC:
            raise OSError(errno.ENOSPC, "No space left on device") from error
        raise
