"""Averages five frames of a method's restored clips, as a control beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicface.base.files import write_json
from dicface.base.names import MEAN_OF_5, averaged
from dicface.config.settings import TASKS
from dicface.jobs.files import restored
from dicface.jobs.job import ANY, Job, wildcard
from dicface.workflow.plan import Plan


@dataclass(frozen=True, kw_only=True)
class Average(Job):
    """Take the mean of five frames of a method's restored clips, or of the inputs."""

    name = "average"
    kind = "restored"
    leaves = ("index.json", "*.mkv")

    task: str = wildcard(", ".join(TASKS))
    method: str = wildcard(f"a method or a variant and {MEAN_OF_5}")

    @classmethod
    def constraints(cls, plan: Plan) -> dict[str, Iterable[str]]:
        """Any method's name with the suffix."""
        return {"task": TASKS, "method": [f"{ANY}{MEAN_OF_5}"]}

    @property
    def source(self) -> str:
        """The method whose clips are averaged."""
        return averaged(self.method)

    def waits_for(self) -> list[Path]:
        """Its clips."""
        return [self.run.restored_index(self.task, self.source)]

    def writes(self) -> list[Path]:
        """Which clips there are."""
        return [self.run.results(self.task, self.method).index]

    def depends_on(self) -> dict[str, Any]:
        """Nothing but those clips."""
        return {"task": self.task, "method": self.method}

    def work(self) -> None:
        """See `average_set`."""
        from dicface.restoring.mean import average_set
        from dicface.runs.results import restored_clips

        clips = restored_clips(self.run.results(self.task, self.source).folder)
        results = self.run.results(self.task, self.method)
        average_set(clips, results.folder)
        write_json(results.index, {"mean_of_5": self.source, "clips": sorted(clips)})

    def reads(self) -> Mapping[str, Iterable[Path]]:
        """Its clips."""
        return {"clips": restored(self.run.results(self.task, self.source).folder)}
