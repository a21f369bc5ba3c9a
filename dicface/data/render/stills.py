"""Single frames of many people in one packed file: what networks of still pictures train on.

The file (safetensors) holds `frames` (N, S, S, 3) uint8 RGB, `landmarks` (N, 68, 2) float32 in px
of the frame, and `identity` (N,) int32, the number of the person; its header names the seed, the
renderer and the size. Frame n shows person n // `frames_each`, and every person, pose and scene is
drawn from the names "<seed name>-stills-<number>" alone: clips of the demo are called
"<seed name>-train-<number>" and "<seed name>-test-<number>" (see `dicface.data.demo`), so nobody is
in both.

    python -m dicface.data.render.stills --count 6000 --size 128 --seed-name demo --out stills.st
"""

import argparse
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dicface.base.errors import ClipError
from dicface.base.files import atomic_path
from dicface.base.processes import each_in_processes
from dicface.base.reading import Array, Own, read_header, read_json, read_npz
from dicface.data.render.clip import RENDERER, Stage, samples_a_pixel
from dicface.data.render.identity import identity
from dicface.data.render.motion import still
from dicface.data.render.scene import scene

_LOG = logging.getLogger(__name__)
_CHUNK = 64
_STILLS = Own("packed stills", "Delete it to render them again.", error=ClipError)
_PIECES = Own(
    "pieces of packed stills", "Delete the folder or choose another file.", error=ClipError
)


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a packed file shall contain.

    Attributes:
        seed_name: first part of all names.
        count: N, frames.
        size: S, px a side.
        frames_each: frames of every person.
    """

    seed_name: str
    count: int
    size: int
    frames_each: int = 2

    def person(self, n: int) -> str:
        """Name of the person in frame `n`."""
        return f"{self.seed_name}-stills-{n // self.frames_each:06d}"

    def metadata(self) -> dict[str, str]:
        """The file's header, by which an unfinished or finished file is recognised."""
        return {
            "seed_name": self.seed_name,
            "renderer": str(RENDERER),
            "size": str(self.size),
            "count": str(self.count),
            "frames_each": str(self.frames_each),
        }


