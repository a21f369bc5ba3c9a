"""Scores the restored clips of one method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicface.config.settings import TASKS
from dicface.jobs.files import found, measuring_weights, restored, true_clips
from dicface.jobs.job import Job, wildcard
from dicface.runs.folder import Run
from dicface.runs.results import read_index, restored_clips
from dicface.video.clips import list_clips
from dicface.workflow.plan import Plan

if TYPE_CHECKING:
    from dicface.metrics.matching import Match


def match_of(run: Run, task: str, method: str) -> Match:
    """Which restored clip of a method belongs to which true one.

    Raises:
        ClipError: There is no clip, or a clip that the method's index lists is gone.
    """
    from dicface.metrics.matching import match_names

    folder = run.results(task, method).folder
    index = read_index(folder)
    return match_names(
        restored_clips(folder),
        list_clips(run.truth),
        unusable=index.get("unusable"),
        notes=index.get("notes"),
    )


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
        facts = {"task": self.task, "method": self.method, "metrics": self.run.raw["metrics"]}
        return facts | ({"measured": self.measured} if self.run.is_wild else {})

    @property
    def measured(self) -> list[str]:
        """Names of the metrics."""
        from dicface.metrics.backbones import metrics_of

        return metrics_of(self.run.config)

    def work(self) -> None:
        """See `score_set`."""
        from dicface.metrics.protocol import EvaluationProtocol
        from dicface.metrics.scorer import score_set

        config = self.run.config
        score_set(
            self.task,
            self.method,
            match_of(self.run, self.task, self.method),
            self.run.results(self.task, self.method).folder,
            analysis_folder=self.run.analysis,
            protocol=EvaluationProtocol.resolve(
                config.metrics.backbones, device=config.device, metrics=self.measured
            ),
            metrics=self.measured,
            workers=self.workers,
        )

    def reads(self) -> Mapping[str, Iterable[Path]]:
        """Restored and true clips, analyses, and the networks that measure."""
        folder = self.run.results(self.task, self.method).folder
        return {
            "restored": [*restored(folder), folder / "index.json"],
            "clips": true_clips(self.run.truth),
            "analysis": found(self.run.analysis, "*.npz"),
            "weights": measuring_weights(self.run.config, self.measured),
        }

    @property
    def leaves(self) -> Sequence[str]:
        """Numbers, features and landmarks."""
        from dicface.metrics import score_files

        return score_files(self.measured)
