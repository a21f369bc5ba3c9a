"""The networks of a run by name: the training stages, and variants of them.

A variant is what differs: named values laid over its parent's. It sees the same samples and starts
from the same numbers as its parent, so that a difference between the two is the variant's.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from dicface.base.errors import ConfigError
from dicface.base.names import with_seed
from dicface.config.fields import WrongValueError, defaults_of, overlay
from dicface.config.model import (
    CodeFormerSettings,
    DicFaceSettings,
    DiscriminatorSettings,
    VQGANSettings,
)
from dicface.config.settings import STAGES, Config, RestoreSettings, TrainSettings

NETWORK_OF_STAGE = {
    "vqgan": "vqgan",
    "codeformer": "codeformer",
    "fusion": "codeformer",
    "dicface": "dicface",
}
"""Stage -> the network that `dicface.models.build` makes for it."""

SIZES_OF_NETWORK = {
    "vqgan": VQGANSettings,
    "codeformer": CodeFormerSettings,
    "dicface": DicFaceSettings,
}
"""Network -> its settings; each has the modules of those before it."""

SECTIONS_OF_MODEL = {
    "dicface": DicFaceSettings,
    "transformer": CodeFormerSettings,
    "vqgan": VQGANSettings,
    "discriminator": DiscriminatorSettings,
}
"""Section of `model` -> the settings that it holds."""

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
        return self.sizes().frame_length if self.stage == "dicface" else 1

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

    def sizes(self) -> VQGANSettings:
        """Returns its settings, checked.

        Raises:
            WrongValueError: They do not fit each other.
        """
        return SIZES_OF_NETWORK[self.kind](**self.settings())

    def decides(self) -> dict[str, Any]:
        """Returns what decides its weights, but for the run's seed, clips and degradation.

        A setting that came later has a default and counts where it is another: what was trained
        before it has not changed.
        """
        train, later = asdict(self.train), defaults_of(TrainSettings)
        for key in [*HOW_NOT_WHAT, *(key for key in later if train[key] == later[key])]:
            del train[key]
        return {
            "stage": self.stage,
            "task": self.task,
            "train": train,
            "settings": self.settings(),
        }


def network(config: Config, name: str) -> Network:
    """Resolves a network of the run.

    Args:
        config: The run.
        name: A stage or a variant; a variant that shares weights gives the network it shares.

    Raises:
        ConfigError: There is no such network, or variants refer to one another in a ring.
    """
    name = weights_of(config, name)
    lineage = _lineage(config, name)
    task = "bfr"
    for variant in (config.variants[step] for step in lineage[1:]):
        task = variant.task or task
    train = TrainSettings(**train_values(config, name))
    return Network(
        name=name,
        stage=lineage[0],
        task=task,
        train=train,
        model=overlay(asdict(config.model), _model_changes(config, name)),
        size=config.data.size,
        seed_name=with_seed(config.seed_name, "training", train.seed),
    )


def train_values(config: Config, name: str) -> dict[str, Any]:
    """Returns how a stage or variant learns, as far as the configuration says (errors as there)."""
    stage, *variants = _lineage(config, name)
    values = config.train.defaults | getattr(config.train, stage)
    for variant in variants:
        values |= config.variants[variant].train
    return values


def place(config: Config, name: str, section: str, key: str) -> str:
    """Returns the dotted key under which a value of a stage or variant stands.

    Args:
        config: The run.
        name: The stage or variant.
        section: "train", "model" or "restore".
        key: The value's name there.
    """
    stage, *variants = _lineage(config, name)
    for variant in reversed(variants):
        changes = getattr(config.variants[variant], section)
        parts = changes.items() if section == "model" else [("", changes)]
        for part, values in parts:
            if key in values:
                return ".".join(filter(None, ("variants", variant, section, part, key)))
    if section == "train":
        return f"train.{stage if key in getattr(config.train, stage) else 'defaults'}.{key}"
    if section == "restore":
        return f"restore.{key}"
    if key == "resolution":
        return "data.size"
    owners = [part for part, each in SECTIONS_OF_MODEL.items() if key in each.__annotations__]
    given = [part for part in owners if key in getattr(config.model, part)]
    return f"model.{(given or owners)[0]}.{key}"


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


def trained_stages(config: Config) -> list[str]:
    """Returns the stages that a run trains for the methods it is about, in their order.

    What a stage with released weights would have started from is not among them.
    """
    needed, todo = set(), list(METHOD_OF_STAGE)
    while todo:
        name = todo.pop()
        if not network(config, name).train.released:
            needed.add(name)
            todo += sources_of(config, name)
    return [stage for stage in STAGES if stage in needed]


def restore_settings(config: Config, name: str) -> RestoreSettings:
    """Returns how a stage's or variant's network restores (errors as `network`)."""
    settings = asdict(config.restore)
    for variant in (config.variants[step] for step in _lineage(config, name)[1:]):
        settings |= variant.restore
    return RestoreSettings(**settings)


def share_of(train: TrainSettings, processes: int) -> tuple[int, int]:
    """Returns how many samples of a batch a process computes: in all, and at once.

    Raises:
        WrongValueError: The batch cannot be shared evenly.
    """
    share, rest = divmod(train.batch_size, processes)
    size = train.micro_batch or share
    if rest or not share:
        raise WrongValueError(
            "batch_size", train.batch_size, f"a multiple of the {processes} processes"
        )
    if share % size:
        raise WrongValueError(
            "micro_batch",
            size,
            f"a divisor of the {share} samples that each of the {processes} processes has of a "
            f"batch of {train.batch_size}",
        )
    return share, size


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
