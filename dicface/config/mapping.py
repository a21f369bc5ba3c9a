"""Plain mappings, as YAML gives them, into typed settings: strict, naming the key in messages."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from dicface.base.errors import ConfigError

T = TypeVar("T")


def overlay(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Returns `base` with the values of `over`, key by key at every depth; neither is changed."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = overlay(merged[key], value) if both else value
    return merged


def from_mapping(cls: type[T], mapping: object, where: str) -> T:
    """Builds a settings dataclass from a mapping, checking names and types.

    Args:
        cls: The dataclass.
        mapping: What YAML gave.
        where: The file or key the mapping came from, for messages.

    Raises:
        ConfigError: A key is unknown, missing, or holds a value of another type.
    """
    if not isinstance(mapping, dict):
        raise ConfigError(f"{where}: found {mapping!r}, expected keys and values.")
    fields = {each.name: each for each in dataclasses.fields(cls)}
    unknown = [key for key in mapping if key not in fields]
    if unknown:
        raise ConfigError(
            f"{where}: unknown key '{unknown[0]}'. Known keys: {', '.join(sorted(fields))}."
        )
    hints = get_type_hints(cls)
    values = {}
    for name, each in fields.items():
        if name in mapping:
            values[name] = _convert(hints[name], mapping[name], f"{where}: {name}")
        elif each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING:
            raise ConfigError(f"{where}: key '{name}' is missing.")
    return cls(**values)


def _convert(hint: Any, value: Any, where: str) -> Any:  # noqa: ANN401 - any type hint
    origin, arguments = get_origin(hint), get_args(hint)
    if dataclasses.is_dataclass(hint):
        return from_mapping(hint, value, where)
    if origin is Literal:
        if value in arguments:
            return value
        raise ConfigError(
            f"{where}: found {value!r}, expected one of {', '.join(map(repr, arguments))}."
        )
    if origin in (typing.Union, types.UnionType):
        for option in arguments:
            try:
                return _convert(option, value, where)
            except ConfigError:
                continue
        raise ConfigError(f"{where}: found {value!r}, expected {hint}.")
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{where}: found {value!r}, expected a list.")
        if arguments[-1] is not Ellipsis and len(value) != len(arguments):
            raise ConfigError(f"{where}: found {len(value)} values, expected {len(arguments)}.")
        return tuple(_convert(arguments[0], item, where) for item in value)
    if origin is dict:
        if not isinstance(value, dict):
            raise ConfigError(f"{where}: found {value!r}, expected keys and values.")
        return {key: _convert(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if hint is Any:
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    # YAML 1.1 reads "1e-4" as a string; numbers are what everybody means by it.
    if hint is float and isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            pass
    if isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    raise ConfigError(f"{where}: found {value!r}, expected {hint.__name__}.")
