"""Trains one network of the run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicface.config.networks import network, sources_of
from dicface.jobs.degrade import Degrade
from dicface.jobs.files import found
from dicface.jobs.job import Job, wildcard
from dicface.provenance.cards import network_card

if TYPE_CHECKING:
    from dicface.training.loop import Watch


@dataclass(frozen=True, kw_only=True)
class Train(Job):
    """Train one stage or variant, or take its released weights; resumes where it stopped."""

    name = "train"
    kind = "network"
    leaves = ("weights.safetensors", "settings.json", "training.json", "stats.jsonl")
    card = staticmethod(network_card)
    computes = True
    of_training = True
    priority = 1

    network: str = wildcard("a stage or a variant")

    @property
    def processes(self) -> int:
        """One a GPU."""
        compute = self.run.config.compute
        return compute.devices * compute.nodes

    def waits_for(self) -> list[Path]:
        """Its training clips' index or the stills, and the networks that it starts from."""
        clips = self.plan.training_files(self.network)
        sources = sources_of(self.run.config, self.network)
        return [*clips, *(self.run.network(name).weights for name in sources)]

    def writes(self) -> list[Path]:
        """Its weights."""
        return [self.run.network(self.network).weights]

    def depends_on(self) -> dict[str, Any]:
        """How it learns, from which clips with which inputs, and its sizes."""
        resolved = network(self.run.config, self.network)
        if resolved.train.released:
            return {**resolved.decides(), "network": resolved.kind}
        inputs = {}
        if resolved.stage != "vqgan":
            # Training draws from seeds of its own, whatever the test inputs' are.
            inputs = {**Degrade(run=self.run, task=resolved.task).depends_on(), "seed": ""}
        return {
            **resolved.decides(),
            "network": resolved.kind,
            "seed": resolved.seed_name,
            "inputs": inputs,
            "clips": self.run.raw["data"][self.run.training_set(self.network)],
        }

    def work(self) -> None:
        """See `train_stage`."""
        from dicface.training.loop import train_stage

        train_stage(
            self.run.config,
            self.network,
            clips=self.run.training_clips(self.network),
            out=self.run.networks,
            watch=self._look(),
        )

    def _look(self) -> Watch | None:
        """What looks at the network while it learns."""
        from dicface.training.shipping.looks import Look as LookAtStills
        from dicface.training.unseen import Look

        run, config, name = self.run, self.run.config, self.network
        if network(config, name).train.released:
            return None
        if run.learns_from_stills(name):
            return LookAtStills(config, name, run.stills("unseen"), run.network(name).folder)
        look = Look(config, name, run.networks)
        return look if look.windows else None

    def describe(self) -> str:
        """Settings as resolved, parameters, samples and estimated memory."""
        from dicface.training.footprint import describe

        return describe(self.run.config, self.network)

    def reads(self) -> Mapping[str, Iterable[Path]]:
        """Training clips and the weights that it starts from, or the released file.

        Clips of a data set that an index only points to are not read: there may be terabytes.
        """
        from dicface.weights import registry

        config, resolved = self.run.config, network(self.run.config, self.network)
        if resolved.train.released:
            file = registry.here(resolved.train.released)
            return {"weights": [file] if file else []}
        starts = [self.run.network(name).weights for name in sources_of(config, resolved.name)]
        folder = self.run.training_clips(self.network)
        if self.run.learns_from_stills(self.network):
            return {"clips": [folder], "weights": starts}
        index = found(folder, "index.parquet")
        clips = found(folder, "landmarks/shard_*.parquet", *(["*.mkv"] if index else []))
        return {"clips": [*index, *clips], "weights": starts}

    def seeds(self) -> Sequence[str]:
        """Start, samples and steps."""
        resolved = network(self.run.config, self.network)
        if resolved.train.released:
            return []
        stage = resolved.stage
        seeds = [("init", stage), (stage, "sample", "<sample>"), (stage, "step", "<step>")]
        return ["|".join((resolved.seed_name, *names)) for names in seeds]
