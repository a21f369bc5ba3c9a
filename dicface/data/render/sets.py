"""A folder of rendered clips with its tables; resumable, in any number of processes."""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from dicface.base.errors import ClipError
from dicface.base.files import write_parquet
from dicface.base.processes import each_in_processes
from dicface.data.render.clip import RENDERER, RenderedClip, render_clip
from dicface.provenance.kept import find, forget_others, kept
from dicface.runs.files import read_drawn_landmarks
from dicface.video import clips as clip_files

_SIDECARS = "landmarks"


def landmark_table(name: str, clip: RenderedClip) -> pd.DataFrame:
    """Returns a clip's landmarks in long form: clip, frame, point, x, y (px of the frame)."""
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


def _files(name: str) -> tuple[str, str]:
    return f"{name}.mkv", f"{_SIDECARS}/{name}.parquet"


def _render_one(folder: Path, name: str, made_from: dict[str, str | int | float]) -> None:
    """Renders and writes one clip, unless it is there and made from the same."""
    video, landmarks = _files(name)
    with kept(folder, name, made_from, video, landmarks) as piece:
        if piece.todo:
            settings = {key: made_from[key] for key in ("num_frames", "size", "fps")}
            clip = render_clip(made_from["identity"], name, **settings)
            write_parquet(folder / landmarks, landmark_table(name, clip))
            clip_files.write_clip(folder / video, clip.frames, made_from["fps"])


def _render_all(folder: Path, todo: dict[str, dict[str, str | int | float]], workers: int) -> None:
    progress = tqdm(total=len(todo), desc=f"render {folder.name}", unit="clip", disable=not todo)
    with progress:
        if workers == 1:
            for name, made_from in todo.items():
                _render_one(folder, name, made_from)
                progress.update()
            return
        calls = {name: (folder, name, made_from) for name, made_from in todo.items()}
        for _ in each_in_processes(_render_one, calls, workers, error=ClipError):
            progress.update()


def render_set(
    folder: Path | str,
    *,
    clips: Sequence[tuple[str, str]],
    num_frames: int,
    size: int,
    fps: float,
    workers: int = 1,
    beside: Collection[str] = (),
) -> None:
    """Renders a set of aligned clips into a folder.

    Writes `<clip>.mkv` and `landmarks/<clip>.parquet` for every clip, then `landmarks.parquet`,
    then `index.parquet`. A clip of the same person and settings by the same renderer is kept; one
    that is not asked for any more is removed, and so is the old index meanwhile.

    Args:
        folder: The folder of the set, which is made if it is missing.
        clips: (clip name, identity name) pairs; names give the content, order does not matter.
        num_frames: T of every clip.
        size: S, px a side.
        fps: Frames a second.
        workers: Number of processes; the files do not depend on it.
        beside: Names of clips that the caller keeps in the same folder.

    Raises:
        ClipError: Two clips share a name, or none is asked for.
    """
    folder = Path(folder)
    names = [name for name, _ in clips]
    if not names or len(set(names)) != len(names):
        double = sorted({n for n in names if names.count(n) > 1})
        raise ClipError(
            f"{folder}: found {len(names)} clips to render, repeated names {double}; expected at "
            "least one and no repetition; correct the list of clips"
        )
    index = folder / "index.parquet"
    index.unlink(missing_ok=True)
    forget_others(folder, {*names, *beside})
    settings = {"renderer": RENDERER, "num_frames": num_frames, "size": size, "fps": fps}
    wanted = {name: {"identity": person, **settings} for name, person in clips}
    todo = {name: each for name, each in wanted.items() if find(folder, name, each) is None}
    _render_all(folder, todo, min(workers, max(len(todo), 1)))
    ordered = sorted(clips)
    table = pd.concat(
        [read_drawn_landmarks(folder / _SIDECARS / f"{name}.parquet") for name, _ in ordered],
        ignore_index=True,
    )
    write_parquet(folder / "landmarks.parquet", table)
    rows = pd.DataFrame(
        {
            "clip": [name for name, _ in ordered],
            "num_frames": num_frames,
            "fps": float(fps),
            "identity": [person for _, person in ordered],
            "source": "rendered",
        }
    )
    write_parquet(index, rows)
