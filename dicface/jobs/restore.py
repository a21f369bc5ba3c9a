"""Restores the inputs of a task with one method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicface.base.files import write_json
from dicface.base.names import CONTROLS
from dicface.config.settings import TASKS
from dicface.config.systems import made_elsewhere, method_class, method_network, method_settings
from dicface.jobs.files import found
from dicface.jobs.job import ANY, Job, wildcard
from dicface.methods import create
from dicface.workflow.plan import Plan

if TYPE_CHECKING:
    from dicface.methods import Method


@dataclass(frozen=True, kw_only=True)
class Restore(Job):
    """Restore every clip of a task with one method or variant; restored ones are kept."""

    name = "restore"
    kind = "restored"
    leaves = ("index.json", "*.mkv")
    computes = True
    priority = 1

    task: str = wildcard(", ".join(TASKS))
    method: str = wildcard("a method or a variant")

    @classmethod
    def constraints(cls, plan: Plan) -> dict[str, Iterable[str]]:
        """Any method but controls, and those whose results were made elsewhere."""
        controls = "".join(f"(?<!{kind})" for kind in CONTROLS)
        others = "".join(f"(?!{each.name}$)" for each in made_elsewhere(plan.config))
        return {"task": TASKS, "method": [f"{others}{ANY}{controls}"]}

    @property
    def weights(self) -> Path | None:
        """The run's own weights that the method needs; None for released systems."""
        network = method_network(self.run.config, self.method)
        return self.run.network(network).weights if network else None

    def waits_for(self) -> list[Path]:
        """The inputs and, for a trained method, its weights."""
        degraded = self.run.restored_index(self.task, "input")
        return [degraded, self.weights] if self.weights else [degraded]

    def writes(self) -> list[Path]:
        """What restored the clips, and which there are."""
        return [self.run.results(self.task, self.method).index]

    def depends_on(self) -> dict[str, Any]:
        """The method's settings that the configuration decides, and where it runs."""
        config = self.run.config
        return {
            "task": self.task,
            "method": self.method,
            "device": config.device,
            "threads": config.threads,
            "settings": method_settings(config, self.method),
        }

    def work(self) -> None:
        """See `restore_set`."""
        from dicface.restoring.runner import restore_set

        method, results = self._method(), self.run.results(self.task, self.method)
        clips = restore_set(method, self.run.inputs(self.task), results.folder)
        write_json(results.index, {**method.fingerprint(), "clips": sorted(clips)})

    def reads(self) -> Mapping[str, Iterable[Path]]:
        """Inputs and weights."""
        method = self._method()
        weights = () if method.missing_weights() else method.weights_files()
        clips = found(self.run.inputs(self.task), "*.mkv", "degradation.parquet")
        return {"clips": clips, "weights": weights}

    def seeds(self) -> Sequence[str]:
        """One name a frame."""
        return ["<clip>|<frame>"]

    def _method(self) -> Method:
        config = self.run.config
        return create(
            method_class(config, self.method),
            task=self.task,
            device=config.device,
            weights=self.weights,
            **method_settings(config, self.method),
        )
