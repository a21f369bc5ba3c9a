"""Degrading whole files and folders of clips, resumable, in bounded memory."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from dicface.base.files import atomic_path, sha256_of, write_json
from dicface.data.degradation.degrade import (
    BlindDegradation,
    DrawnDegradation,
    draw_degradation,
    low_resolution_frames,
)
from dicface.data.degradation.kernels import upsample
from dicface.video.clips import forget_others, frame_rate, list_clips, read_frames, write_clip

if TYPE_CHECKING:
    from dicface.data.degradation.tasks import TaskInput

logger = logging.getLogger(__name__)

RECORDS_FILE = "degradation.parquet"
"""One row a clip: clip, what was drawn, and every setting (`setting_…`)."""

_RECORDS = ".degraded"


def degrade_file(
    source: Path,
    destination: Path,
    settings: BlindDegradation,
    *seed_names: str | int,
) -> DrawnDegradation:
    """Degrades one clip file, frame by frame, as one H.264 stream.

    Args:
        source: the true clip.
        destination: `.mkv` to write, same size and frame rate.
        settings: the degradation.
        *seed_names: names that seed every draw.

    Returns:
        What was drawn.

    Raises:
        ClipError: the source cannot be read.
        ConfigError: its frames are too small for the scale.
        DicfaceError: the disk is full.
    """
    drawn = draw_degradation(settings, *seed_names)
    fps = frame_rate(source)
    size: list[int] = []

    def truth() -> Iterator[NDArray[np.uint8]]:
        for frame in read_frames(source):
            size[:] = frame.shape[:2]
            yield frame

    low = low_resolution_frames(truth(), settings, drawn)
    write_clip(destination, (upsample(x, *size, drawn.interpolation) for x in low), fps)
    return drawn


def degrade_set(
    source: Path,
    destination: Path,
    task: TaskInput,
    *,
    seed_name: str,
    progress: bool = True,
) -> Path:
    """Makes a task's input of every clip of a folder, seeded by `(seed_name, "degrade", clip)`.

    Resumable: a clip whose input was made from the same file with the same settings is kept; inputs
    of clips that are gone are removed. The record `degradation.parquet` is written last.

    Args:
        source: folder of true clips.
        destination: folder of inputs, `<clip>.mkv`.
        task: how inputs are made (`dicface.data.degradation.tasks`).
        seed_name: what every seed of the run starts from.
        progress: show a bar.

    Returns:
        Path of the record: one row a clip, with its draws and all settings.

    Raises:
        ClipError: the folder holds no clip, or a clip cannot be read.
        ConfigError: frames are too small for the scale.
        DicfaceError: the disk is full.
    """
    clips = list_clips(source)
    forget_others(destination, clips, _RECORDS)
    settings = task.settings()
    rows = []
    bar = tqdm(clips.items(), desc="degrade", unit="clip", disable=not progress)
    for name, path in bar:
        bar.set_postfix_str(name)
        names = (seed_name, "degrade", name)
        target = destination / f"{name}.mkv"
        record = destination / _RECORDS / f"{name}.json"
        wanted = {
            "task": type(task).__name__,
            "settings": settings,
            "seed_names": list(names),
            "source_sha256": sha256_of(path) if path.is_file() else "",
        }
        wanted = json.loads(json.dumps(wanted))
        drawn = _drawn(record, wanted) if path.is_file() and target.is_file() else None
        if drawn is None:
            drawn = task.degrade_file(path, target, *names)
            write_json(record, {"made_from": wanted, "drawn": drawn})
        else:
            logger.info("%s: already degraded, kept", target)
        rows.append({"clip": name, **drawn, **_flat(settings)})
    table = destination / RECORDS_FILE
    with atomic_path(table) as temporary:
        pd.DataFrame(rows).to_parquet(temporary, index=False)
    return table


def _drawn(record: Path, wanted: dict) -> dict | None:
    """What was drawn for a clip that was made from `wanted`; None if it was not."""
    try:
        found = json.loads(record.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return found.get("drawn") if found.get("made_from") == wanted else None


def _flat(settings: dict[str, object]) -> dict[str, object]:
    return {
        f"setting_{name}": json.dumps(value) if isinstance(value, tuple | dict) else value
        for name, value in settings.items()
    }
