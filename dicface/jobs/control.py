"""Makes a control of a method's restored clips, to stand beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicface.base.files import write_json
from dicface.base.names import CONTROLS, control_kind, controlled
from dicface.config.settings import TASKS
from dicface.jobs.files import restored
from dicface.jobs.job import ANY, Job, wildcard
from dicface.workflow.plan import Plan


@dataclass(frozen=True, kw_only=True)
class Control(Job):
    """Take the mean of five frames, or the first frame, of a method's clips or of the inputs."""

    name = "control"
    kind = "restored"
    leaves = ("index.json", "*.mkv")

    task: str = wildcard(", ".join(TASKS))
    method: str = wildcard(f"a method or a variant and {' or '.join(CONTROLS)}")

    @classmethod
    def constraints(cls, plan: Plan) -> dict[str, Iterable[str]]:
        """Any method's name with a suffix."""
        return {"task": TASKS, "method": [f"{ANY}{kind}" for kind in CONTROLS]}

    @property
    def source(self) -> str:
        """The method whose clips it is made from."""
        return controlled(self.method)

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
        """See `control_set`."""
        from dicface.restoring.controls import control_set
        from dicface.runs.results import restored_clips

        clips = restored_clips(self.run.results(self.task, self.source).folder)
        results = self.run.results(self.task, self.method)
        control_set(control_kind(self.method), clips, results.folder)
        write_json(results.index, {"control_of": self.source, "clips": sorted(clips)})

    def reads(self) -> Mapping[str, Iterable[Path]]:
        """Its clips."""
        return {"clips": restored(self.run.results(self.task, self.source).folder)}
