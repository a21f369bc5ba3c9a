"""Small files of every kind that users have, and every reader of the package."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from dicface.data.datasets.check import check
from dicface.data.datasets.layouts import read_layout
from dicface.faces.importer import import_folder
from dicface.metrics.matching import match_folders
from dicface.video.clips import probe, read_frames, write_clip
from dicface.video.sources import look, read_at
from dicface.video.videos import decode
from tests.faces._faces import FixedDetector

RGB = ("libx264rgb", "rgb24", {"qp": "0", "preset": "ultrafast"})
YUV = ("libx264", "yuv444p", {"qp": "0", "preset": "ultrafast"})


def smooth(num_frames: int = 5, height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
    """Frames (T, H, W, 3) of smooth colours, each unlike the others, with no symmetry."""
    base = np.random.default_rng(seed).uniform(20, 235, (4, 5, 3)).astype(np.uint8)
    size = (width, height)
    frame = np.asarray(Image.fromarray(base).resize(size, Image.Resampling.BICUBIC))
    return np.stack([np.roll(frame, 3 * number, axis=1) for number in range(num_frames)])


def video(
    path: Path,
    frames: Iterable[np.ndarray],
    coder: tuple[str, str, dict[str, str]] = RGB,
    *,
    times_ms: Iterable[int] | None = None,
    set_up: Callable[[av.VideoStream], object] = lambda stream: None,
    sound_s: float = 0,
    container: dict[str, str] | None = None,
) -> Path:
    """Encodes frames; `set_up` gets the stream before the first one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    codec, pix_fmt, options = coder
    times = list(times_ms or ())
    with av.open(str(path), "w", options=container or {}) as file:
        stream = file.add_stream(codec, rate=25, options=dict(options))
        sound = file.add_stream("pcm_s16le", rate=8000, layout="mono") if sound_s else None
        if times:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for number, frame in enumerate(frames):
            if number == 0:
                stream.height, stream.width = frame.shape[:2]
                stream.pix_fmt = pix_fmt
                set_up(stream)
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24")
            if times:
                picture.pts, picture.time_base = times[number], Fraction(1, 1000)
            file.mux(stream.encode(picture))
        file.mux(stream.encode(None))
        if sound:
            samples = np.zeros((1, round(8000 * sound_s)), np.int16)
            silence = av.AudioFrame.from_ndarray(samples, "s16", "mono")
            silence.sample_rate = 8000
            file.mux([*sound.encode(silence), *sound.encode(None)])
    return path


def pictures(folder: Path, frames: Iterable[np.ndarray], name: str = "{:04d}.png") -> Path:
    """Writes a folder of pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / name.format(number))
    return folder


def frames_by_reader(path: Path, num_frames: int) -> dict[str, np.ndarray]:
    """The frames of a clip as every reader of frames gives them, (T, H, W, 3)."""
    readers = {
        "clips": list(read_frames(path)),
        "sources": read_at(path, range(num_frames)),
        "sources, backwards": [read_at(path, [n])[0] for n in reversed(range(num_frames))][::-1],
    }
    if path.is_file():
        readers["films"] = [frame for _, frame in decode(path)]
    return {name: np.stack(frames) for name, frames in readers.items()}


def sizes_by_reader(path: Path, folder: Path) -> dict[str, tuple[int, ...]]:
    """Frames, height and width of a clip, or its frames alone, as every reader counts them.

    Args:
        path: The clip; nothing else lies beside it.
        folder: For what the readers write.
    """
    info, read = look(path), probe(path)
    name = path.name if path.is_dir() else path.stem
    result = write_clip(folder / "restored" / f"{name}.mkv", read_frames(path), read.fps)
    match = match_folders(result.path.parent, path.parent, whole_frames=True)
    detector = FixedDetector()
    index = import_folder(
        path.parent, folder / "aligned", size=32, detector=detector, progress=False
    )
    (folder / "set").mkdir()
    (folder / "set" / "clips").symlink_to(path.parent)
    report = check(read_layout("vfhq_train", folder / "set"), progress=False)
    assert list(match.restored) == [name], match.unusable
    width, height = match.sizes[name]
    return {
        "look": (info.num_frames, info.height, info.width),
        "probe": (read.num_frames, read.height, read.width),
        "score": (read.num_frames, height, width),
        "import": (int(index["num_frames"][0]), read.height, read.width),
        "check": (report.num_frames, info.height, info.width),
    }
