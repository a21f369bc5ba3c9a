"""What packets of a video tell without being decoded: times, rate, and whether all are there."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from dicface.video.looks import Looks, header_rate

_LISTS_PACKETS = "mp4"
_SLACK = {"matroska": 0.5, "avi": 0.5, "flv": 1.5, "asf": 1.5, "mxf": 0.5}
"""Formats that say their length -> frames by which they may be wrong."""


@dataclass(eq=False)
class PacketLog:
    """What the packets of a file tell: when frames are shown, and whether some were cut off.

    Attributes:
        container: The file.
        stream: Its pictures.
        count: Packets with pictures until now.
        cut: Those of them that are not whole.
        reached: End of the pictures, s.
        reached_by_any: End of any stream, s.
        first: Start of the first packet of all, s; 0 if that is later.
        timed: Whether every picture says how long it is shown.
        key: Time of the first key frame, ticks.
        shown: Times of the frames that are shown, ticks, as they are stored.
    """

    container: av.container.InputContainer
    stream: av.VideoStream
    count: int = 0
    cut: int = 0
    reached: Fraction = Fraction(0)
    reached_by_any: Fraction = Fraction(0)
    first: Fraction = Fraction(0)
    timed: bool = True
    key: int | None = None
    shown: list[int | None] = field(default_factory=list)

    def add(self, packet: av.Packet) -> None:
        """Takes note of the next packet of the file."""
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
        self.timed = self.timed and bool(packet.duration)
        self.cut += packet.is_corrupt
        if self.key is None and packet.is_keyframe and packet.pts is not None:
            self.key = packet.pts
            self.shown.clear()
        if packet.is_discard or self._is_no_picture(packet):
            return
        # What comes before the first key frame, or leads to one that is not there, is not shown.
        if self.key is None or packet.pts is None or packet.pts >= self.key:
            self.shown.append(packet.pts)

    def times(self, looks: Looks) -> NDArray[np.int64]:
        """Times of the frames that are shown, (T,) ticks, ascending."""
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
        usual = usual or float(1 / header_rate(self.stream))
        slack = (slack if self.timed else slack + 1) * usual
        if not is_steady(steps):  # The last frame may be shown as long as any other.
            slack = max(slack, float(steps.max() * looks.time_base))
        gap = length - float(reached - self.first)
        return round(gap / usual) if gap > slack else 0

    def _is_no_picture(self, packet: av.Packet) -> bool:
        """VP8 has packets that only other frames are made from."""
        return self.stream.codec_context.name == "vp8" and not bytes(packet)[0] & 0x10


def rate_of(
    times: NDArray[np.int64], looks: Looks, stream: av.VideoStream
) -> tuple[Fraction, bool]:
    """Frames a second, and whether they vary; headers are right only where they do not."""
    announced = header_rate(stream)
    steps = np.diff(times)
    if len(steps) < 1 or not looks.stamped or is_steady(steps):
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


def is_steady(steps: NDArray[np.int64]) -> bool:
    """Whether frames follow each other evenly, but for times rounded to ticks."""
    return bool(np.ptp(steps) <= 2 or np.ptp(steps) <= 0.1 * np.median(steps))
