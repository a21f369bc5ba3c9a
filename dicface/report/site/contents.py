"""What a run folder holds for the report: tasks, their methods and clips, and what is missing.

Nothing is asked of the configuration: a method is a folder in a task's folder, a label is what the
tables print, and the reason of a missing score is the table's own note.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from dicface.config import TASKS
from dicface.errors import ClipError, MetricError
from dicface.report.scores import COLUMNS, read_parquet

INPUT, TRUTH = "input", "truth"
TASK_NAMES = {
    "bfr": "Blind face restoration",
    "inpainting": "Face inpainting",
    "colorization": "Face colorization",
}
FRAME_COLUMNS = ("clip", "frame", "metric", "value")
NOT_RUN = "Not run: "


@dataclass(frozen=True, kw_only=True)
class System:
    """One method of one task.

    Attributes:
        id: Folder of its results.
        label: What the tables print.
        folder: `<run>/<task>/<id>`.
        clips: Clip -> its restored file, of the clips that are there.
        scores: `metrics.parquet`; empty where it was not scored.
        frames: `frames.parquet`; empty where there is none.
        weights: sha256 of the weights it ran on.
    """

    id: str
    label: str
    folder: Path
    clips: Mapping[str, Path]
    scores: pd.DataFrame
    frames: pd.DataFrame
    weights: tuple[str, ...]

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
        clips: Names of the true clips, sorted.
        systems: Its methods in the order of the tables, the input first.
        absent: Label of a method that the tables name and the folder lacks -> reason.
        remarks: What is wrong in the folder, in sentences.
    """

    id: str
    clips: tuple[str, ...]
    systems: tuple[System, ...]
    absent: Mapping[str, str]
    remarks: tuple[str, ...]

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
    """Reads every task that the run folder holds, in the order of `baselines.TASKS`.

    Args:
        run: The run folder.
        truth: Folder of the true clips.
        names: From the run's tables.

    Raises:
        ClipError: The truth holds no clip.
        MetricError: A scores file cannot be read.
    """
    clips = tuple(sorted(path.stem for path in truth.glob("*.mkv") if path.name[0] != "."))
    if not clips:
        raise ClipError(
            f"{truth}: found no clip; expected the true clips of this run (`<clip>.mkv`). "
            "Make the test clips first, or name their folder with --truth."
        )
    return tuple(_task(run / task, clips, names) for task in TASKS if (run / task).is_dir())


def task_name(task: str) -> str:
    """Name of a task for readers; a block of a table that is no task keeps its own."""
    return TASK_NAMES.get(task, task)


def natural(text: str) -> list[tuple[int, str]]:
    """Sort key that puts "figure10" after "figure9".

    >>> sorted(["figure10", "figure9"], key=natural)
    ['figure9', 'figure10']
    """
    parts = re.split(r"(\d+)", text)
    return [(int(part), "") if part.isdecimal() else (0, part) for part in parts]


def _task(folder: Path, clips: tuple[str, ...], names: TableNames) -> Task:
    found = [path for path in sorted(folder.iterdir()) if path.is_dir() and path.name[0] != "."]
    order = {name: position for position, name in enumerate(names.labels)}
    found.sort(key=lambda p: (p.name != INPUT, order.get(p.name, len(order)), natural(p.name)))
    systems, remarks = [], []
    for path in found:
        own = {p.stem: p for p in sorted(path.glob("*.mkv")) if p.name[0] != "."}
        if not own and not (path / "metrics.parquet").is_file():
            continue
        system = _system(path, {clip: own[clip] for clip in clips if clip in own}, names)
        systems.append(system)
        missing = [clip for clip in clips if clip not in own]
        if missing:
            remarks.append(
                f"{system.label}: {len(clips) - len(missing)} of {len(clips)} clips; "
                f"missing: {', '.join(missing)}."
            )
        extra = sorted(set(own) - set(clips))
        if extra:
            remarks.append(f"{system.label}: not in the test set and left out: {', '.join(extra)}.")
    return Task(
        id=folder.name,
        clips=clips,
        systems=tuple(systems),
        absent=names.absent(folder.name, {system.id for system in systems}),
        remarks=tuple(remarks),
    )


def _system(folder: Path, clips: Mapping[str, Path], names: TableNames) -> System:
    label = names.labels.get(folder.name, _label(folder.name))
    return System(
        id=folder.name,
        label=label,
        folder=folder,
        clips=clips,
        scores=_read(folder / "metrics.parquet", COLUMNS),
        frames=_read(folder / "frames.parquet", FRAME_COLUMNS),
        weights=_weights(folder / "index.json"),
    )


def _label(method: str) -> str:
    return "Degraded input" if method == INPUT else method


def _read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    return read_parquet(path, columns) if path.is_file() else pd.DataFrame(columns=list(columns))


def _weights(index: Path) -> tuple[str, ...]:
    if not index.is_file():
        return ()
    try:
        weights = json.loads(index.read_text()).get("weights") or {}
    except (ValueError, AttributeError) as error:
        raise MetricError(
            f"{index}: is no index of restored clips ({error}); expected JSON with `method`, "
            "`clips` and `weights`. Delete it and restore with this method again."
        ) from error
    return tuple(str(digest) for digest in weights.values())
