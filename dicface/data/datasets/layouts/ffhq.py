"""FFHQ: aligned face images, one "clip" of one frame each."""

from __future__ import annotations

import os
from pathlib import Path

from dicface.data.datasets.layouts.layout import Layout, Problem, SourceClip
from dicface.video.formats import picture_files

NUM_IMAGES = 70_000


def read(folder: Path) -> Layout:
    """Describes FFHQ: `<00000>.png`, in the folder itself or in its subfolders of a thousand."""
    problems: list[Problem] = []
    clips: dict[str, SourceClip] = {}
    folders = []
    if folder.is_dir():
        with os.scandir(folder) as entries:
            folders = sorted(Path(e.path) for e in entries if e.is_dir() and e.name[0] != ".")
        files = [file for each in (folder, *folders) for file in picture_files(each)]
    else:
        files = []
        problems.append(Problem("error", str(folder), "no such folder; check the path"))
    for file in files:
        if file.stem in clips:
            problems.append(
                Problem(
                    "error",
                    str(folder),
                    f"two images are named '{file.stem}' ({clips[file.stem].source} and {file}); "
                    "remove one of them",
                )
            )
            continue
        clips[file.stem] = SourceClip(name=file.stem, source=file, num_frames=1)
    if folder.is_dir() and not clips:
        problems.append(
            Problem("error", str(folder), "found no image; expected 00000.png … or 00000/00000.png")
        )
    return Layout(
        folder=folder,
        clips=dict(sorted(clips.items())),
        clips_folder=folder,
        num_expected=NUM_IMAGES,
        expected_from="FFHQ",
        problems=tuple(problems),
    )
