"""Readers of data sets as their authors publish them; one small typed description each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dicface.base.errors import ConfigError
from dicface.data.datasets.layouts.ffhq import ffhq
from dicface.data.datasets.layouts.layout import Layout, Problem, SourceClip, find_clips
from dicface.data.datasets.layouts.released import released_test
from dicface.data.datasets.layouts.vfhq import vfhq_test, vfhq_train

__all__ = ["ALIGNED", "LAYOUTS", "Layout", "Problem", "SourceClip", "read_layout"]


def aligned_clips(folder: Path) -> Layout:
    """Any folder of aligned clips, such as the demo's rendered ones."""
    paths, problems = find_clips(folder)
    return Layout(
        kind="aligned",
        folder=folder,
        clips={name: SourceClip(name=name, source=path) for name, path in paths.items()},
        clips_folder=folder,
        aligned=True,
        problems=tuple(problems),
    )


LAYOUTS: dict[str, Callable[[Path], Layout]] = {
    "vfhq_train": vfhq_train,
    "vfhq_test": vfhq_test,
    "released_test": released_test,
    "ffhq": ffhq,
    "aligned": aligned_clips,
}

ALIGNED = ("ffhq", "aligned")
"""Layouts of sets whose frames are aligned faces already."""


def read_layout(kind: str, folder: str | Path) -> Layout:
    """Describes a data set; what is wrong with it stands in `problems`, see `Layout.require`.

    Args:
        kind: a key of `LAYOUTS`.
        folder: where the set lies.

    Raises:
        ConfigError: there is no such layout.
    """
    if kind not in LAYOUTS:
        raise ConfigError(f"layout: found '{kind}', expected one of {', '.join(LAYOUTS)}.")
    return LAYOUTS[kind](Path(folder))
