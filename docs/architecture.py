"""Writes the table of packages in docs/architecture.md: `python docs/architecture.py`.

Floors are those of the import contract in pyproject.toml, sentences the first ones of the packages'
own docstrings, so that neither is said twice.
"""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "architecture.md"
MARKS = ("<!-- packages -->\n", "<!-- end of packages -->\n")


def table() -> str:
    """Returns the table, one row a package, the top floor first."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = contracts["contracts"][0]["layers"]
    rows = ["| floor | package | what |", "|---|---|---|"]
    for number, layer in zip(range(len(layers), 0, -1), layers, strict=True):
        for name in re.findall(r"\w+", layer):
            path = ROOT / "dicface" / name / "__init__.py"
            if not path.is_file():
                continue
            docstring = ast.get_docstring(ast.parse(path.read_text()))
            rows.append(f"| {number} | `dicface/{name}/` | {docstring.partition(chr(10))[0]} |")
    return "\n".join(rows) + "\n"


def page() -> str:
    """Returns the page with its table as it has to be."""
    before, _, rest = PAGE.read_text().partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    return f"{before}{MARKS[0]}{table()}{MARKS[1]}{after}"


if __name__ == "__main__":
    PAGE.write_text(page())
