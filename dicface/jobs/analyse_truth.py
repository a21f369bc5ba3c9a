"""Analyses the true clips once, for all methods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicface.base.files import write_json
from dicface.jobs.files import measuring_weights, true_clips
from dicface.jobs.job import Job
from dicface.video.clips import list_clips


@dataclass(frozen=True, kw_only=True)
class AnalyseTruth(Job):
    """Find faces, landmarks, identities and video features of the true clips, for all methods."""

    name = "analyse_truth"
    kind = "analysis"
    leaves = ("done.json", "*.npz")
    computes = True

    def waits_for(self) -> list[Path]:
        """The true clips."""
        return [self.run.truth_index]

    def writes(self) -> list[Path]:
        """The list of clips that were analysed."""
        return [self.run.analysis / "done.json"]

    def depends_on(self) -> dict[str, Any]:
        """What measures."""
        return {"metrics": self.run.raw["metrics"]}

    def work(self) -> None:
        """See `analyse_set`."""
        from dicface.metrics.analysis import analyse_set
        from dicface.metrics.protocol import EvaluationProtocol

        config = self.run.config
        # Of inputs without a truth nothing is compared but faces.
        metrics = ["identity_input"] if self.run.is_wild else None
        protocol = EvaluationProtocol.resolve(
            config.metrics.backbones, device=config.device, metrics=metrics
        )
        analyse_set(self.run.truth, self.run.analysis, protocol, workers=self.workers)
        write_json(self.writes()[0], {"clips": list(list_clips(self.run.truth))})

    def reads(self) -> Mapping[str, Iterable[Path]]:
        """True clips and the networks that measure."""
        weights = measuring_weights(self.run.config)
        return {"clips": true_clips(self.run.truth), "weights": weights}
