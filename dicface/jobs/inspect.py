"""Looks inside a network that mixes codes: posterior, what each part restores, calibration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dicface.base.files import write_json
from dicface.config.networks import network, restore_settings
from dicface.jobs.files import found, true_clips
from dicface.jobs.job import Job, wildcard

NUM_FRAMES = 8
"""Frames that are looked at of each clip, from its first."""


@dataclass(frozen=True, kw_only=True)
class Inspect(Job):
    """Look inside a network: do its codes restore, or its skips, and does it know its errors."""

    name = "inspect"
    kind = "inspection"
    computes = True

    network: str = wildcard("a CodeFormer or DicFace of the run")

    @property
    def task(self) -> str:
        """What the network was trained for."""
        return network(self.run.config, self.network).task

    def waits_for(self) -> list[Path]:
        """Its weights, the true clips and the inputs."""
        index = self.run.restored_index(self.task, "input")
        return [self.run.network(self.network).weights, self.run.truth_index, index]

    def writes(self) -> list[Path]:
        """What was found."""
        return [self.run.inspection(self.network)]

    def depends_on(self) -> dict[str, Any]:
        """How DicFace restores, and where the network runs."""
        device = self.run.config.device
        return {**self._restoring(), "device": device, "num_frames": NUM_FRAMES}

    def _restoring(self) -> dict[str, Any]:
        """Of the settings of restoration, those that expected weights have."""
        settings = asdict(restore_settings(self.run.config, self.network))
        return {
            "position": settings["position"],
            "fidelity_w": settings["fidelity_w"],
            "aggregation": settings["aggregation"] or None,
        }

    def work(self) -> None:
        """See `inspect_weights`."""
        from dicface.report.inspection.clips import pairs_of_run
        from dicface.report.inspection.measure import inspect_weights
        from dicface.report.inspection.opened import open_weights

        weights, device = self.run.network(self.network).weights, self.run.config.device
        opened = open_weights(weights, device=device, settings=self._restoring())
        pairs = pairs_of_run(self.run, self.task)
        found = inspect_weights(opened, pairs, num_frames=NUM_FRAMES, progress=True)
        write_json(self.writes()[0], found)

    def reads(self) -> Mapping[str, Iterable[Path]]:
        """Weights, true clips and inputs."""
        return {
            "weights": [self.run.network(self.network).weights],
            "clips": true_clips(self.run.truth),
            "inputs": found(self.run.inputs(self.task), "*.mkv"),
        }

    def seeds(self) -> Sequence[str]:
        """Resampled clips."""
        return ["report|bootstrap|<clips>"]
