"""Writes the index of a training set."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicface.data.datasets.layouts import read_layout
from dicface.data.datasets.shards import landmarks_path
from dicface.jobs.job import Job, wildcard
from dicface.provenance.cards import index_card
from dicface.workflow.plan import Plan


def require_training_set(plan: Plan) -> None:
    """Looks whether the data sets that networks learn from are there.

    Raises:
        ClipError: One is missing or has another layout, or two clips have one name.
    """
    for name in plan.indexed_sets():
        settings = getattr(plan.config.data, name)
        read_layout(settings.layout, settings.folder).require()


@dataclass(frozen=True, kw_only=True)
class TrainingIndex(Job):
    """Write where each training clip, its frames and its landmarks are."""

    name = "training_index"
    kind = "index of clips"
    leaves = ("index.parquet", "landmarks/shard_*.parquet")
    card = staticmethod(index_card)
    of_training = True

    split: str = wildcard("train or images")

    @classmethod
    def constraints(cls, plan: Plan) -> dict[str, Iterable[str]]:
        """The training sets that are data sets on disk."""
        return {"split": plan.indexed_sets()}

    @classmethod
    def require(cls, plan: Plan) -> None:
        """The data set is there (errors as `require_training_set`)."""
        require_training_set(plan)

    def waits_for(self) -> list[Path]:
        """The landmarks of all shards; none where faces are aligned already."""
        folder = self.run.clips(self.split)
        return [landmarks_path(folder, shard) for shard in self.plan.landmark_shards(self.split)]

    def writes(self) -> list[Path]:
        """The index."""
        return [self.run.clips(self.split) / "index.parquet"]

    def depends_on(self) -> dict[str, Any]:
        """Where the clips are, not, say, in which order a training aligns."""
        section = self.run.raw["data"][self.split]
        return {key: section.get(key, 1) for key in ("layout", "folder", "shard_size")}

    def work(self) -> None:
        """See `write_index`."""
        from dicface.data.datasets.training_index import write_index

        section = self.depends_on()
        write_index(
            read_layout(section["layout"], section["folder"]),
            self.run.clips(self.split),
            shard_size=section["shard_size"],
        )
