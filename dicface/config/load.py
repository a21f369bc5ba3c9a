"""Reading and checking configurations: files, overlays, budgets, and what must fit together."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from dicface.base.errors import ConfigError
from dicface.config.folders import as_typed, in_full, nested
from dicface.config.mapping import from_mapping, overlay
from dicface.config.networks import network, restore_settings, sources_of
from dicface.config.settings import STAGES, Config
from dicface.config.systems import TRAINED_METHODS

#: A folder of results stands bare in shell commands and in Snakemake's patterns.
_SAFE_PATH = re.compile(r"(?!-)[\w./+,:@=-]+")

#: With these, no folder of a run can be that of another budget, seed or set of clips.
_BUDGET = re.compile(r"(?!seed|clips)[a-z0-9_]+")


SUITE = Path(__file__).resolve().parents[2] / "config"
"""The suite's own settings: `config.yaml`, which all others are laid over, and budgets."""


def load(*paths: str | Path) -> Config:
    """Reads a run's configuration; each further file is laid over those before it.

    Raises:
        ConfigError: A file is missing or no YAML, or a key is unknown, missing or of a wrong type;
            the message names the file and the key.
    """
    return from_mapping(Config, merge(*paths), ", ".join(map(str, paths)))


def merge(*paths: str | Path) -> dict[str, Any]:
    """Reads configuration files as plain values, each laid over those before it.

    Raises:
        ConfigError: A file is missing or no YAML mapping.
    """
    merged: dict[str, Any] = {}
    for path in map(Path, paths):
        try:
            mapping = yaml.safe_load(path.read_text())
        except FileNotFoundError:
            raise ConfigError(
                f"{path}: no such file. Give config/config.yaml, further files to lay over it, or "
                "the run_config.yaml that a run of the workflow wrote."
            ) from None
        except yaml.YAMLError as error:
            raise ConfigError(f"{path}: is no YAML ({error}).") from error
        if not isinstance(mapping, dict):
            raise ConfigError(f"{path}: found {mapping!r}, expected keys and values.")
        merged = overlay(merged, mapping)
    return merged


def with_values(config: dict[str, Any], words: Sequence[str]) -> dict[str, Any]:
    """Returns a configuration overlaid by words of a command line.

    Args:
        config: What lies below.
        words: KEY=VALUE; a value is read as YAML, and "a.b" is the key `b` in `a`.

    Raises:
        ConfigError: A word is no KEY=VALUE.
    """
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise ConfigError(f"--set: found '{word}', expected KEY=VALUE, such as data.size=64.")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            value = text
        config = overlay(config, nested(key, value))
    return as_typed(config, words)


def asked_for(files: Sequence[Path], words: Sequence[str]) -> dict[str, Any]:
    """Merges what a command is asked for: the suite's own settings, files, then values by name.

    Args:
        files: Settings as YAML.
        words: KEY=VALUE, as `with_values` takes them.

    Raises:
        ConfigError: A file or a word cannot be read, or there is no such budget.
    """
    merged = with_values(merge(SUITE / "config.yaml", *files), words)
    return with_budget(merged, SUITE / "budget")


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
    return overlay(config, yaml.safe_load(path.read_text()))


def check(merged: dict[str, Any], where: str) -> tuple[Config, dict[str, Any]]:
    """Checks a merged configuration.

    Args:
        merged: What files and the command line say together, as Snakemake or YAML gives it.
        where: The files that it comes from, for messages.

    Returns:
        Typed settings, and the same as plain values that YAML can write.

    Raises:
        ConfigError: A key is unknown, missing, of a wrong type, or does not fit another one.
    """
    # Snakemake reads files into mappings of other types, which YAML would not write.
    raw = json.loads(json.dumps(merged, default=str))
    raw = in_full(raw)
    checked = from_mapping(Config, raw, where)
    for name in (*STAGES, *checked.variants):
        sources_of(checked, name)
        restore_settings(checked, name)
    _check_rows(checked)
    if not _SAFE_PATH.fullmatch(checked.results):
        raise ConfigError(
            f"results: found '{checked.results}', expected a path of letters, digits and "
            "_ - . / + , : @ = that does not begin with -; name another folder, or link one here."
        )
    if not _BUDGET.fullmatch(checked.budget):
        raise ConfigError(
            f"budget: found '{checked.budget}', expected lower-case letters, digits and _, and "
            "neither seed… nor clips…, which other runs are called; rename its file."
        )
    test = checked.data.test
    if test.test_set == "released" and (test.source, test.layout) != ("folder", "released_test"):
        raise ConfigError(
            f"data.test: test_set is released and the source '{test.source}', layout "
            f"'{test.layout}'; expected source: folder, layout: released_test."
        )
    return checked, raw


def _check_rows(config: Config) -> None:
    """A variant that a table names is there and of its task; no two rows have one name."""
    rows = {"table1": ("bfr", config.table1)}
    rows |= {f"table2.{task}": (task, methods) for task, methods in config.table2.items()}
    rows |= {f"ablations.{name}": ("bfr", each.rows) for name, each in config.ablations.items()}
    for table, (task, methods) in rows.items():
        for method in methods:
            if method in config.variants:
                found = network(config, method).task
                if found != task:
                    raise ConfigError(
                        f"{table}: the variant '{method}' is trained for {found}, expected {task}."
                    )
            elif table.startswith("ablations") and method not in TRAINED_METHODS:
                known = ", ".join((*TRAINED_METHODS, *config.variants))
                raise ConfigError(f"{table}: found '{method}', expected one of {known}.")
    taken = {"input", *TRAINED_METHODS, *config.variants}
    taken |= {method for _, methods in rows.values() for method in methods}
    made = [(each.name, each.task) for each in config.methods]
    for name, task in made:
        if name in taken or made.count((name, task)) > 1:
            raise ConfigError(
                f"methods: found the name '{name}', which another row has; expected a name of its "
                "own, such as 'my_gpen'. Tables print its label."
            )
