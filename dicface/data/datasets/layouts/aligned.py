"""Any folder of aligned clips, such as the demo's rendered ones."""

from __future__ import annotations

from pathlib import Path

from dicface.data.datasets.layouts.layout import Layout, SourceClip, find_clips


def read(folder: Path) -> Layout:
    """Describes a folder of videos and folders of frames."""
    paths, problems = find_clips(folder)
    return Layout(
        folder=folder,
        clips={name: SourceClip(name=name, source=path) for name, path in paths.items()},
        clips_folder=folder,
        problems=tuple(problems),
    )
