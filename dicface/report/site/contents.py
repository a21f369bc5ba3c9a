"""What a run folder holds for the report: tasks, their methods and clips, and what is missing.

Nothing is asked of the configuration: a method is a folder in a task's folder, a label is what the
tables print, and the reason of a missing score is the table's own note.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from dicface.base.counts import how_many
from dicface.base.names import BLIND, INPUT, TASKS
from dicface.base.reading import is_there
from dicface.report.tables.footnotes import sentence
from dicface.report.tables.scores import COLUMNS, FRAME_COLUMNS, read_frame_rows, read_rows
from dicface.report.tables.table import Table
from dicface.runs.folder import Run
from dicface.runs.results import Results, clips_at_hand, read_index
from dicface.video.clips import list_clips
from dicface.video.formats import natural

TRUTH = "/truth"
"""A method is a folder and can have any name but one with a slash."""
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
        metrics: File of `scores`; None where there is none.
        landmarks: `landmarks.npz`; None where there is none.
    """

    id: str
    label: str
    clips: Mapping[str, Path]
    missing: Mapping[str, str]
    scores: pd.DataFrame
    frames: pd.DataFrame
    weights: tuple[str, ...] = ()
    metrics: Path | None = None
    landmarks: Path | None = None

    def value(self, clip: str, metric: str) -> tuple[float, str]:
        """Score of a clip and the note beside it; NaN and the reason where there is none."""
        found = self.scores[(self.scores["clip"] == clip) & (self.scores["metric"] == metric)]
        if found.empty:
            return float("nan"), "not scored"
        return float(found["value"].iloc[0]), str(found["note"].iloc[0] or "")


@dataclass(frozen=True, kw_only=True)
class TaskResults:
    """One task of a run, as its pages show it.

    Attributes:
        id: Folder of the task.
        truths: Clip -> true clip, sorted by name; where there is no truth, the input.
        systems: Its methods in the order of the tables, the input first.
        absent: Label of a method that the tables name and the folder lacks -> reason.
        remarks: What is wrong in the folder, in sentences.
        has_truth: Whether there is one to show.
        title: Name for readers; "": that of its kind.
    """

    id: str
    truths: Mapping[str, Path]
    systems: tuple[System, ...]
    absent: Mapping[str, str]
    remarks: tuple[str, ...]
    has_truth: bool = True
    title: str = ""

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
        return self.title or task_name(self.id)


def read_tasks(run: Run, tables: Sequence[Table]) -> tuple[TaskResults, ...]:
    """Reads every task that the run folder holds, in the order of `dicface.base.names.TASKS`.

    Args:
        run: The run.
        tables: Its tables: what methods are called, in which order, and why one is absent.

    Raises:
        ClipError: The truth holds no clip, or a method's index is damaged.
        MetricError: A scores file cannot be read.
    """
    truths = list_clips(run.truth)
    found = [task for task in TASKS if run.inputs(task).parent.is_dir()]
    return tuple(_task(run, task, truths, tables) for task in found)


def labels_in(tables: Iterable[Table]) -> dict[str, str]:
    """Method -> what the first table with it calls it, in the order of the tables."""
    labels: dict[str, str] = {}
    for row in (row for table in tables for row in table.rows):
        labels.setdefault(row.method, row.label)
    return labels


def absent_methods(
    tables: Sequence[Table], task: str, present: Collection[str] = ()
) -> dict[str, str]:
    """Label -> why it did not run, of methods of a task in the tables that are not `present`."""
    labels, absent = labels_in(tables), {}
    for row in (row for table in tables for row in table.rows):
        if row.reason and row.method not in present and (row.block or BLIND.id) == task:
            absent.setdefault(labels[row.method], sentence(row.reason))
    return absent


def task_name(task: str) -> str:
    """Name of a task for readers; a block of a table that is no task keeps its own."""
    return TASKS[task].title if task in TASKS else task


def read_scores_of(results: Results) -> dict[str, Any]:
    """`scores`, `frames`, `metrics` and `landmarks` of a `System`.

    Raises:
        MetricError: A file cannot be read.
    """
    scores, frames = results.metrics, results.frames
    return {
        "scores": read_rows(scores) if is_there(scores) else pd.DataFrame(columns=[*COLUMNS]),
        "frames": read_frame_rows(frames)
        if frames.is_file()
        else pd.DataFrame(columns=[*FRAME_COLUMNS]),
        "metrics": scores if is_there(scores) else None,
        "landmarks": results.landmarks if results.landmarks.is_file() else None,
    }


def _task(run: Run, task: str, truths: Mapping[str, Path], tables: Sequence[Table]) -> TaskResults:
    folder = run.inputs(task).parent
    found = [path for path in sorted(folder.iterdir()) if path.is_dir() and path.name[0] != "."]
    labels = labels_in(tables)
    order = {name: position for position, name in enumerate(labels)}
    found.sort(key=lambda p: (p.name != INPUT, order.get(p.name, len(order)), natural(p.name)))
    systems, remarks = [], []
    for path in found:
        index = read_index(path)
        own, problem = clips_at_hand(path)
        if not (own or "restored" in index or Results(folder=path).metrics.is_file()):
            continue
        system = _system(path, index, own, truths, labels)
        systems.append(system)
        remarks += _remarks(system, problem, index.get("extra", sorted(set(own) - set(truths))))
    return TaskResults(
        id=task,
        truths=truths,
        systems=tuple(systems),
        absent=absent_methods(tables, task, {system.id for system in systems}),
        remarks=tuple(remarks),
        has_truth=not run.is_wild,
    )


def _system(
    folder: Path,
    index: Mapping,
    own: Mapping[str, Path],
    truths: Mapping[str, Path],
    labels: Mapping[str, str],
) -> System:
    reasons = index.get("unusable", {})
    label = index.get("label") or ("Degraded input" if folder.name == INPUT else folder.name)
    return System(
        id=folder.name,
        label=labels.get(folder.name, label),
        clips={clip: own[clip] for clip in truths if clip in own},
        missing={clip: reasons.get(clip, NO_CLIP) for clip in truths if clip not in own},
        weights=tuple(map(str, (index.get("weights") or {}).values())),
        **read_scores_of(Results(folder=folder)),
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
        remarks.append(
            f"{system.label}: {found} of {how_many(total, 'clip')}; missing: {', '.join(listed)}."
        )
    if extra:
        remarks.append(f"{system.label}: not in the test set and left out: {', '.join(extra)}.")
    return remarks
