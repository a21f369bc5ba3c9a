"""Plain values into typed settings by pydantic, and its errors in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicface.base.errors import ConfigError
from dicface.config.fields import nearest, shown
from dicface.config.settings import Config

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Key = tuple[str | int, ...]

#: Lines of a message that name a problem each.
_MOST = 3


class WrongConfigError(ConfigError):
    """Settings cannot be.

    Attributes:
        problems: All that was found.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = problems
        more = f" … and {len(problems) - _MOST} more." if len(problems) > _MOST else ""
        super().__init__("\n".join(map(str, problems[:_MOST])) + more)

    def of_another_version(self, path: Path) -> ConfigError:
        """What to say of the configuration that a run wrote: this error, or that keys changed.

        Args:
            path: The file.
        """
        kinds = {"new": "missing", "gone": "unknown"}
        keys = {
            word: [dotted(each.path) for each in self.problems if each.kind == kind]
            for word, kind in kinds.items()
        }
        if not any(keys.values()):
            return self
        said = "; ".join(f"{word}: {', '.join(names)}" for word, names in keys.items() if names)
        return ConfigError(
            f"{path} was written by another version of dicface. Keys that are {said}.\n"
            "Start `snakemake` with the run's configuration once more, which writes the file anew "
            "and makes again what changed; or look at the run with the version that made it."
        )


@dataclass(frozen=True)
class Problem:
    """What is wrong with one key.

    Attributes:
        path: Where it stands.
        kind: "unknown", "missing" or "value".
        text: What is wrong, in words.
        where: The file; "" where none has it.
    """

    path: Key
    kind: str
    text: str
    where: str = ""

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.where, dotted(self.path), self.text)))


def dotted(path: Key) -> str:
    """Returns a key as it is typed.

    >>> dotted(("methods", 0, "name"))
    'methods[0].name'
    """
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")


def typed(raw: dict[str, Any]) -> tuple[Config | None, list[Problem]]:
    """Reads settings; returns them, or None and what is wrong with each key."""
    from pydantic import ValidationError

    try:
        return _adapter().validate_json(json.dumps(raw)), []
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
    problems: dict[Key, Problem] = {}
    for each in found:
        problem = _problem(each["type"], each["loc"], raw)
        problems.setdefault(problem.path, problem)
    return None, list(problems.values())


@cache
def schema() -> dict[str, Any]:
    """Returns the settings as JSON schema, which is not to be changed."""
    return _adapter().json_schema()


def keys(node: dict[str, Any] | None = None, path: Key = ()) -> Iterator[tuple[Key, dict]]:
    """Yields every key with its JSON schema, in order; "<name>" stands for a name of the user's."""
    node = _resolved(schema() if node is None else node)
    children = dict(node.get("properties", {}))
    if (values := _named(node)) is not None:
        names = _resolved(node["propertyNames"]).get("enum", ["<name>"])
        children |= dict.fromkeys(names, values)
    if isinstance(items := node.get("items"), dict) and "$ref" in items:
        children |= _resolved(items)["properties"]
    for name, child in children.items():
        yield (*path, name), child
        yield from keys(child, (*path, name))


def expected(node: dict[str, Any]) -> str:
    """Returns what a value must be, in words."""
    node = _resolved(node)
    if "expected" in node:
        return node["expected"]
    if choices := node.get("enum"):
        return f"one of {', '.join(choice or shown(choice) for choice in choices)}"
    if items := node.get("items"):
        return f"a list, each {expected(items)}"
    return {
        "boolean": "true or false",
        "integer": "a whole number",
        "number": "a number",
        "string": "text",
        "array": "a list",
        "object": "keys and values",
    }.get(node.get("type", ""), "a value")


@cache
def _adapter() -> TypeAdapter[Config]:
    from pydantic import TypeAdapter

    return TypeAdapter(Config)


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    """Follows a reference; what stands beside it counts more."""
    if "$ref" not in node:
        return node
    return schema()["$defs"][node["$ref"].rpartition("/")[2]] | {
        key: value for key, value in node.items() if key != "$ref"
    }


def _child(node: dict[str, Any], part: str | int) -> dict[str, Any] | None:
    node = _resolved(node)
    if isinstance(part, int):
        inner = node.get("items")
        return inner if isinstance(inner, dict) and "$ref" in inner else None
    return node.get("properties", {}).get(part, _named(node))


def _named(node: dict[str, Any]) -> dict[str, Any] | None:
    """The values of a mapping whose keys are names of the user's."""
    further = node.get("additionalProperties") or next(
        iter(node.get("patternProperties", {}).values()), None
    )
    return further if isinstance(further, dict) else None


def _problem(kind: str, loc: Key, raw: dict[str, Any]) -> Problem:
    """Words one of pydantic's errors; its path ends at the last key that the settings know."""
    node, known = schema(), 0
    while known < len(loc) and (child := _child(node, loc[known])) is not None:
        if loc[-1] == "[key]" and known == len(loc) - 2:
            break
        node, known = child, known + 1
    if kind == "missing" and known == len(loc):
        return Problem(loc, "missing", f"the key is missing; expected {_meaning(node)}")
    node_of_parent = _resolved(node)
    if loc[-1] == "[key]":
        names = _resolved(node_of_parent["propertyNames"])
        if "enum" not in names:
            text = f"found the name {shown(loc[-2])}, expected {names['expected']}."
            return Problem(loc[:-2], "value", text)
        return Problem(loc[:-1], "unknown", _unknown(str(loc[-2]), names["enum"]))
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return Problem(loc, "unknown", _unknown(str(loc[-1]), list(node_of_parent["properties"])))
    value: Any = raw
    for part in loc[:known]:
        value = value[part]
    return Problem(loc[:known], "value", f"found {shown(value)}, expected {_meaning(node)}")


def _meaning(node: dict[str, Any]) -> str:
    description = node.get("description", "").removesuffix(".")
    return f"{expected(node)}{f' ({description})' if description else ''}."


def _unknown(key: str, siblings: list[str]) -> str:
    if near := nearest(key, siblings):
        return f"unknown key; did you mean {' or '.join(near)}?"
    elsewhere = [dotted(path) for path, _ in keys() if path[-1] == key]
    if elsewhere:
        return f"unknown key here; did you mean {' or '.join(elsewhere[:3])}?"
    return f"unknown key; expected one of {', '.join(siblings)}."
