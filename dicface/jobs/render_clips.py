"""Renders a split of the demo's talking heads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicface.jobs.job import Job, wildcard
from dicface.provenance.cards import clips_card
from dicface.workflow.plan import Plan


@dataclass(frozen=True, kw_only=True)
class RenderClips(Job):
    """Render a split of the demo's talking heads; the test split also holds the photograph."""

    name = "render_clips"
    kind = "clips"
    algorithm = (
        3  # as `RENDERER` in dicface/data/render, which a plan must not take the time to load
    )
    leaves = ("index.parquet", "*.mkv", "landmarks.parquet")
    card = staticmethod(clips_card)
    of_training = True

    split: str = wildcard("train or test")

    @classmethod
    def constraints(cls, plan: Plan) -> dict[str, Iterable[str]]:
        """Those splits that the configuration renders."""
        data = plan.config.data
        sets = {"train": data.train, "test": data.test}
        return {"split": [name for name, each in sets.items() if each.source == "render"]}

    def writes(self) -> list[Path]:
        """The index of the split."""
        return [self.run.clips(self.split) / "index.parquet"]

    def depends_on(self) -> dict[str, Any]:
        """Size, rate, number and length of the clips, and the people's seed."""
        data = self.run.raw["data"]
        read = ("num_clips", "num_frames", "photo")
        chosen = {key: data[self.split][key] for key in read if key in data[self.split]}
        common = {key: data[key] for key in ("size", "fps")}
        return {"seed": self.run.config.seed_name, **common, **chosen}

    def work(self) -> None:
        """See `render_split`."""
        from dicface.data.demo import render_split

        folder = self.run.clips(self.split)
        render_split(folder, self.run.config, self.split, workers=self.workers)

    def seeds(self) -> Sequence[str]:
        """One name a clip."""
        return [f"{self.run.config.seed_name}-{self.split}-<number of the clip>"]
