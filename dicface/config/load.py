"""Reading and checking configurations: files, overlays, budgets, and what must fit together."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from dicface.base.errors import ConfigError
from dicface.base.reading import Own, read_yaml
from dicface.base.suite import suite_folder
from dicface.config.check import Problem, WrongConfigError, typed
from dicface.config.fields import WrongValueError, overlay
from dicface.config.fit import check_fit, check_names
from dicface.config.folders import OF_USER, as_typed, in_full, nested
from dicface.config.replicates import with_replicates
from dicface.config.settings import Config

SETTINGS = Own(
    "settings as in config/config.yaml",
    "Correct it, or name another file.",
    "Give config/config.yaml, further files to lay over it, or the run_config.yaml that a run of "
    "the workflow wrote.",
    ConfigError,
)


def load(*paths: str | Path) -> Config:
    """Reads a run's configuration; each further file is laid over those before it.

    Raises:
        ConfigError: A file is missing or no YAML, or the settings cannot be (see `check`); the
            message names the file and the key.
    """
    return check(merge(*paths), [Path(path) for path in paths])[0]


def merge(*paths: str | Path) -> dict[str, Any]:
    """Reads configuration files as plain values, each laid over those before it.

    Raises:
        ConfigError: A file is missing or no YAML mapping.
    """
    merged: dict[str, Any] = {}
    for path in paths:
        merged = overlay(merged, read_yaml(path, SETTINGS))
    return merged


def with_values(mapping: dict[str, Any], values: Sequence[str]) -> dict[str, Any]:
    """Returns a configuration with single values laid over it, as a command line gives them.

    Args:
        mapping: Plain values; they are not changed.
        values: Each "KEY=VALUE", a dotted key and a value of YAML, such as
            "train.dicface.steps=10".

    Raises:
        ConfigError: One has another form. What keys and values can be, `check` says.

    >>> with_values({"data": {"size": 64, "fps": 25}}, ["data.size=128"])
    {'data': {'size': 128, 'fps': 25}}
    """
    for each in values:
        key, equals, text = each.partition("=")
        parts = key.strip().split(".")
        if not equals or not all(parts):
            raise ConfigError(f"--set: found '{each}', expected KEY=VALUE, such as data.size=64.")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            raise ConfigError(f"{key}: found '{text}', expected a value of YAML.") from None
        mapping = overlay(mapping, nested(key.strip(), value))
    return as_typed(mapping, values)


def asked_for(files: Sequence[Path], words: Sequence[str]) -> dict[str, Any]:
    """Merges what a command is asked for: the suite's own settings, files, then values by name.

    Args:
        files: Settings as YAML.
        words: KEY=VALUE, as `with_values` takes them.

    Raises:
        ConfigError: A file or a word cannot be read, or there is no such budget.
    """
    suite = suite_folder() / "config"
    merged = with_values(merge(suite / "config.yaml", *files), words)
    return with_budget(merged, suite / "budget")


def with_budget(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Returns the configuration overlaid by `<folder>/<budget>.yaml`; "full" changes nothing.

    Raises:
        ConfigError: There is no such budget.
    """
    budget = config.get("budget", "full")
    if budget == "full":
        return config
    path = folder / f"{budget}.yaml"
    if not path.is_file():
        known = ["full", *sorted(p.stem for p in folder.glob("*.yaml"))]
        raise ConfigError(f"budget: found '{budget}', expected one of {', '.join(known)}.")
    return overlay(config, read_yaml(path, SETTINGS))


def check(
    merged: dict[str, Any], where: str | Sequence[Path] = "configuration"
) -> tuple[Config, dict[str, Any]]:
    """Checks a merged configuration.

    Args:
        merged: What files and the command line say together, as Snakemake or YAML gives it.
        where: The files that it comes from, in their order, or what to call it in messages.

    Returns:
        Typed settings, and the same as plain values that YAML can write.

    Raises:
        WrongConfigError: Keys are unknown or missing, or values cannot be or do not fit others.
    """
    try:
        # Snakemake reads files into mappings of other types, which YAML would not write.
        raw = json.loads(json.dumps(merged, default=str))
    except (ValueError, RecursionError):
        raise ConfigError(
            f"{_name(where)}: found a value that holds itself, expected plain values; write out "
            "what its YAML alias stands for."
        ) from None

    def at_home(problem: Problem) -> Problem:
        return dataclasses.replace(problem, where=_holder(where, problem.path, raw))

    raw = in_full(raw)
    config, problems = typed(raw)
    if config is None:
        raise WrongConfigError([at_home(each) for each in problems])
    try:
        check_names(config)
        if config.replicates:
            raw = in_full(with_replicates(raw, config))
            config, _ = typed(raw)
        check_fit(config)
    except WrongValueError as error:
        problem = Problem(tuple(error.key.split(".")), "value", error.text)
        raise WrongConfigError([at_home(problem)]) from None
    # `--config test_clips=2024` is a number to Snakemake and a folder to the user.
    return config, raw | {key: getattr(config, key) for key in OF_USER}


def _name(where: str | Sequence[Path]) -> str:
    return where if isinstance(where, str) else ", ".join(map(str, where))


def _holder(where: str | Sequence[Path], path: tuple[str | int, ...], raw: dict[str, Any]) -> str:
    """Says where a value comes from: the last file that gives it; none for the command line's."""
    if isinstance(where, str):
        return where
    value = _value(raw, path)
    if value is ...:
        return _name(where)
    return next(
        (str(file) for file in reversed(where) if _value(read_yaml(file, SETTINGS), path) == value),
        "",
    )


def _value(mapping: Any, path: tuple[str | int, ...]) -> Any:  # noqa: ANN401 - plain values
    """The value of a key; `...` where there is none."""
    for part in path:
        try:
            mapping = mapping[part]
        except (KeyError, IndexError, TypeError):
            return ...
    return mapping
