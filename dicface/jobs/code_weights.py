"""Measures how a trained DicFace weights its codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicface.jobs.files import found
from dicface.jobs.job import Job, wildcard


@dataclass(frozen=True, kw_only=True)
class CodeWeights(Job):
    """Measure how a trained DicFace weights the codes of its codebook."""

    name = "code_weights"
    kind = "code weights"
    computes = True

    network: str = wildcard("a DicFace of the run")

    def waits_for(self) -> list[Path]:
        """Its weights and the inputs."""
        return [self.run.network(self.network).weights, self.run.restored_index("bfr", "input")]

    def writes(self) -> list[Path]:
        """The measured weights."""
        return [self.run.code_weights(self.network)]

    def depends_on(self) -> dict[str, Any]:
        """Which frame of a window is looked at, and where the network runs."""
        config = self.run.config
        return {"position": config.restore.position, "device": config.device}

    def work(self) -> None:
        """See `measure_code_weights`."""
        from dicface.restoring.code_weights import measure_code_weights

        measure_code_weights(
            self.run.network(self.network).weights,
            self.run.inputs("bfr"),
            self.writes()[0],
            **self.depends_on(),
        )

    def reads(self) -> Mapping[str, Iterable[Path]]:
        """Weights and inputs."""
        weights = self.run.network(self.network).weights
        return {"weights": [weights], "clips": found(self.run.inputs("bfr"), "*.mkv")}

    def seeds(self) -> Sequence[str]:
        """One name a frame."""
        return ["code weights|<clip>|<frame>"]
