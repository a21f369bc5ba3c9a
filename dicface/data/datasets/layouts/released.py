"""The test set that the DicFace authors released: truth, the inputs of each task, landmarks."""

from __future__ import annotations

from pathlib import Path

from dicface.base.counts import how_many
from dicface.data.datasets.layouts.layout import (
    Layout,
    Problem,
    SourceClip,
    descend,
    find_clips,
    find_folder,
    sidecars,
    without_a_clip,
)
from dicface.data.datasets.layouts.vfhq import NUM_TEST_CLIPS

TRUTH_FOLDER = "TEST_DATA"
LANDMARK_FOLDER = "vfhq_test_landmarks"
INPUT_FOLDERS = {
    "bfr": "LR_Blind",
    "inpainting": "vfhq_test_inpaint_input_512",
    "colorization": "vfhq_test_color_input",
}


def read(folder: Path) -> Layout:
    """Describes the released set; a task whose input folder is left out is not run.

    Every clip of an input needs a true clip and a landmark file of its name.
    """
    truth, problems = find_folder(folder, TRUTH_FOLDER)
    marks, found = find_folder(folder, LANDMARK_FOLDER)
    problems += found
    landmarks = sidecars(descend(marks) if marks else None)
    paths: dict[str, Path] = {}
    if truth is not None:
        truth = descend(truth)
        paths, found = find_clips(truth)
        problems += found
    clips = {
        name: SourceClip(name=name, source=path, landmarks=landmarks.get(name))
        for name, path in paths.items()
    }
    if marks is not None:
        lacking = [name for name, clip in clips.items() if clip.landmarks is None]
        if lacking:
            problems.append(
                Problem(
                    "error",
                    str(marks),
                    f"no landmarks of {len(lacking)} of {how_many(len(clips), 'clip')} "
                    f"({_some(lacking)}); extract the archive again",
                )
            )
        problems += without_a_clip(landmarks, clips, str(marks))
    inputs = {}
    for task, name in INPUT_FOLDERS.items():
        if not (folder / name).is_dir():
            problems.append(
                Problem("warning", str(folder / name), f"is not here: no input of the task {task}")
            )
            continue
        input_folder = descend(folder / name)
        found_paths, found = find_clips(input_folder)
        problems += found
        inputs[task] = {
            clip: SourceClip(name=clip, source=path, landmarks=landmarks.get(clip))
            for clip, path in found_paths.items()
        }
        absent = sorted(set(clips) - set(found_paths))
        if absent:
            problems.append(
                Problem(
                    "error",
                    str(input_folder),
                    f"{len(absent)} of {how_many(len(clips), 'clip')} are missing "
                    f"({_some(absent)}); extract the archive again",
                )
            )
        problems += without_a_clip(found_paths, clips, str(input_folder))
    return Layout(
        folder=folder,
        clips=clips,
        clips_folder=truth or folder / TRUTH_FOLDER,
        inputs=inputs,
        num_expected=NUM_TEST_CLIPS,
        expected_from="the released test set",
        problems=tuple(problems),
    )


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
