"""Reading a film for its restoration: what it is, and its pictures one at a time with their times.

Clips are read by `dicface.video.clips`, as RGB; here pictures keep their planes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from dicface.base.counts import how_many
from dicface.base.errors import ClipError
from dicface.video.clips import FOLDER_FPS
from dicface.video.formats import FRAMES_WORDS, VIDEO_WORDS, frame_files, has_frames, is_video
from dicface.video.looks import Deinterlacer, looks_of
from dicface.video.pictures import read_picture
from dicface.video.planes import RGB, Picture, layout_of, picture_of, upright
from dicface.video.sources import remarks
from dicface.video.videos import VideoFacts, open_container, picture_stream, video_facts
from dicface.video.videos import remarks as video_remarks


@dataclass(frozen=True, kw_only=True, eq=False)
class Film:
    """A film: a video, or a folder of frames.

    Attributes:
        path: Where it is.
        time_base: Seconds that its times count.
        fps: Frames a second, the mean where they vary.
        num_frames: Frames that it should have.
        start: Time of the first of them.
        stream: Index of its pictures among its streams; None for a folder.
        pixel_aspect: Width of a pixel over its height, of the upright picture.
        layout: Format of its upright pictures, in FFmpeg's words.
        remarks: What a user should know of it.
    """

    path: Path
    time_base: Fraction
    fps: Fraction
    num_frames: int
    start: int = 0
    stream: int | None = None
    pixel_aspect: Fraction = Fraction(1)
    layout: str = RGB
    remarks: tuple[str, ...] = ()


def look_at(path: Path) -> Film:
    """Reads what a film is: its packets, and one frame.

    Raises:
        ClipError: It is missing, empty, no film, or of a codec or colours that are not read here.
    """
    if path.is_dir():
        files = frame_files(path)
        if not files:
            raise ClipError(f"{path}: holds no frames. Expected {VIDEO_WORDS} or {FRAMES_WORDS}.")
        return Film(
            path=path,
            time_base=1 / FOLDER_FPS,
            fps=FOLDER_FPS,
            num_frames=len(files),
            remarks=tuple(remarks(path)),
        )
    with open_container(path) as container:
        stream = picture_stream(container)
        index, coded = stream.index, stream.codec_context.format
    facts = video_facts(path)
    facts.require_readable(path)
    aspect = 1 / facts.pixel_aspect if facts.turn.transposed else facts.pixel_aspect
    return Film(
        path=path,
        time_base=facts.time_base,
        fps=facts.fps,
        num_frames=facts.num_frames,
        start=int(facts.times[0]),
        stream=index,
        pixel_aspect=aspect,
        layout=layout_of(coded, facts.turn),
        remarks=tuple(_remarks(facts, coded)),
    )


def read_pictures(film: Film, start: int | None = None) -> Iterator[Picture]:
    """Yields the pictures of a film in order; their times rise.

    Args:
        film: The film.
        start: Only pictures shown at this time or later, in units of the film's time base; reading
            begins near it where the file can be entered there.

    Raises:
        ClipError: It cannot be read, or its pictures change their size.
    """
    if film.stream is None:
        first = None
        for number, file in enumerate(frame_files(film.path)[start or 0 :], start or 0):
            picture = picture_of(read_picture(file), number)
            first = first or picture.size
            _require_size(film, number, picture.size, first)
            yield picture
        return
    last = None
    with open_container(film.path) as container:
        stream = container.streams[film.stream]
        stream.thread_type = "AUTO"
        if start is not None and _can_be_entered(film, start):
            # Earlier by a tick: a field needs the frames around it.
            container.seek(start - 1, stream=stream, backward=True)
        looks = None
        for number, (frame, time) in enumerate(_decoded(container, stream)):
            looks = looks or looks_of(stream, frame)
            coded = looks.coded_height, looks.coded_width
            _require_size(film, number, (frame.height, frame.width), coded)
            pts = time if looks.stamped and time is not None else number
            # Two frames at one time cannot be told apart by a player.
            last = pts if last is None else max(pts, last + 1)
            if start is None or last >= start:
                yield upright(frame, looks, last)


def _require_size(film: Film, number: int, size: tuple[int, int], first: tuple[int, int]) -> None:
    if size != first:
        raise ClipError(
            f"{film.path}: frame {number} is {size[1]}×{size[0]} px, those before it are "
            f"{first[1]}×{first[0]} px. Convert it to one size first."
        )


def films_of(paths: Iterable[Path]) -> list[Path]:
    """Films that words name: each itself, or all that lie in a folder.

    Raises:
        ClipError: One is missing, or a folder without films.
    """
    films: list[Path] = []
    for path in paths:
        if not path.exists():
            raise ClipError(f"{path}: no such file. Check the path.")
        if not path.is_dir() or has_frames(path):
            films.append(path)
            continue
        inside = [p for p in sorted(path.iterdir()) if not p.name.startswith(".")]
        inside = [p for p in inside if (has_frames(p) if p.is_dir() else is_video(p))]
        if not inside:
            raise ClipError(f"{path}: holds no film. Expected {VIDEO_WORDS}, or {FRAMES_WORDS}.")
        films += inside
    return films


def _remarks(facts: VideoFacts, coded: av.VideoFormat) -> Iterator[str]:
    if any(component.is_alpha for component in coded.components):
        yield "its transparency is left out"
    if layout_of(coded, facts.turn) == RGB and facts.colour.bits > 8:
        yield f"its {facts.colour.bits} bits a channel become 8"
    if facts.num_missing:
        missing = how_many(facts.num_missing, "frame")
        yield f"its end lacks about {missing}; what is there is restored"
    if facts.interlaced:
        yield from (each for each in video_remarks(facts) if "interlaced" in each)


def _decoded(
    container: av.container.InputContainer, stream: av.VideoStream
) -> Iterator[tuple[av.VideoFrame, int | None]]:
    """Decoded frames without combs, with their times."""
    times: list[int | None] = []
    deinterlacer, looks = None, None
    for frame in _frames(container, stream):
        looks = looks or looks_of(stream, frame)
        if not looks.interlaced:
            yield frame, frame.pts
            continue
        times.append(frame.pts)
        deinterlacer = deinterlacer or Deinterlacer()
        for progressive in deinterlacer.add(frame):
            yield progressive, times.pop(0)
    if deinterlacer is not None:
        for progressive in deinterlacer.rest():
            yield progressive, times.pop(0)


def _can_be_entered(film: Film, start: int) -> bool:
    """Whether reading can begin at a key frame that is shown no later than a time."""
    with open_container(film.path) as container:
        stream = container.streams[film.stream]
        try:
            container.seek(start - 1, stream=stream, backward=True)
        except av.error.FFmpegError:
            return False
        first = next(_frames(container, stream), None)
        return first is not None and first.pts is not None and first.pts <= start


def _frames(
    container: av.container.InputContainer, stream: av.VideoStream
) -> Iterator[av.VideoFrame]:
    """Decoded frames; what is damaged or cut off among them is passed over."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError:
            return
        if packet is None:
            return
        with contextlib.suppress(av.error.FFmpegError):
            yield from packet.decode()
