"""VFHQ as its authors publish it: training clips with meta files, and VFHQ-Test."""

from __future__ import annotations

from pathlib import Path

from dicface.base.errors import ClipError
from dicface.data.datasets.layouts.layout import (
    Layout,
    Problem,
    SourceClip,
    descend,
    find_clips,
    find_folder,
    sidecars,
)

NUM_TEST_CLIPS = 50
"""VFHQ-Test holds 50 true clips; the "100" of its page counts the low-resolution copies too."""

CLIP_FOLDERS = ("clips", "frames")
META_FOLDER = "meta_info"
LIST_FILE = "meta_info.txt"
LANDMARK_FOLDER = "landmarks"


def read_train(folder: Path) -> Layout:
    """Describes VFHQ's training set: `clips/` (videos) or `frames/` (a folder of images a clip).

    Beside them may lie `meta_info/<clip>.txt` (VFHQ's meta files), `meta_info.txt` (a clip list of
    the release) and `landmarks/<clip>.txt` (five points a frame).
    """
    # It brings NumPy, which a set without a list can do without while a run is planned.
    from dicface.data.datasets.layouts.text import read_clip_list

    present = [name for name in CLIP_FOLDERS if (folder / name).is_dir()]
    problems: list[Problem] = []
    if len(present) == 1:
        clips_folder = folder / present[0]
    else:
        clips_folder = folder / CLIP_FOLDERS[0]
        found = "found both" if present else "found neither"
        if not folder.is_dir():
            found = "no such folder, so neither"
        problems.append(
            Problem(
                "error",
                str(folder),
                f"{found} of the folders clips/ and frames/; expected one of them: clips/ "
                "with a video a clip, or frames/ with a folder of images a clip",
            )
        )
    paths: dict[str, Path] = {}
    if present:
        clips_folder = descend(clips_folder)
        paths, found_problems = find_clips(clips_folder)
        problems += found_problems
    metas = sidecars(folder / META_FOLDER)
    if (folder / META_FOLDER).is_dir() and not metas:
        metas = sidecars(descend(folder / META_FOLDER))
    landmarks = sidecars(folder / LANDMARK_FOLDER)
    lengths: dict[str, int] = {}
    if (folder / LIST_FILE).is_file():
        try:
            lengths = read_clip_list(folder / LIST_FILE)
        except ClipError as error:
            problems.append(Problem("error", str(folder / LIST_FILE), str(error)))
    expected = lengths or metas
    return Layout(
        folder=folder,
        clips={
            name: SourceClip(
                name=name,
                source=path,
                meta=metas.get(name),
                landmarks=landmarks.get(name),
                num_frames=lengths.get(name, 0),
            )
            for name, path in paths.items()
        },
        clips_folder=clips_folder,
        num_expected=len(expected),
        expected_from=LIST_FILE if lengths else f"{META_FOLDER}/" if metas else "",
        missing=tuple(sorted(set(expected) - set(paths))),
        problems=tuple(problems),
    )


def read_test(folder: Path) -> Layout:
    """Describes VFHQ-Test: `GT/Interval1_512x512_LANCZOS4/<clip>/<00000000>.png`."""
    truth, problems = find_folder(folder, "GT")
    clips: dict[str, Path] = {}
    if truth is not None:
        truth = descend(truth)
        clips, found = find_clips(truth)
        problems += found
    return Layout(
        folder=folder,
        clips={name: SourceClip(name=name, source=path) for name, path in clips.items()},
        clips_folder=truth or folder / "GT",
        num_expected=NUM_TEST_CLIPS,
        expected_from="VFHQ-Test",
        problems=tuple(problems),
    )
