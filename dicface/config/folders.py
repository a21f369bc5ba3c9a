"""Folders of the user's in the configuration: as they were typed, and with `~` in full."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dicface.base.errors import ConfigError
from dicface.config.fields import overlay

OF_USER = ("test_clips", "wild_clips", "masks")
"""Those that a command line names most often, where a folder may be called 2024."""

KEYS = (
    *(*OF_USER, "results"),
    *(f"data.{clips}.folder" for clips in ("train", "images", "unseen", "test")),
)
"""The settings that name one; each of `methods` names another, `restored`."""


def as_typed(config: dict[str, Any], words: Iterable[str] | None) -> dict[str, Any]:
    """Takes folders from the words of a command line: there 007 is a name, not the number 7.

    Args:
        config: What those words came to, values read as YAML or as Snakemake reads them.
        words: KEY=VALUE, as typed; None if nothing was.
    """
    for key, _, value in (word.partition("=") for word in words or ()):
        if key in KEYS and not isinstance(_at(config, key), str):
            config = overlay(config, nested(key, value))
    return config


def in_full(config: dict[str, Any]) -> dict[str, Any]:
    """Returns the configuration with `~` in its folders replaced by the user's folder.

    Raises:
        ConfigError: One of `OF_USER` is a number that may have been a name.
    """
    full = overlay(config, {key: _name(key, config.get(key)) for key in OF_USER})
    for key in KEYS:
        if isinstance(folder := _at(full, key), str) and folder.startswith("~"):
            full = overlay(full, nested(key, os.path.expanduser(folder)))
    if isinstance(full.get("methods"), list):
        full["methods"] = [_row(each) for each in full["methods"]]
    return full


def _row(entry: Any) -> Any:  # noqa: ANN401 - any value of YAML
    """An entry of `methods` in full: one word is a method's name, a folder, or a record (.json)."""
    if isinstance(entry, str):
        found = Path(os.path.expanduser(entry))
        name = re.sub(r"[^a-z0-9_-]+", "_", found.stem.lower()).strip("_-") or "mine"
        if found.suffix == ".json":
            return {"name": name, "record": str(found)}
        # The package of a method, which `dicface methods new` writes here, holds no clips.
        is_package = (found / "pyproject.toml").is_file()
        if len(found.parts) > 1 or (found.is_dir() and not is_package):
            return {"name": name, "restored": str(found), "label": found.name}
        return {"name": entry, "method": entry}
    if isinstance(entry, dict):
        kinds = {kind for kind in ("restored", "record") if isinstance(entry.get(kind), str)}
        return {**entry, **{kind: os.path.expanduser(entry[kind]) for kind in kinds}}
    return entry


def nested(key: str, value: Any) -> dict[str, Any]:  # noqa: ANN401 - any value of a setting
    """Returns a mapping in which a dotted key has a value.

    >>> nested("data.size", 64)
    {'data': {'size': 64}}
    """
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


def _at(config: Any, key: str) -> Any:  # noqa: ANN401
    for part in key.split("."):
        config = config.get(part) if isinstance(config, dict) else None
    return config


def _name(key: str, found: Any) -> str:  # noqa: ANN401
    if found is None:
        return ""
    if isinstance(found, str) or (type(found) is int and Path(str(found)).exists()):
        return str(found)
    raise ConfigError(
        f"{key}: found {found!r}, which YAML takes for no name, and no such folder. Write a "
        "name that looks like a number in quotes, '007', or with its place, ./007."
    )
