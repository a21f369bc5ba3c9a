"""Degrading folders of clips, resumable, in bounded memory."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from dicface.base.files import digest_of, write_parquet
from dicface.data.degradation.tasks import TaskInput
from dicface.provenance.kept import forget_others, kept
from dicface.video.clips import list_clips

logger = logging.getLogger(__name__)

RECORDS_FILE = "degradation.parquet"
"""One row a clip: clip, what was drawn, and every setting (`setting_…`)."""


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
        source: Folder of true clips.
        destination: Folder of inputs, `<clip>.mkv`.
        task: How inputs are made (`dicface.data.degradation.tasks`).
        seed_name: What every seed of the run starts from.
        progress: Whether to show a bar.

    Returns:
        Path of the record: one row a clip, with its draws and all settings.

    Raises:
        ClipError: The folder holds no clip, or a clip cannot be read.
        ConfigError: Frames are too small for the scale.
        DicfaceError: The disk is full.
    """
    clips = list_clips(source)
    forget_others(destination, clips)
    settings = task.settings()
    rows = []
    bar = tqdm(clips.items(), desc="degrade", unit="clip", disable=not progress)
    for name, path in bar:
        bar.set_postfix_str(name)
        names = (seed_name, "degrade", name)
        made_from = {
            "task": task.id,
            "settings": settings,
            "seed_names": names,
            "source": digest_of(path),
        }
        files = [f"{name}.mkv"]
        if task.beside:
            files.append(f"{task.beside}/{name}.mkv")
            made_from |= {"beside": task.beside, "reads": list(map(digest_of, task.reads(name)))}
        with kept(destination, name, made_from, *files) as piece:
            if piece.todo:
                piece.facts = task.degrade_file(path, destination / f"{name}.mkv", *names)
            else:
                logger.info("%s: already degraded, kept", destination / f"{name}.mkv")
        # In one order, whether the clip was made now or is kept.
        drawn = dict(sorted(piece.facts.items()))
        rows.append({"clip": name, **drawn, **_flat(settings)})
    table = destination / RECORDS_FILE
    write_parquet(table, pd.DataFrame(rows))
    return table


def _flat(settings: dict[str, object]) -> dict[str, object]:
    return {
        f"setting_{name}": json.dumps(value) if isinstance(value, tuple | dict) else value
        for name, value in settings.items()
    }
