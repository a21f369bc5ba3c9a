"""A package with a method that works, to begin one's own from: `dicface methods new NAME`."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Collection
from pathlib import Path

from dicface.base.errors import MethodError

EXAMPLE = "temporal_median"
"""What the example is called in its files; docs/add-a-method.md shows them."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def write_skeleton(name: str, folder: Path, taken: Collection[str] = ()) -> list[Path]:
    """Writes a package with one method: `pyproject.toml` and a folder with the method's class.

    Args:
        name: Of the method and its package.
        folder: To write; must not exist.
        taken: Names of methods that there are.

    Returns:
        What was written.

    Raises:
        MethodError: The name cannot be one, or the folder exists.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or name in sys.stdlib_module_names:
        raise MethodError(
            f"found the name '{name}'; expected lower-case letters, digits and '_', a letter "
            "first, and no word or module of Python's: it names a package too."
        )
    if name in taken:
        raise MethodError(f"there is a method '{name}' already; give yours another name.")
    if folder.exists():
        raise MethodError(
            f"{folder}: exists already, and nothing in it was changed. Give another name, or "
            "another folder with --out."
        )
    words = {
        EXAMPLE: name,
        EXAMPLE.replace("_", "-"): name.replace("_", "-"),
        "TemporalMedian": "".join(part.capitalize() for part in name.split("_")),
        "Temporal median": name.replace("_", " ").capitalize(),
    }
    files = {
        "pyproject.toml": "pyproject.toml.txt",
        f"{name}/__init__.py": "",
        f"{name}/method.py": "method.py.txt",
    }
    written = []
    for file, template in files.items():
        text = '"""A restoration method in a package of its own."""\n'
        if template:
            text = Path(__file__).with_name(template).read_text(encoding="utf-8")
        for word, own in words.items():
            text = text.replace(word, own)
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written
