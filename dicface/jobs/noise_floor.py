"""Measures what the face metrics give on the truth itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicface.jobs.files import found, measuring_weights, true_clips
from dicface.jobs.job import Job


@dataclass(frozen=True, kw_only=True)
class NoiseFloor(Job):
    """Measure what the face metrics give on the truth itself: detector and re-encoding."""

    name = "noise_floor"
    kind = "noise floor"
    computes = True

    def waits_for(self) -> list[Path]:
        """The true clips and their analysis."""
        return [self.run.truth_index, self.run.analysis / "done.json"]

    def writes(self) -> list[Path]:
        """One row a kind of noise and metric."""
        return [self.run.noise_floor]

    def depends_on(self) -> dict[str, Any]:
        """What measures."""
        return {"metrics": self.run.raw["metrics"]}

    def work(self) -> None:
        """See `measure_noise_floor`."""
        from dicface.metrics.noise_floor import measure_noise_floor
        from dicface.metrics.protocol import EvaluationProtocol

        config, run = self.run.config, self.run
        protocol = EvaluationProtocol.resolve(config.metrics.backbones, device=config.device)
        measure_noise_floor(run.truth, run.analysis, run.noise_floor, protocol)

    def reads(self) -> Mapping[str, Iterable[Path]]:
        """True clips with their exact landmarks, analyses, and the networks that measure."""
        truth = self.run.truth
        return {
            "clips": [*true_clips(truth), truth / "landmarks.parquet"],
            "analysis": found(self.run.analysis, "*.npz"),
            "weights": measuring_weights(self.run.config),
        }
