"""Writes the table of keys in config/README.md: `python docs/configuration.py`.

`python docs/configuration.py schema` prints the JSON schema of a configuration file instead, for
editors. Both are made from `dicface.config.settings`, so that nothing is said twice.
"""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

import yaml

from dicface.config.check import dotted, expected, keys, schema
from dicface.config.fields import shown

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "config" / "README.md"
MARKS = ("<!-- keys -->\n", "<!-- end of keys -->\n")


def table() -> str:
    """Returns the table, one row a key; what several sections have in common stands once."""
    demo = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    rows = ["| key | what it is | what it can be | demo |", "|---|---|---|---|"]
    described: dict[str, str] = {}
    hidden: list[tuple] = []
    for path, node in keys():
        if any(path[: len(each)] == each for each in hidden):
            continue
        name, text = dotted(path), node.get("description", "")
        section = node.get("$ref")
        if section in described:
            hidden.append(path)
            text += f" Keys as in `{described[section]}`."
        elif section:
            described[section] = name
        value: Any = demo
        for part in path:
            value = value.get(part, {}) if isinstance(value, dict) else {}
        given = "" if isinstance(value, dict) or len(shown(value)) > 40 else f"`{shown(value)}`"
        cells = (f"`{name}`", text, "" if section else expected(node), given)
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(rows) + "\n"


def page() -> str:
    """Returns the page with its table as it has to be."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    return f"{before}{MARKS[0]}{table()}{MARKS[1]}{after}"


def editor_schema() -> dict[str, Any]:
    """Returns the JSON schema of a file that is laid over others, in which no key must be."""
    made = copy.deepcopy(schema())
    for each in (made, *made["$defs"].values()):
        each.pop("required", None)
    return made


if __name__ == "__main__":
    if sys.argv[1:] == ["schema"]:
        sys.stdout.write(json.dumps(editor_schema(), indent=1, ensure_ascii=False) + "\n")
    else:
        PAGE.write_text(page(), encoding="utf-8")
