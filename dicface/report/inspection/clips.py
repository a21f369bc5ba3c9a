"""The clips that a network is inspected on: truth and input, and where both come from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import ClipError, ConfigError
from dicface.base.names import TASKS
from dicface.config.load import asked_for
from dicface.data.degradation.tasks import TaskInput, task_input
from dicface.runs.folder import Run
from dicface.video.clips import list_clips, named, read_frames


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Clips with their truth.

    Attributes:
        what: Which clips these are, for readers.
        truth: Clip -> true clip.
        inputs: Clip -> its input; empty where inputs are made here.
        made_by: Makes the inputs that are not there.
        seed_name: What the seeds of such inputs start from.
    """

    what: str
    truth: Mapping[str, Path]
    inputs: Mapping[str, Path]
    made_by: TaskInput | None = None
    seed_name: str = ""

    def read(
        self, side: int, num_frames: int | None
    ) -> Iterator[tuple[str, NDArray[np.uint8], NDArray[np.uint8]]]:
        """Yields name, truth and input of every clip, both (T, S, S, 3) uint8 RGB.

        Args:
            side: S, of the frames that the network takes, px.
            num_frames: How many frames of a clip are read, from its first; None for all.

        Raises:
            ClipError: A clip cannot be read, has another size, or differs in length from its truth.
        """
        for clip, path in self.truth.items():
            truth = _frames(path, side, num_frames)
            if self.made_by is not None:
                degraded = self.made_by.degrade(truth, self.seed_name, "degrade", clip)
            else:
                degraded = _frames(self.inputs[clip], side, num_frames)
            if len(degraded) != len(truth):
                raise ClipError(
                    f"{self.inputs[clip]}: has {len(degraded)} frames, its truth {path} "
                    f"{len(truth)}; give the input that was made of that truth."
                )
            yield clip, truth, degraded


def pairs_of_folders(folders: list[Path], task: str, training: Mapping[str, Any]) -> Pairs:
    """Takes clips of the user's: a folder of the truth, and one of inputs if there is.

    Args:
        folders: Truth; then inputs, whose clips are named like their truth.
        task: What the network was trained for.
        training: Settings of the inputs of its training; empty for the release's.

    Raises:
        ClipError: A folder holds no clip, or there is no input for a clip.
        ConfigError: There are more than two folders.
    """
    if len(folders) > 2:
        raise ConfigError(
            f"--clips: found {len(folders)} folders, expected that of the true clips and, behind "
            "it, that of their inputs."
        )
    truth = list_clips(folders[0])
    if len(folders) == 1:
        made_by, how = _as_trained(task, training)
        what = f"{folders[0]}, degraded here {how}"
        return Pairs(what=what, truth=truth, inputs={}, made_by=made_by, seed_name="inspect")
    inputs = list_clips(folders[1])
    if len(truth) == len(inputs) == 1:
        inputs = dict(zip(truth, inputs.values(), strict=True))  # a pair, whatever its names
    if missing := [clip for clip in truth if clip not in inputs]:
        raise ClipError(
            f"{folders[1]}: has no input for {named(missing)} of {folders[0]}; expected one for "
            "each true clip, named alike."
        )
    return Pairs(what=f"{folders[0]} and {folders[1]}", truth=truth, inputs=inputs)


def pairs_of_run(run: Run, task: str) -> Pairs:
    """Takes the test clips of a run, with its inputs, or with the same made here.

    Raises:
        ClipError: The run has no true clips yet.
        ConfigError: The run has no truth.
    """
    if run.is_wild:
        raise ConfigError(
            f"{run.folder}: restores videos without a truth; give clips with one by --clips."
        )
    truth = list_clips(run.truth)
    what, record = f"test clips of {run.folder}", run.restored_index(task, "input")
    if record.is_file():
        return Pairs(what=what, truth=truth, inputs=list_clips(run.inputs(task)))
    made_by = task_input(run.config, task)
    names = run.config.degradation_seed_name
    return Pairs(what=what, truth=truth, inputs={}, made_by=made_by, seed_name=names)


def run_of_weights(path: Path) -> Run | None:
    """Returns the run in which a weights file was trained; None where it lies elsewhere."""
    folder = path.absolute().parents
    if len(folder) > 2 and folder[1].name == "train" and (folder[2] / "run_config.yaml").is_file():
        return Run.load(folder[2])
    return None


def _as_trained(task: str, training: Mapping[str, Any]) -> tuple[TaskInput, str]:
    config = Run.of(asked_for([], [])).config
    if section := TASKS[task].section:
        kind = type(getattr(config, section))
        config = dataclasses.replace(config, **{section: kind(**training)})
    return task_input(config, task), "as in its training" if training else "as in the release"


def _frames(path: Path, side: int, num_frames: int | None) -> NDArray[np.uint8]:
    frames = np.stack(list(islice(read_frames(path, one_size=True), num_frames)))
    if frames.shape[1:3] != (side, side):
        raise ClipError(
            f"{path}: frames are {frames.shape[2]}×{frames.shape[1]} px, and the network takes "
            f"{side}×{side}. Give aligned clips of that size by --clips."
        )
    return frames
