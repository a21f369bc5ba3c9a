"""The test set of a run: its true clips and every task's inputs, as the configuration says."""

from __future__ import annotations

from pathlib import Path

from dicface.base.files import digest_of
from dicface.base.names import INPAINTING
from dicface.config.settings import Config
from dicface.data.datasets.layouts import Layout, read_layout
from dicface.data.datasets.released_set import import_released_inputs, import_released_truth
from dicface.data.degradation.masks import white_of
from dicface.data.degradation.sets import degrade_set
from dicface.data.degradation.tasks import task_input
from dicface.faces.importer import import_folder
from dicface.provenance.kept import kept
from dicface.video.clips import frame_rate, list_clips, read_frames, write_clip
from dicface.video.masks import FOLDER as MASKS
from dicface.video.masks import as_picture

WILD_MIN_FRAMES = 5
"""A window of DicFace, and what a track needs to be split into motion and jitter."""


def import_test_clips(config: Config, out: Path) -> None:
    """Aligns the true clips: by the faces in them, or by the released landmarks.

    Args:
        config: The run; `test_clips` comes before `data.test`.
        out: Folder of the aligned clips.

    Raises:
        ClipError: The folder is missing, empty or of another layout, or a clip is unreadable.
        FaceError: No clip has a face, or landmarks do not fit.
        WeightsError: The detector's weights are missing or damaged.
        DicfaceError: The disk is full.
    """
    test, size = config.data.test, config.data.size
    if config.takes_released_inputs:
        import_released_truth(_layout(config), out, size=size, max_frames=test.max_frames or None)
        return
    folder = config.test_clips or test.folder
    if test.layout and not config.test_clips:
        folder = _layout(config).clips_folder
    import_folder(
        folder,
        out,
        size=size,
        detector=config.data.detector,
        max_frames=test.max_frames or None,
        choice=config.data.choice,
        smoothing_ends=config.data.smoothing_ends,
        min_frames=test.min_frames,
        on_misfit=test.on_misfit,
    )


def import_wild_clips(config: Config, out: Path) -> None:
    """Aligns the degraded clips of `wild_clips`, which are inputs as they are.

    A clip that cannot be used never stops the others.

    Args:
        config: The run.
        out: Folder of the aligned clips.

    Raises:
        ClipError: The folder is missing or empty, or no clip can be used; FaceError where none
            shows a face.
        WeightsError: The detector's weights are missing or damaged.
        DicfaceError: The disk is full.
    """
    test = config.data.test
    import_folder(
        config.wild_clips,
        out,
        size=config.data.size,
        detector=config.data.detector,
        max_frames=test.max_frames or None,
        choice=config.data.choice,
        smoothing_ends=config.data.smoothing_ends,
        min_frames=max(WILD_MIN_FRAMES, test.min_frames),
        on_misfit="drop",
    )


def make_inputs(config: Config, task: str, clips: Path, out: Path) -> None:
    """Makes a task's input of every true clip, or takes the released ones.

    Args:
        config: The run.
        task: "bfr", "inpainting" or "colorization".
        clips: Folder of the true clips.
        out: Folder of the inputs.

    Raises:
        ClipError: The released set has no inputs of the task, or a clip is unreadable.
        DicfaceError: The disk is full.
    """
    if config.takes_released_inputs:
        import_released_inputs(_layout(config), task, clips, out, size=config.data.size)
        if task == INPAINTING.id:
            _masks_of_inputs(out)
    else:
        degrade_set(clips, out, task_input(config, task), seed_name=config.degradation_seed_name)


def _masks_of_inputs(inputs: Path) -> None:
    """Writes the masks of released inputs, of which none is published: what is white is missing."""
    for clip, path in list_clips(inputs).items():
        masks = inputs / MASKS
        with kept(masks, clip, {"input": digest_of(path)}, f"{clip}.mkv") as piece:
            if piece.todo:
                white = (as_picture(white_of(frame)) for frame in read_frames(path))
                write_clip(masks / f"{clip}.mkv", white, frame_rate(path))


def _layout(config: Config) -> Layout:
    return read_layout(config.data.test.layout, config.data.test.folder).require()
