"""Makes the inputs of a task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicface.base import names
from dicface.base.files import stamp_of_folder
from dicface.config.settings import TASKS
from dicface.jobs.files import released_inputs, true_clips
from dicface.jobs.job import Job, wildcard
from dicface.provenance.cards import inputs_card
from dicface.runs.folder import RECORDS_FILE
from dicface.workflow.plan import Plan


@dataclass(frozen=True, kw_only=True)
class Degrade(Job):
    """Make a task's input of every test clip: degraded, masked or grey; or take released ones."""

    name = "degrade"
    kind = "inputs"
    # 2: the codec's own frames, or the masks, lie beside the inputs.
    algorithm = 2
    leaves = (RECORDS_FILE, "*.mkv", "*/*.mkv")
    card = staticmethod(inputs_card)

    task: str = wildcard(", ".join(TASKS))

    @classmethod
    def constraints(cls, plan: Plan) -> dict[str, Iterable[str]]:
        """Every task."""
        return {"task": TASKS}

    def waits_for(self) -> list[Path]:
        """The true clips."""
        return [self.run.truth_index]

    def writes(self) -> list[Path]:
        """The record of what was drawn for each clip."""
        return [self.run.inputs(self.task) / RECORDS_FILE]

    def depends_on(self) -> dict[str, Any]:
        """The task's settings and the seed, or that the inputs are the authors'."""
        config, section = self.run.config, names.TASKS[self.task].section
        if config.takes_released_inputs:
            return {"task": self.task, "test_set": "released"}
        settings = self.run.raw[section] if section else {}
        if config.masks and self.task == names.INPAINTING.id:
            settings = {"masks": config.masks, "files": stamp_of_folder(config.masks)}
        return {"task": self.task, "seed": config.degradation_seed_name, **settings}

    def work(self) -> None:
        """See `make_inputs`."""
        from dicface.data.prepare import make_inputs

        make_inputs(self.run.config, self.task, self.run.truth, self.run.inputs(self.task))

    def reads(self) -> Mapping[str, Iterable[Path]]:
        """The true clips, and the authors' inputs where these are taken."""
        config = self.run.config
        released = released_inputs(config, self.task) if config.takes_released_inputs else []
        return {"clips": true_clips(self.run.truth), **({"released": released} if released else {})}

    def seeds(self) -> Sequence[str]:
        """One name a clip; the authors' draws have none that is known."""
        config = self.run.config
        if config.takes_released_inputs:
            return []
        return [f"{config.degradation_seed_name}|degrade|<clip>"]
