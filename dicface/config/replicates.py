"""Rows that are trained several times: each further training is a variant with another seed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from dicface.base.names import control_kind
from dicface.config.fields import WrongValueError
from dicface.config.networks import METHOD_OF_STAGE, restore_settings, train_values, weights_of
from dicface.config.settings import Config, Variant
from dicface.config.systems import TRAINED_METHODS


def replicates_of(config: Config, row: str) -> list[str]:
    """Returns the further trainings of a row, or of the row that it is a control of.

    With `replicates: {average: 3}` these are average_rep2 and average_rep3.
    """
    kind = control_kind(row)
    name = row.removesuffix(kind) if kind else row
    return [_name(name, n) + kind for n in range(2, config.replicates.get(name, 1) + 1)]


def with_replicates(raw: dict[str, Any], config: Config) -> dict[str, Any]:
    """Returns a configuration with a variant for each further training.

    Args:
        raw: The configuration as plain values.
        config: The same, typed; names in it are checked.

    Raises:
        WrongValueError: A row is not trained in the run, or a variant has the name of a further
            training and other settings.
    """
    made: dict[str, Variant] = {}
    for row, number in config.replicates.items():
        for n in range(2, number + 1):
            _add(config, row, n, made)
    for name, variant in made.items():
        if config.variants.get(name, variant) != variant:
            raise WrongValueError(
                "variants",
                name,
                "another name: `replicates` calls a training so that differs in its seed alone",
            )
    plain = {name: asdict(variant) for name, variant in made.items()}
    return {**raw, "variants": {**raw["variants"], **plain}}


def _name(row: str, number: int) -> str:
    return f"{row}_rep{number}"


def _add(config: Config, row: str, number: int, made: dict[str, Variant]) -> str:
    """Adds the training of that number of a row, and of the row whose weights it uses."""
    if row not in config.variants and row not in TRAINED_METHODS:
        known = ", ".join((*TRAINED_METHODS, *config.variants))
        raise WrongValueError("replicates", row, f"a row that the run trains, one of {known}")
    network = TRAINED_METHODS.get(row, row)
    owner = weights_of(config, network)
    values = train_values(config, owner)
    if values["released"]:
        raise WrongValueError(
            "replicates", row, "a row that the run trains; its weights are released"
        )
    label = config.variants[row].label if row in config.variants else row
    changes: dict[str, Any] = {"of": network, "train": {"seed": values["seed"] + number - 1}}
    if owner != network:
        # A way to restore: the same of the owner's training of that number.
        source = _add(config, METHOD_OF_STAGE.get(owner, owner), number, made)
        changes = {"of": source, "restore": asdict(restore_settings(config, row))}
    made[_name(row, number)] = Variant(label=f"{label}, training {number}", **changes)
    return _name(row, number)
