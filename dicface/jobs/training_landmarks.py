"""Finds the landmarks of one shard of the training clips."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicface.base.files import digest_of_names
from dicface.data.datasets.layouts import read_layout
from dicface.data.datasets.shards import clips_of_shard, landmarks_path
from dicface.jobs.job import Job, wildcard
from dicface.jobs.training_index import require_training_set
from dicface.workflow.plan import Plan


@dataclass(frozen=True, kw_only=True)
class TrainingLandmarks(Job):
    """Find, smooth and store the landmarks of one shard of the training clips."""

    name = "training_landmarks"
    kind = "landmarks"
    of_training = True

    split: str = wildcard("train or images")
    shard: str = wildcard("which one: 00000, 00001, …")

    @classmethod
    def constraints(cls, plan: Plan) -> dict[str, Iterable[str]]:
        """Shards have five digits."""
        return {"split": plan.indexed_sets(), "shard": ["[0-9]{5}"]}

    @classmethod
    def require(cls, plan: Plan) -> None:
        """The data set is there (errors as `require_training_set`)."""
        require_training_set(plan)

    def writes(self) -> list[Path]:
        """The landmarks of the shard."""
        return [landmarks_path(self.run.clips(self.split), self.shard)]

    def depends_on(self) -> dict[str, Any]:
        """Where the clips are, which they are, and what finds faces."""
        section = self.run.raw["data"][self.split]
        return {
            **{key: section.get(key, 1) for key in ("layout", "folder", "shard_size")},
            "detector": self.run.config.data.detector,
            "choice": self.run.config.data.choice,
            "smoothing_ends": self.run.config.data.smoothing_ends,
            "clips": digest_of_names(self.plan.landmark_shards(self.split)[self.shard]),
        }

    def work(self) -> None:
        """See `landmarks_of_shard`."""
        from dicface.data.datasets.shard_landmarks import LandmarkSettings, landmarks_of_shard
        from dicface.faces.detect import default_detector

        data = self.run.config.data
        settings = data.train
        landmarks_of_shard(
            clips_of_shard(
                read_layout(settings.layout, settings.folder), self.shard, settings.shard_size
            ),
            self.writes()[0],
            detector=default_detector(data.detector),
            settings=LandmarkSettings(choice=data.choice, smoothing_ends=data.smoothing_ends),
        )
