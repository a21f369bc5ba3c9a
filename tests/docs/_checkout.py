"""A copy of what one edits to add something, and the code blocks of a page of the docs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import snakemake_logger_plugin_dicface as screen

ROOT = Path(__file__).resolve().parents[2]


def code_blocks(page: str, language: str = "python") -> list[str]:
    """The code blocks of a page in `docs/`."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


class Checkout:
    """A copy of the repository's code that a test may change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("dicface", "baselines", "workflow", "config", "profiles", screen.__name__):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        shutil.copy(ROOT / "Snakefile", folder)

    def add_line(self, file: str, after: str, line: str) -> None:
        """Adds a line below the one that is `after`."""
        path = self.folder / file
        lines = path.read_text().splitlines()
        lines.insert(lines.index(after) + 1, line)
        path.write_text("\n".join(lines) + "\n")

    def run(self, *words: object) -> subprocess.CompletedProcess:
        """Runs a module of this copy's environment: `-m dicface.cli …`."""
        return subprocess.run(
            [sys.executable, *map(str, words)],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )
