"""Times what restoring a film costs beside decoding, encoding and the network.

    python benchmarks/film.py       # 1080p, 20 s; memory of 1 and 10 minutes: an hour
    python benchmarks/film.py --seconds 2 --height 360 --memory   # a quick look, no memory

Prints a Markdown table of CPU milliseconds a frame, by `time.process_time`, so that what else the
machine does hardly weighs. The method passes faces on, so that the network is nothing: what is left
is ours. The reference does the same steps one after another with faces detected in every frame, at
the size that the film's restoration searches. The film is a photograph that moves over a gradient.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.data import astronaut

from dicface.faces.align import estimate_affine, warp
from dicface.faces.detect import default_detector
from dicface.faces.people import PeopleSettings, Track
from dicface.faces.track import choose_face, smooth_track
from dicface.methods import create
from dicface.restoring.film.film import restore_films
from dicface.restoring.film.plan import DEFAULT_SIDE
from dicface.restoring.film.settings import FilmSettings
from dicface.restoring.film.tools import default_tools
from dicface.restoring.runner import restore_frames, to_tensor, to_uint8
from dicface.video.film_writer import PartWriter
from dicface.video.films import look_at, read_pictures
from dicface.video.planes import Picture, whole

FPS = 25


def pictures(height: int, num_frames: int) -> Iterator[NDArray[np.uint8]]:
    """Yields (height, height · 16 / 9, 3) uint8: a face that sways, with a little grain."""
    width = height * 16 // 9
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    ground = np.stack([x * 160 // width, y * 160 // height, (x + y) * 90 // width], -1)
    scale = height * 3 / 4 / 512
    # Without the emblem on the chest, which dlib's detector takes for a second face.
    face = cv2.resize(astronaut()[:288], None, fx=scale, fy=scale)
    high, wide = face.shape[:2]
    for number in range(num_frames):
        picture = ground.astype(np.uint8)
        left = int(width / 3 + width / 12 * np.sin(number / 20))
        picture[height // 8 : height // 8 + high, left : left + wide] = face
        grain = rng.integers(-1, 2, (height // 2, width // 2, 1), np.int16)
        grain = cv2.resize(grain, (width, height), interpolation=cv2.INTER_NEAREST)
        yield np.clip(picture + grain[..., None], 0, 255).astype(np.uint8)


def make_film(path: Path, height: int, num_frames: int) -> Path:
    """Writes the film."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=FPS, options={"crf": "18", "preset": "veryfast"})
        stream.height, stream.width = height, height * 16 // 9
        for picture in pictures(height, num_frames):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def cpu(work: Callable[[], object]) -> float:
    """Returns CPU seconds of all threads."""
    start = time.process_time()
    work()
    return time.process_time() - start


def decode(film: Path) -> None:
    """Decodes a film."""
    for _ in read_pictures(look_at(film)):
        pass


def encode(film: Path, folder: Path) -> None:
    """Decodes a film and encodes it as its restoration does."""
    facts = look_at(film)
    with PartWriter(folder / "plain.nut", facts, "h264") as writer:
        for picture in read_pictures(facts):
            writer.add(picture)


def ours(film: Path, folder: Path) -> None:
    """Restores a film."""
    settings = FilmSettings(force=True, detector="dlib")
    restore_films([film], create("input"), settings, out=folder / "ours", progress=False)


def one_after_another(film: Path, folder: Path) -> None:
    """The same functions, with detection in every frame and whole pictures in RGB."""
    settings, facts, detector = PeopleSettings(), look_at(film), default_detector("dlib")
    raw, previous = [], None
    for picture in read_pictures(facts):
        scale = min(1.0, settings.search_px / min(picture.size))
        small = cv2.resize(picture.rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        found = detector.detect(small)
        face = choose_face(found, *small.shape[:2], choice="nearest", previous=previous)
        raw.append(np.full((5, 2), np.nan) if face is None else face.points / scale)
        previous = face or previous
    points = smooth_track(np.array(raw), film.stem).points
    method, paster = create("input"), None
    tools = default_tools(FilmSettings(detector="dlib"))
    with PartWriter(folder / "reference.nut", facts, "h264") as writer:
        for index, picture in enumerate(read_pictures(facts)):
            affine = estimate_affine(points[index], DEFAULT_SIDE)
            aligned = warp(picture.rgb, affine, DEFAULT_SIDE, antialias=True)
            frames = [to_tensor(aligned)]
            (restored,) = restore_frames(method, frames, clip=film.stem, source=str(film))
            paster = paster or tools.paster(_track(points))
            after = paster.paste(picture.rgb, aligned, to_uint8(restored), index)
            writer.add(_changed(picture, after))


def _track(points: NDArray[np.float64]) -> Track:
    detected = np.ones(len(points), bool)
    return Track(number=1, person=1, shot=0, first=0, points=points, detected=detected)


def _changed(picture: Picture, after: NDArray[np.uint8]) -> Picture:
    return picture.changed([(picture.rgb, after, whole(picture.size))])


def peak_memory(height: int, seconds: int) -> float:
    """Restores a film of so many seconds in a process of its own; returns its peak memory, GB."""
    words = [sys.executable, __file__, "--peak", "--height", str(height)]
    done = subprocess.run(
        [*words, "--seconds", str(seconds)], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--height", type=int, default=1080)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--memory", type=int, nargs="*", default=[60, 600], metavar="SECONDS")
    parser.add_argument("--peak", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    num_frames = options.seconds * FPS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = make_film(folder / "film.mp4", options.height, num_frames)
        if options.peak:
            ours(film, folder)
            sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}")
            return
        once = make_film(folder / "once.mp4", options.height, 2)
        for start_up in (ours, one_after_another):
            start_up(once, folder)
        reading = cpu(lambda: decode(film))
        plain = reading + cpu(lambda: encode(film, folder))  # two passes read the film twice
        rows = [
            ("decoding twice and encoding", plain, 0.0),
            ("ours", cpu(lambda: ours(film, folder)), plain),
            ("one after another", cpu(lambda: one_after_another(film, folder)), plain),
        ]
    size = f"{options.height * 16 // 9}×{options.height}"
    lines = [f"| {num_frames} frames of {size} | CPU ms a frame | above the first row |"]
    lines.append("|---|---|---|")
    for label, seconds, less in rows:
        above = (seconds - less) / num_frames * 1000 if less else 0
        lines.append(f"| {label} | {seconds / num_frames * 1000:.1f} | {above:.1f} |")
    ratio = (rows[2][1] - plain) / (rows[1][1] - plain)
    lines.append(
        f"\nOne after another takes {ratio:.2f} times what ours takes above the first row."
    )
    for seconds in options.memory:
        peak = peak_memory(options.height, seconds)
        lines.append(f"Peak memory of {seconds} s: {peak:.2f} GB.")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
