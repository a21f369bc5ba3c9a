"""Small films of every kind, made with PyAV."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from dicface.base.seeds import numpy_rng

SIDES = (96, 128)
"""Height and width, px."""


def still(number: int, sides=SIDES, name: str = "film") -> np.ndarray:
    """A picture with a gradient and a bright square that moves, and some grain."""
    height, width = sides
    y, x = np.mgrid[:height, :width]
    picture = np.stack([x * 200 // width + 20, y * 200 // height + 20, (x + y) % 200], -1)
    picture[20:50, 10 + number % 40 : 40 + number % 40] = (230, 180, 160)
    grain = 0 if name == "clean" else numpy_rng(name, number).integers(-6, 7, (height, width, 1))
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def make_film(
    path: Path,
    num_frames: int = 30,
    *,
    fps: int = 25,
    times: list[int] | None = None,
    time_base: Fraction = Fraction(1, 12800),
    layout: str = "yuv420p",
    codec: str = "libx264",
    sides=SIDES,
    sound: int = 0,
    subtitles: str | None = None,
    chapters: bool = False,
    attachment: bool = False,
    rotation: int = 0,
    aspect: Fraction | None = None,
    tags: dict[str, int] | None = None,
    metadata: dict[str, str] | None = None,
    pictures=still,
    options: dict[str, str] | None = None,
) -> Path:
    """Writes a film; returns its path."""
    options = options or ({"crf": "10"} if codec == "libx264" else {})
    with av.open(str(path), "w") as out:
        video = out.add_stream(codec, rate=fps, options=options)
        coder = video.codec_context
        coder.width, coder.height, coder.pix_fmt = sides[1], sides[0], layout
        coder.time_base = video.time_base = time_base
        coder.thread_count = 1
        if aspect:
            coder.sample_aspect_ratio = aspect
        for tag, value in (tags or {}).items():
            setattr(coder, tag, value)
        if rotation:
            video.set_display_rotation(rotation)
        video.metadata["language"] = "deu"
        out.metadata.update(metadata or {"title": "A film", "comment": "said before"})
        tracks = []
        for number in range(sound):
            track = out.add_stream("aac" if number == 0 else "mp3", rate=48000)
            track.metadata["language"] = ("eng", "fra", "spa")[number]
            track.metadata["title"] = f"track {number}"
            tracks.append(track)
        text = None
        if subtitles:
            text = out.add_mux_stream(subtitles, time_base=Fraction(1, 1000))
            text.metadata["language"] = "ita"
        if attachment:
            out.add_attachment("font.ttf", "font/ttf", b"glyphs" * 50)
        if chapters:
            out.set_chapters(
                [
                    {
                        "id": n + 1,
                        "start": n * 400,
                        "end": n * 400 + 400,
                        "time_base": Fraction(1, 1000),
                        "metadata": {"title": f"chapter {n}"},
                    }
                    for n in range(2)
                ]
            )
        step = round(1 / (fps * time_base))
        for number in range(num_frames):
            rgb = av.VideoFrame.from_ndarray(pictures(number, sides), "rgb24")
            frame = rgb.reformat(format=layout)
            frame.pts = times[number] if times else number * step
            frame.time_base = time_base
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        for number, track in enumerate(tracks):
            _sound(out, track, num_frames / fps, 220 * (number + 1))
        if text is not None:
            _words(out, text, subtitles)
    return path


def _words(out, stream, codec: str) -> None:
    for number in range(2):
        text = f"words {number}".encode()
        packet = av.Packet(len(text).to_bytes(2, "big") + text if codec == "mov_text" else text)
        packet.stream, packet.time_base = stream, Fraction(1, 1000)
        packet.pts = packet.dts = number * 500
        packet.duration = 400
        out.mux(packet)


def _sound(out, track, seconds: float, pitch: float) -> None:
    rate, size = 48000, 1152
    for start in range(0, int(seconds * rate), size):
        wave = 0.2 * np.sin(2 * np.pi * pitch * (start + np.arange(size)) / rate)
        kind = track.codec_context.format.name
        data = wave.astype(np.float32)[None].repeat(2, 0)
        frame = av.AudioFrame.from_ndarray(data, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        if kind != "fltp":
            frame = av.AudioResampler(format=kind, layout="stereo", rate=rate).resample(frame)[0]
        out.mux(track.encode(frame))
    out.mux(track.encode(None))


def packets(path: Path) -> dict[int, list[tuple]]:
    """Index of each stream but the first video -> time in seconds and bytes of its packets."""
    found: dict[int, list[tuple]] = {}
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.size and packet.stream.index != container.streams.video[0].index:
                time = float(packet.pts * packet.time_base)
                found.setdefault(packet.stream.index, []).append((round(time, 3), bytes(packet)))
    return found


def times_of(path: Path) -> list[Fraction]:
    """When each picture is shown, seconds."""
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]
