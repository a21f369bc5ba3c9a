"""Whether the code that runs is that of the checkout in which the command is called."""

from __future__ import annotations

import re
from pathlib import Path

import dicface

_NAME = re.compile(r'^name = "dicface"$', re.MULTILINE)
_VERSION = re.compile(r'^__version__ = "(.+?)"$', re.MULTILINE)


def other_code(folder: Path | None = None, code: Path | None = None) -> str:
    """Says in one sentence that a checkout's own code is not what runs; "" where it is.

    Args:
        folder: Where the command is called; this process's folder by default.
        code: Folder of the package that runs; that of `dicface` by default.
    """
    folder = folder or Path.cwd()
    code = code or Path(dicface.__file__).parent
    for place in (folder, *folder.parents):
        project, version = place / "pyproject.toml", place / "dicface" / "base" / "__init__.py"
        if not project.is_file() or not version.is_file():
            continue
        found = _VERSION.search(version.read_text(encoding="utf-8"))
        named = _NAME.search(project.read_text(encoding="utf-8"))
        if not (found and named) or (place / "dicface").resolve() == code.resolve():
            continue
        return (
            f"warning: {place} is a checkout of dicface {found[1]}, and what runs is dicface "
            f"{dicface.__version__} of {code.parent}; run `make install` here and "
            f"`.venv/bin/dicface`, or call dicface from another folder."
        )
    return ""
