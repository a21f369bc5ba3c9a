"""Makes of a trained network the file that ships."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicface.config.networks import network, prior_of
from dicface.jobs.job import Job, wildcard
from dicface.jobs.render_stills import NUM_UNSEEN
from dicface.training.shipping.card import NUMBERS, weights_card
from dicface.workflow.plan import Plan


@dataclass(frozen=True, kw_only=True)
class ShipWeights(Job):
    """Export a network of stage III in 16 bits, with a card of what it reaches on unseen faces."""

    name = "ship_weights"
    kind = "weights"
    leaves = ("*.safetensors", NUMBERS, "*.png")
    card = staticmethod(weights_card)
    computes = True
    of_training = True

    network: str = wildcard("a network of stage III that learns from stills")

    @classmethod
    def constraints(cls, plan: Plan) -> dict[str, Iterable[str]]:
        """Networks of stage III, where they learn from stills."""
        stills = plan.config.data.images.source == "stills"
        return {"network": plan.shipped() if stills else []}

    @property
    def networks(self) -> dict[str, str]:
        """Stage -> the network of that stage that it grew from, and itself."""
        resolved = network(self.run.config, self.network)
        before = network(self.run.config, resolved.train.init_from).name
        return {
            "vqgan": prior_of(self.run.config, self.network),
            "codeformer": before,
            "fusion": resolved.name,
        }

    def waits_for(self) -> list[Path]:
        """All three networks, and the unseen faces."""
        weights = [self.run.network(name).weights for name in self.networks.values()]
        return [*weights, self.run.stills("unseen")]

    def writes(self) -> list[Path]:
        """The file."""
        return [self.run.network(self.network).folder / "shipped" / f"{self.network}.safetensors"]

    def depends_on(self) -> dict[str, Any]:
        """The networks, and what they learnt from."""
        config = self.run.config
        return {
            "networks": self.networks,
            "settings": network(config, self.network).settings(),
            "seed": config.seed_name,
            "images": self.run.raw["data"]["images"],
            "degradation": self.run.raw["degradation"],
        }

    def work(self) -> None:
        """See `measure`."""
        from dicface.training.shipping.looks import Unseen
        from dicface.training.shipping.measure import measure

        weights = {stage: self.run.network(name).weights for stage, name in self.networks.items()}
        unseen = Unseen.read(self.run.stills("unseen"), self.run.config, NUM_UNSEEN)
        measure(weights, unseen, self.writes()[0])

    def reads(self) -> Mapping[str, Iterable[Path]]:
        """The networks and the unseen faces."""
        return {"made from": self.waits_for()}
