"""The networks of a run by name: the training stages, and variants of them.

A variant is what differs: named values laid over its parent's. It sees the same samples and starts
from the same numbers as its parent, so that a difference between the two is the variant's.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from dicface.base.errors import ConfigError
from dicface.base.names import with_seed
from dicface.config.mapping import from_mapping, overlay
from dicface.config.settings import STAGES, Config, RestoreSettings, TrainSettings

NETWORK_OF_STAGE = {
    "vqgan": "vqgan",
    "codeformer": "codeformer",
    "fusion": "codeformer",
    "dicface": "dicface",
}
"""Stage -> the network that `dicface.models.build` makes for it."""

METHOD_OF_STAGE = {"fusion": "codeformer_trained", "dicface": "dicface_trained"}
"""Stage -> the method that restores with its weights."""


HOW_NOT_WHAT = ("micro_batch", "num_workers", "cache", "save_every", "log_every")
"""Fields of `TrainSettings` that a run may change on its way without learning anything else."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network of the run with all settings resolved.

    Attributes:
        name: Stage or variant; its folder under `train/`.
        stage: The training stage.
        task: What makes its inputs.
        train: How it learns.
        model: `model` of the configuration with the changes of the variant and of what it starts
            from.
        size: Side of the frames, pixels.
        seed_name: What the seeds of its start and its samples begin with.
    """

    name: str
    stage: str
    task: str
    train: TrainSettings
    model: dict[str, dict[str, Any]]
    size: int
    seed_name: str

    @property
    def kind(self) -> str:
        """The network's name for `dicface.models.build`."""
        return NETWORK_OF_STAGE[self.stage]

    @property
    def frames(self) -> int:
        """Frames of a training sample."""
        return self.model["dicface"]["frame_length"] if self.stage == "dicface" else 1

    @property
    def learns_from_images(self) -> bool:
        """Whether it learns from single frames, and so from `data.images`: stages I to III."""
        return self.stage != "dicface"

    def settings(self, kind: str | None = None) -> dict[str, Any]:
        """Returns the keyword arguments of `dicface.models.build` for this or another kind."""
        kind = kind or self.kind
        settings = {**self.model["vqgan"], "resolution": self.size}
        if kind in ("codeformer", "dicface"):
            settings |= self.model["transformer"]
        if kind == "dicface":
            settings |= self.model["dicface"]
        return settings

    def decides(self) -> dict[str, Any]:
        """Returns what decides its weights, but for the run's seed, clips and degradation."""
        train = asdict(self.train)
        return {
            "stage": self.stage,
            "task": self.task,
            "train": {key: value for key, value in train.items() if key not in HOW_NOT_WHAT},
            "settings": self.settings(),
        }


def network(config: Config, name: str) -> Network:
    """Resolves a network of the run.

    Args:
        config: The run.
        name: A stage or a variant; a variant that shares weights gives the network it shares.

    Raises:
        ConfigError: There is no such network, variants refer to one another in a ring, or a changed
            value is unknown or of another type.
    """
    name = weights_of(config, name)
    lineage = _lineage(config, name)
    stage = lineage[0]
    train = {**config.train.get("defaults", {}), **config.train.get(stage, {})}
    task = "bfr"
    for variant in (config.variants[step] for step in lineage[1:]):
        train = overlay(train, variant.train)
        task = variant.task or task
    train = from_mapping(TrainSettings, train, f"train settings of '{name}'")
    return Network(
        name=name,
        stage=stage,
        task=task,
        train=train,
        model=overlay(config.model, _model_changes(config, name)),
        size=config.data.size,
        seed_name=with_seed(config.seed_name, "training", train.seed),
    )


def weights_of(config: Config, name: str) -> str:
    """Returns the network whose weights a variant uses: its own, or those of an ancestor."""
    lineage = _lineage(config, name)
    while len(lineage) > 1 and not config.variants[lineage[-1]].trains:
        lineage.pop()
    return lineage[-1]


def prior_of(config: Config, name: str) -> str:
    """Returns the autoencoder whose codes a network predicts: the root of what it starts from."""
    while True:
        resolved = network(config, name)
        if resolved.stage == "vqgan":
            return resolved.name
        name = resolved.train.init_from or "vqgan"


def sources_of(config: Config, name: str) -> list[str]:
    """Returns the networks that must be there before this one is trained (errors as `network`)."""
    resolved = network(config, name)
    if resolved.train.released:
        return []
    sources = {resolved.train.init_from}
    if resolved.stage in ("codeformer", "fusion"):
        sources.add(prior_of(config, name))
    return sorted(network(config, source).name for source in sources - {""})


def restore_settings(config: Config, name: str) -> RestoreSettings:
    """Returns how a stage's or variant's network restores (errors as `network`)."""
    settings = asdict(config.restore)
    for variant in (config.variants[step] for step in _lineage(config, name)[1:]):
        settings |= variant.restore
    return from_mapping(RestoreSettings, settings, f"restore settings of '{name}'")


def _lineage(config: Config, name: str) -> list[str]:
    """From the stage down to the variant."""
    lineage = [name]
    while lineage[0] not in STAGES:
        if lineage[0] not in config.variants:
            known = ", ".join((*STAGES, *config.variants))
            raise ConfigError(f"no network is named '{lineage[0]}'; there are {known}.")
        parent = config.variants[lineage[0]].of
        if parent in lineage:
            raise ConfigError(f"variants: '{name}' is a variant of itself; correct its `of`.")
        lineage.insert(0, parent)
    return lineage


def _model_changes(config: Config, name: str) -> dict[str, Any]:
    """Changes of `model`: those of what the weights start from, of the parent, and its own.

    A network must have the sizes of the weights that it starts from, so these need not be said
    twice.
    """
    _lineage(config, name)  # names what does not exist
    if name in STAGES:
        return {}
    variant = config.variants[name]
    start = variant.train.get("init_from", "")
    inherited = _model_changes(config, start) if start else {}
    return overlay(overlay(_model_changes(config, variant.of), inherited), variant.model)
