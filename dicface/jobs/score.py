"""Scores the restored clips of one method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicface.config.settings import TASKS
from dicface.jobs.files import found, measuring_weights, restored, true_clips
from dicface.jobs.job import Job, wildcard
from dicface.workflow.plan import Plan


@dataclass(frozen=True, kw_only=True)
class Score(Job):
    """Score every clip of one method: all metrics in one decode."""

    name = "score"
    kind = "scores"
    computes = True

    task: str = wildcard(", ".join(TASKS))
    method: str = wildcard("a method, a variant, or input")

    @classmethod
    def constraints(cls, plan: Plan) -> dict[str, Iterable[str]]:
        """Every task."""
        return {"task": TASKS}

    def waits_for(self) -> list[Path]:
        """Restored clips, and the analysis of the true ones."""
        restored_index = self.run.restored_index(self.task, self.method)
        return [restored_index, self.run.analysis / "done.json", self.run.truth_index]

    def writes(self) -> list[Path]:
        """One row a clip and metric."""
        return [self.run.results(self.task, self.method).metrics]

    def depends_on(self) -> dict[str, Any]:
        """What measures."""
        return {"task": self.task, "method": self.method, "metrics": self.run.raw["metrics"]}

    def work(self) -> None:
        """See `score_set`."""
        from dicface.metrics.scorer import score_set

        config, folder = self.run.config, self.run.results(self.task, self.method).folder
        score_set(
            self.task,
            self.method,
            folder,
            self.run.truth,
            folder,
            analysis_folder=self.run.analysis,
            prefer=config.metrics.backbones,
            workers=self.workers,
            device=config.device,
        )

    def reads(self) -> Mapping[str, Iterable[Path]]:
        """Restored and true clips, analyses, and the networks that measure."""
        folder = self.run.results(self.task, self.method).folder
        return {
            "restored": [*restored(folder), folder / "index.json"],
            "clips": true_clips(self.run.truth),
            "analysis": found(self.run.analysis, "*.npz"),
            "weights": measuring_weights(self.run.config),
        }

    def leaves(self) -> Iterable[Path]:
        """Numbers, features and landmarks."""
        results = self.run.results(self.task, self.method)
        files = (results.metrics, results.frames, results.features, results.landmarks)
        return found(results.folder, *(file.name for file in files))
