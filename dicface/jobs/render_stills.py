"""Renders single frames of many people, for stages I to III."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicface.jobs.job import Job, wildcard
from dicface.jobs.render_clips import RenderClips
from dicface.workflow.plan import Plan

NUM_UNSEEN = 64
"""People of whom no training sees a frame, one frame each."""


@dataclass(frozen=True, kw_only=True)
class RenderStills(Job):
    """Render single frames into one packed file: of people to learn from, or of unseen ones."""

    name = "render_stills"
    kind = "stills"
    algorithm = RenderClips.algorithm
    of_training = True

    people: str = wildcard("weights or unseen")

    @classmethod
    def constraints(cls, plan: Plan) -> dict[str, Iterable[str]]:
        """Both, where the networks learn from stills."""
        stills = plan.config.data.images.source == "stills"
        return {"people": ["weights", "unseen"] if stills else []}

    @property
    def seed_name(self) -> str:
        """What the names of all people start with."""
        seed = self.run.config.seed
        return f"demo-{self.people}" + (f"-seed{seed}" if seed else "")

    @property
    def num_frames(self) -> int:
        """Two of each person to learn from, one of each unseen."""
        weights = self.people == "weights"
        return self.run.config.data.images.num_frames if weights else NUM_UNSEEN

    def writes(self) -> list[Path]:
        """The packed file."""
        return [self.run.stills(self.people)]

    def depends_on(self) -> dict[str, Any]:
        """Size and number of the frames, and the people's seed."""
        size = self.run.config.data.size
        return {"seed": self.seed_name, "size": size, "num_frames": self.num_frames}

    def work(self) -> None:
        """See `pack_stills`."""
        from dicface.data.render.stills import Order, pack_stills

        order = Order(
            seed_name=self.seed_name,
            count=self.num_frames,
            size=self.run.config.data.size,
            frames_each=2 if self.people == "weights" else 1,
        )
        pack_stills(order, self.writes()[0], workers=self.workers)

    def seeds(self) -> Sequence[str]:
        """One name a person."""
        return [f"{self.seed_name}-stills-<number of the person>"]