def render_stills(order: Order, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames `first` to `last` - 1 of an order.

    Returns:
        Frames (K, S, S, 3) uint8 RGB and landmarks (K, 68, 2) float32, px of the frame.
    """
    frames = np.empty((last - first, order.size, order.size, 3), np.uint8)
    marks = np.empty((last - first, 68, 2), np.float32)
    stage = None
    for n in range(first, last):
        name = order.person(n)
        if stage is None or stage.person.name != name:
            stage = Stage(identity(name))
        shot = f"{name}-{n % order.frames_each}"
        clip = stage.shoot(
            still(shot),
            scene(shot),
            order.size,
            aligned=True,
            supersample=samples_a_pixel(order.size),
        )
        frames[n - first], marks[n - first] = clip.frames[0], clip.landmarks[0]
    return frames, marks


def _chunk_path(folder: Path, first: int) -> Path:
    return folder / f"{first:08d}.npz"


def _render_chunk(order: Order, first: int, last: int, folder: Path) -> None:
    frames, marks = render_stills(order, first, last)
    with atomic_path(_chunk_path(folder, first)) as part, part.open("wb") as file:
        np.savez(file, frames=frames, landmarks=marks)


def _chunk(order: Order, first: int, last: int, folder: Path) -> dict[str, np.ndarray]:
    """A finished piece; one that cannot be read is rendered again."""
    path, side = _chunk_path(folder, first), order.size
    wanted = {
        "frames": Array("u", (last - first, side, side, 3)),
        "landmarks": Array("f", (last - first, 68, 2)),
    }
    try:
        return read_npz(path, _PIECES, wanted)
    except ClipError as error:
        _LOG.warning("%s It is rendered again.", error)
        _render_chunk(order, first, last, folder)
        return read_npz(path, _PIECES, wanted)


def _chunks(order: Order) -> Iterator[tuple[int, int]]:
    """First and last + 1 frame of every piece."""
    for first in range(0, order.count, _CHUNK):
        yield first, min(first + _CHUNK, order.count)


def _render_missing(order: Order, folder: Path, workers: int) -> None:
    todo = [chunk for chunk in _chunks(order) if not _chunk_path(folder, chunk[0]).exists()]
    with tqdm(total=len(todo), desc="render stills", unit="chunk", disable=not todo) as progress:
        if workers == 1:
            for first, last in todo:
                _render_chunk(order, first, last, folder)
                progress.update()
            return
        calls = {f"frame {first}": (order, first, last, folder) for first, last in todo}
        for _ in each_in_processes(_render_chunk, calls, workers, error=ClipError):
            progress.update()


def _write(order: Order, folder: Path, out: Path) -> None:
    """Write the safetensors file chunk by chunk, so that memory does not grow with N."""
    shapes = {
        "frames": ("U8", [order.count, order.size, order.size, 3], 1),
        "landmarks": ("F32", [order.count, 68, 2], 4),
        "identity": ("I32", [order.count], 4),
    }
    header, at = {"__metadata__": order.metadata()}, 0
    # The widest numbers first: every tensor then starts at a multiple of its width.
    for name in ("landmarks", "identity", "frames"):
        kind, shape, width = shapes[name]
        size = int(np.prod(shape)) * width
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with atomic_path(out) as part, part.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for first, last in _chunks(order):
            file.write(_chunk(order, first, last, folder)["landmarks"].astype("<f4").tobytes())
        file.write((np.arange(order.count) // order.frames_each).astype("<i4").tobytes())
        for first, last in _chunks(order):
            file.write(_chunk(order, first, last, folder)["frames"].tobytes())
        file.flush()
        os.fsync(file.fileno())


def _is_done(order: Order, out: Path) -> bool:
    try:
        return out.exists() and read_header(out, _STILLS) == order.metadata()
    except ClipError as error:
        _LOG.warning("%s It is rendered again.", error)
        return False


def pack_stills(order: Order, out: str | Path, *, workers: int = 1) -> Path:
    """Render an order into the packed file `out`.

    Finished pieces wait in `<out>.parts/`; after a kill the same call resumes from them and writes
    the same bytes, whatever the number of workers. A finished file of the same order is kept.

    Args:
        order: what to render.
        out: the file to write, atomically.
        workers: processes.

    Returns:
        `out`.

    Raises:
        ClipError: for an impossible order, or if `<out>.parts/` belongs to another order.
    """
    out = Path(out)
    if min(order.count, order.frames_each, workers) < 1 or order.size < 16 or not order.seed_name:
        raise ClipError(
            f"stills: found {order}, workers={workers}; expected a name, at least 1 frame, "
            "1 frame each, 16 px and 1 worker; correct the arguments"
        )
    if _is_done(order, out):
        _LOG.info("%s is finished; delete it to render it again", out)
        return out
    folder = out.with_name(out.name + ".parts")
    folder.mkdir(parents=True, exist_ok=True)
    label = folder / "order.json"
    if label.exists() and (found := read_json(label, _PIECES)) != order.metadata():
        _PIECES.refuse(folder, f"found pieces of {found}", str(order.metadata()))
    with atomic_path(label) as part:
        part.write_text(json.dumps(order.metadata()))
    _render_missing(order, folder, workers)
    _write(order, folder, out)
    for first, _ in _chunks(order):
        _chunk_path(folder, first).unlink()
    label.unlink()
    folder.rmdir()
    return out


def main(arguments: list[str] | None = None) -> None:
    """Command line; see the module."""
    parser = argparse.ArgumentParser(description="Render single frames into one packed file.")
    parser.add_argument("--count", type=int, required=True, help="frames")
    parser.add_argument("--size", type=int, default=128, help="px a side (default: 128)")
    parser.add_argument("--seed-name", required=True, help="first part of all names")
    parser.add_argument("--frames-each", type=int, default=2, help="frames a person (default: 2)")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    a = parser.parse_args(arguments)
    order = Order(seed_name=a.seed_name, count=a.count, size=a.size, frames_each=a.frames_each)
    pack_stills(order, a.out, workers=a.workers)


if __name__ == "__main__":
    main()
