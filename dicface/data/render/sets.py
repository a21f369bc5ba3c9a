"""A folder of rendered clips with its tables; resumable, in any number of processes."""

import logging
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from dicface import clips as clip_files
from dicface.data.render.clip import RENDERER, RenderedClip, render_clip
from dicface.errors import ClipError
from dicface.files import atomic_path

_LOG = logging.getLogger(__name__)
_SIDECARS = "landmarks"


def landmark_table(name: str, clip: RenderedClip) -> pd.DataFrame:
    """Long table of a clip's landmarks: clip, frame, point, x, y (px of the stored frame)."""
    count, points, _ = clip.landmarks.shape
    return pd.DataFrame(
        {
            "clip": name,
            "frame": np.repeat(np.arange(count), points),
            "point": np.tile(np.arange(points), count),
            "x": clip.landmarks[..., 0].ravel(),
            "y": clip.landmarks[..., 1].ravel(),
        }
    )


def _render_one(
    folder: Path, name: str, person: str, num_frames: int, size: int, fps: float
) -> str:
    """Render and write one clip: landmarks first, so that a clip on disk always has them."""
    clip = render_clip(person, name, num_frames=num_frames, size=size, fps=fps)
    table = landmark_table(name, clip)
    table.attrs["renderer"] = RENDERER
    with atomic_path(folder / _SIDECARS / f"{name}.parquet") as part:
        table.to_parquet(part, index=False)
    clip_files.write_clip(folder / f"{name}.mkv", clip.frames, fps)
    return name


def _is_done(folder: Path, name: str, num_frames: int, size: int, fps: float) -> bool:
    """Whether this renderer has made clip and landmarks, of the wanted length, size and rate."""
    path, sidecar = folder / f"{name}.mkv", folder / _SIDECARS / f"{name}.parquet"
    if not (path.exists() and sidecar.exists()):
        return False
    try:
        info = clip_files.probe(path)
    except ClipError as error:
        _LOG.warning("rendering %s again: %s", path, error)
        return False
    if pd.read_parquet(sidecar).attrs.get("renderer") != RENDERER:
        return False
    same = (info.num_frames, info.height, info.width) == (num_frames, size, size)
    return same and abs(float(info.fps) - fps) < 1e-3


def _render_all(folder: Path, todo: list[tuple[str, str]], settings: tuple, workers: int) -> None:
    progress = tqdm(total=len(todo), desc=f"render {folder.name}", unit="clip", disable=not todo)
    with progress:
        if workers == 1:
            for name, person in todo:
                _render_one(folder, name, person, *settings)
                progress.update()
            return
        # Spawned, not forked: the parent may hold threads (torch, OpenMP).
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            jobs = [pool.submit(_render_one, folder, *job, *settings) for job in todo]
            for job in as_completed(jobs):
                job.result()
                progress.update()


def render_set(
    folder: Path | str,
    *,
    clips: Sequence[tuple[str, str]],
    num_frames: int,
    size: int,
    fps: float,
    workers: int = 1,
) -> None:
    """Render a set of aligned clips into a folder.

    Writes `<clip>.mkv` and `landmarks/<clip>.parquet` for every clip, then `landmarks.parquet`,
    then `index.parquet`. A clip whose two files are there with the wanted length and size is kept;
    one with both that is not asked for any more is removed, and so is the old index meanwhile.

    Args:
        folder: made if missing.
        clips: (clip name, identity name) pairs; names give the content, order does not matter.
        num_frames: T of every clip.
        size: S, px a side.
        fps: frames a second.
        workers: processes; the files do not depend on it.

    Raises:
        ClipError: if two clips share a name or none is asked for.
    """
    folder = Path(folder)
    names = [name for name, _ in clips]
    if not names or len(set(names)) != len(names):
        double = sorted({n for n in names if names.count(n) > 1})
        raise ClipError(
            f"{folder}: found {len(names)} clips to render, repeated names {double}; expected at "
            "least one and no repetition; correct the list of clips"
        )
    (folder / _SIDECARS).mkdir(parents=True, exist_ok=True)
    index = folder / "index.parquet"
    todo = [(n, p) for n, p in clips if not _is_done(folder, n, num_frames, size, fps)]
    index.unlink(missing_ok=True)
    clip_files.forget_others(folder, names, _SIDECARS)
    _render_all(folder, todo, (num_frames, size, fps), min(workers, max(len(todo), 1)))
    ordered = sorted(clips)
    table = pd.concat(
        [pd.read_parquet(folder / _SIDECARS / f"{name}.parquet") for name, _ in ordered],
        ignore_index=True,
    )
    with atomic_path(folder / "landmarks.parquet") as part:
        table.to_parquet(part, index=False)
    rows = pd.DataFrame(
        {
            "clip": [name for name, _ in ordered],
            "num_frames": num_frames,
            "fps": float(fps),
            "identity": [person for _, person in ordered],
            "source": "rendered",
        }
    )
    with atomic_path(index) as part:
        rows.to_parquet(part, index=False)
