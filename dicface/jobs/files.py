"""Files that jobs read and leave, listed for their manifests."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dicface.base.errors import DicfaceError
from dicface.config.settings import Config
from dicface.data.datasets.layouts import read_layout
from dicface.provenance.manifest import CARD, SUFFIX
from dicface.runs.results import restored_clips
from dicface.video.clips import list_clips


def found(folder: Path, *patterns: str) -> list[Path]:
    """Returns files of a folder by patterns, sorted; no hidden ones, manifests or cards."""
    paths = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    return sorted(
        path
        for path in paths
        if path.name[0] != "." and path.name != CARD and not path.name.endswith(SUFFIX)
    )


def true_clips(folder: Path) -> list[Path]:
    """Returns the index and the clips of a set."""
    return [*found(folder, "index.parquet"), *clips_of(folder)]


def clips_of(folder: Path, layout: str = "", task: str = "") -> list[Path]:
    """Returns the clips of a folder or data set; none where the work itself will complain.

    Args:
        folder: Where it lies.
        layout: Of the data set; "" is a folder of clips.
        task: The task whose released inputs are meant; "" the clips themselves.
    """
    try:
        if not layout:
            return list(list_clips(folder).values())
        data_set = read_layout(layout, folder)
    except DicfaceError:
        return []
    clips = (data_set.inputs.get(task, {}) if task else data_set.clips).values()
    return [path for clip in clips for path in (clip.source, clip.landmarks) if path]


def restored(folder: Path) -> list[Path]:
    """Returns the restored clips of a method, wherever they lie; none where there is none."""
    try:
        return list(restored_clips(folder).values())
    except DicfaceError:
        return []


def measuring_weights(config: Config, metrics: Iterable[str] | None = None) -> list[Path]:
    """Returns the files of the official networks that measure, those that are on this machine."""
    from dicface.metrics import official_files
    from dicface.weights import registry

    if config.metrics.backbones in ("offline", "random"):
        return []
    return [path for name in official_files(metrics) if (path := registry.here(name))]


def released_inputs(config: Config, task: str) -> list[Path]:
    """Returns the authors' inputs of a task, where the run takes them."""
    test = config.data.test
    return clips_of(Path(test.folder), test.layout, task)
