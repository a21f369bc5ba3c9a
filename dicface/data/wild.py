"""Degraded videos of the user as inputs: aligned and otherwise as they are, without a truth."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from dicface.base.errors import ClipError, FaceError
from dicface.base.files import stamp_of, write_json, write_parquet
from dicface.config.settings import Config
from dicface.faces.detect import Detector, default_detector
from dicface.faces.importer import INDEX_COLUMNS, INDEX_FILE, ImportSettings, import_clip
from dicface.provenance.kept import forget_others, kept
from dicface.video.clips import list_clips, named, read_frames, require_apart

logger = logging.getLogger(__name__)

WINDOW = 5
"""Frames that DicFace sees at once, and that a track needs to be split into motion and jitter."""


def import_wild_clips(config: Config, out: Path, left_out: Path) -> None:
    """Aligns the clips of `wild_clips`, by the faces in them; what does not fit is left out.

    Writes `<clip>.mkv` of every clip that can be used and, last, `index.parquet`. Aligned clips are
    kept.

    Args:
        config: The run.
        out: Folder of the aligned clips.
        left_out: Gets clip -> why it cannot be used, JSON.

    Raises:
        ClipError: The folder is missing or empty, or two clips have one name.
        FaceError: No clip at all can be used; the message names them all.
        WeightsError: The detector's weights are missing or damaged.
        DicfaceError: The disk is full.
    """
    clips = list_clips(config.wild_clips)
    require_apart(clips, out)
    max_frames = config.data.test.max_frames or None
    settings = ImportSettings(size=config.data.size, max_frames=max_frames)
    detector = default_detector(config.data.detector)
    (out / INDEX_FILE).unlink(missing_ok=True)  # until all clips are whole again
    rows: dict[str, Mapping[str, Any]] = {}
    reasons: dict[str, str] = {}
    for name, source in clips.items():
        try:
            require_window(source)
            rows[name] = _aligned(source, name, out, settings, detector)
        except (ClipError, FaceError) as error:
            logger.warning("%s is left out: %s", named([name]), error)
            reasons[name] = str(error)
    if not rows:
        listed = "\n".join(reasons.values())
        raise FaceError(f"{config.wild_clips}: none of its clips can be used:\n{listed}")
    forget_others(out, rows)
    write_json(left_out, reasons)
    write_parquet(out / INDEX_FILE, pd.DataFrame(list(rows.values()), columns=list(INDEX_COLUMNS)))


def require_window(source: Path) -> None:
    """Looks whether a clip has `WINDOW` frames; it is read no further.

    Raises:
        ClipError: It has fewer, or cannot be read.
    """
    found = sum(1 for _ in islice(read_frames(source), WINDOW))
    if found < WINDOW:
        raise ClipError(
            f"{source}: found {found} frame{'s' if found != 1 else ''}, expected {WINDOW} or "
            "more, as a window of DicFace has; take a longer clip."
        )


def _aligned(
    source: Path, name: str, out: Path, settings: ImportSettings, detector: Detector
) -> Mapping[str, Any]:
    """Aligns a clip, or keeps it, and returns its row of the index."""
    made_from = {
        "settings": dataclasses.asdict(settings),
        "detector": [detector.name, detector.sha256],
        "source": stamp_of(source),
    }
    with kept(out, name, made_from, f"{name}.mkv") as piece:
        if piece.todo:
            clip = import_clip(source, name, out, settings=settings, detector=detector)
            piece.facts = {
                "clip": name,
                "num_frames": clip.info.num_frames,
                "fps": float(clip.info.fps),
                "identity": name,
                "source": source.name,
                "num_interpolated": clip.num_interpolated,
                "detector": detector.name,
                "detector_sha256": detector.sha256,
            }
    return piece.facts
