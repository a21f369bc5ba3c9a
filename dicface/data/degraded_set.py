"""Degrading whole files and folders of clips, resumable, in bounded memory."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from dicface.clips import frame_rate, list_clips, read_frames, write_clip
from dicface.data.degrade import (
    BlindDegradation,
    DrawnDegradation,
    draw_degradation,
    low_resolution_frames,
)
from dicface.data.kernels import upsample
from dicface.files import atomic_path, sha256_of, write_json

logger = logging.getLogger(__name__)

RECORDS_FILE = "degradation.parquet"
"""One row a clip: clip, what was drawn, and every setting (`setting_…`)."""


def degrade_file(
    source: Path,
    destination: Path,
    settings: BlindDegradation,
    *seed_names: str | int,
    low_resolution: Path | None = None,
) -> DrawnDegradation:
    """Degrades one clip file, frame by frame, as one H.264 stream.

    Args:
        source: the true clip.
        destination: `.mkv` to write, same size and frame rate.
        settings: the degradation.
        *seed_names: names that seed every draw.
        low_resolution: `.mkv` to write the frames before up-sampling to, if wanted.

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
    if low_resolution is not None:
        # Lossless, so that reading it back instead of keeping it changes no value.
        write_clip(low_resolution, low, fps)
        low = read_frames(low_resolution)
    write_clip(destination, (upsample(x, *size, drawn.interpolation) for x in low), fps)
    return drawn


def degrade_set(
    source: Path,
    destination: Path,
    settings: BlindDegradation,
    *,
    seed_name: str,
    low_resolution: Path | None = None,
    progress: bool = True,
) -> Path:
    """Degrades every clip of a folder; draws are seeded by `(seed_name, "degrade", clip name)`.

    Resumable: a clip that was degraded from the same file with the same settings is kept. The
    record `degradation.parquet` is written last.

    Args:
        source: folder of true clips.
        destination: folder of degraded clips, `<clip>.mkv`.
        settings: the degradation.
        seed_name: what every seed of the run starts from.
        low_resolution: folder of the clips before up-sampling, if wanted.
        progress: show a bar.

    Returns:
        Path of the record: one row a clip, with its draws and all settings.

    Raises:
        ClipError: the folder holds no clip, or a clip cannot be read.
        ConfigError: frames are too small for the scale.
        DicfaceError: the disk is full.
    """
    clips = list_clips(source)
    rows = []
    bar = tqdm(clips.items(), desc="degrade", unit="clip", disable=not progress)
    for name, path in bar:
        bar.set_postfix_str(name)
        names = (seed_name, "degrade", name)
        target = destination / f"{name}.mkv"
        low_target = low_resolution / f"{name}.mkv" if low_resolution else None
        wanted = {
            "settings": dataclasses.asdict(settings),
            "seed_names": list(names),
            "source_sha256": sha256_of(path) if path.is_file() else "",
        }
        outputs = [file for file in (target, low_target) if file is not None]
        done = destination / ".degraded" / f"{name}.json"
        if path.is_file() and all(file.is_file() for file in outputs) and _holds(done, wanted):
            drawn = draw_degradation(settings, *names)
            logger.info("%s: already degraded, kept", target)
        else:
            drawn = degrade_file(path, target, settings, *names, low_resolution=low_target)
            write_json(done, wanted)
        rows.append({"clip": name, **drawn.record(), **_flat(settings)})
    record = destination / RECORDS_FILE
    with atomic_path(record) as temporary:
        pd.DataFrame(rows).to_parquet(temporary, index=False)
    return record


def _holds(file: Path, wanted: dict) -> bool:
    try:
        return json.loads(file.read_text()) == json.loads(json.dumps(wanted))
    except (FileNotFoundError, json.JSONDecodeError):
        return False


def _flat(settings: BlindDegradation) -> dict[str, str | int | float]:
    return {
        f"setting_{name}": json.dumps(value) if isinstance(value, tuple | dict) else value
        for name, value in dataclasses.asdict(settings).items()
    }
