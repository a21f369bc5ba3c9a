"""What a run folder holds for the report: tasks, their methods and clips, and what is missing.

Nothing is asked of the configuration: a method is a folder in a task's folder, a label is what the
tables print, and the reason of a missing score is the table's own note.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from dicface.config.settings import TASKS
from dicface.report.tables.scores import COLUMNS, read_parquet
from dicface.runs.results import clips_at_hand, read_index
from dicface.video.clips import list_clips
from dicface.video.formats import natural

INPUT = "input"
TRUTH = "/truth"
"""A method is a folder and can have any name but one with a slash."""
TASK_NAMES = {
    "bfr": "Blind face restoration",
    "inpainting": "Face inpainting",
    "colorization": "Face colorization",
}
FRAME_COLUMNS = ("clip", "frame", "metric", "value")
NOT_RUN = "Not run: "
NO_CLIP = "no clip of this name"


@dataclass(frozen=True, kw_only=True)
class System:
    """One method of one task.

    Attributes:
        id: Folder of its results.
        label: What the tables print.
        clips: Clip -> its restored clip, of those that can be shown.
        missing: Every other clip -> why it cannot.
        scores: `metrics.parquet`; empty where it was not scored.
        frames: `frames.parquet`; empty where there is none.
        weights: sha256 of the weights it ran on.
    """

    id: str
    label: str
    clips: Mapping[str, Path]
    missing: Mapping[str, str]
    scores: pd.DataFrame
    frames: pd.DataFrame
    weights: tuple[str, ...] = ()

    def value(self, clip: str, metric: str) -> tuple[float, str]:
        """Score of a clip and the note beside it; NaN and the reason where there is none."""
        found = self.scores[(self.scores["clip"] == clip) & (self.scores["metric"] == metric)]
        if found.empty:
            return float("nan"), "not scored"
        return float(found["value"].iloc[0]), str(found["note"].iloc[0] or "")


@dataclass(frozen=True, kw_only=True)
class Task:
    """One task of a run.

    Attributes:
        id: Folder of the task.
        truths: Clip -> true clip, sorted by name.
        systems: Its methods in the order of the tables, the input first.
        absent: Label of a method that the tables name and the folder lacks -> reason.
        remarks: What is wrong in the folder, in sentences.
    """

    id: str
    truths: Mapping[str, Path]
    systems: tuple[System, ...]
    absent: Mapping[str, str]
    remarks: tuple[str, ...]

    @property
    def clips(self) -> tuple[str, ...]:
        """Names of the true clips."""
        return tuple(self.truths)

    @property
    def methods(self) -> tuple[System, ...]:
        """Its methods without the input."""
        return tuple(system for system in self.systems if system.id != INPUT)

    @property
    def name(self) -> str:
        """Name for readers."""
        return task_name(self.id)


@dataclass(frozen=True)
class TableNames:
    """What the tables of a run say of its methods: labels, order and reasons of absence."""

    labels: dict[str, str] = field(default_factory=dict)
    reasons: dict[tuple[str, str], str] = field(default_factory=dict)
    """(task or "", method) -> why it did not run."""

    def absent(self, task: str, present: set[str]) -> dict[str, str]:
        """Label -> reason, of methods of a task that are not `present`."""
        return {
            self.labels.get(method, method): reason
            for (named, method), reason in self.reasons.items()
            if method not in present and (named or "bfr") == task
        }


def read_tasks(run: Path, truth: Path, names: TableNames) -> tuple[Task, ...]:
    """Reads every task that the run folder holds, in the order of `dicface.methods.TASKS`.

    Args:
        run: The run folder.
        truth: Folder of the true clips.
        names: From the run's tables.

    Raises:
        ClipError: The truth holds no clip, or a method's index is damaged.
        MetricError: A scores file cannot be read.
    """
    truths = list_clips(truth)
    return tuple(_task(run / task, truths, names) for task in TASKS if (run / task).is_dir())


def task_name(task: str) -> str:
    """Name of a task for readers; a block of a table that is no task keeps its own."""
    return TASK_NAMES.get(task, task)


def read_scores_of(folder: Path) -> dict[str, pd.DataFrame]:
    """`scores` and `frames` of a `System` whose scores lie in a folder; empty where there are none.

    Raises:
        MetricError: A file cannot be read.
    """
    files = {"scores": ("metrics.parquet", COLUMNS), "frames": ("frames.parquet", FRAME_COLUMNS)}
    return {
        field: read_parquet(folder / name, columns)
        if (folder / name).is_file()
        else pd.DataFrame(columns=list(columns))
        for field, (name, columns) in files.items()
    }


def _task(folder: Path, truths: Mapping[str, Path], names: TableNames) -> Task:
    found = [path for path in sorted(folder.iterdir()) if path.is_dir() and path.name[0] != "."]
    order = {name: position for position, name in enumerate(names.labels)}
    found.sort(key=lambda p: (p.name != INPUT, order.get(p.name, len(order)), natural(p.name)))
    systems, remarks = [], []
    for path in found:
        index = read_index(path)
        own, problem = clips_at_hand(path)
        if not (own or "restored" in index or (path / "metrics.parquet").is_file()):
            continue
        system = _system(path, index, own, truths, names)
        systems.append(system)
        remarks += _remarks(system, problem, index.get("extra", sorted(set(own) - set(truths))))
    return Task(
        id=folder.name,
        truths=truths,
        systems=tuple(systems),
        absent=names.absent(folder.name, {system.id for system in systems}),
        remarks=tuple(remarks),
    )


def _system(
    folder: Path,
    index: Mapping,
    own: Mapping[str, Path],
    truths: Mapping[str, Path],
    names: TableNames,
) -> System:
    reasons = index.get("unusable", {})
    label = index.get("label") or ("Degraded input" if folder.name == INPUT else folder.name)
    return System(
        id=folder.name,
        label=names.labels.get(folder.name, label),
        clips={clip: own[clip] for clip in truths if clip in own},
        missing={clip: reasons.get(clip, NO_CLIP) for clip in truths if clip not in own},
        weights=tuple(map(str, (index.get("weights") or {}).values())),
        **read_scores_of(folder),
    )


def _remarks(system: System, problem: str, extra: Sequence[str]) -> list[str]:
    """What is wrong with a method's clips, in sentences."""
    remarks = []
    if problem:
        remarks.append(f"{system.label}: no clip is shown. {problem}")
    elif system.missing:
        found, total = len(system.clips), len(system.clips) + len(system.missing)
        listed = (
            clip if why == NO_CLIP else f"{clip} ({why})" for clip, why in system.missing.items()
        )
        remarks.append(f"{system.label}: {found} of {total} clips; missing: {', '.join(listed)}.")
    if extra:
        remarks.append(f"{system.label}: not in the test set and left out: {', '.join(extra)}.")
    return remarks
