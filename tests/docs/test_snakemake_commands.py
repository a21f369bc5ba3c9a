"""Every call of Snakemake that a page shows is one that Snakemake understands as it is meant."""

import re
import shlex
from pathlib import Path

import pytest
from snakemake.cli import get_argument_parser

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "config").glob("*.*")),
]
CALL = re.compile(r"(?:^|`|# )(?:\.venv/bin/)?snakemake ([^`\n]*?)(?:  +#.*)?(?:`|$)", re.MULTILINE)
RULES = (ROOT / "workflow" / "Snakefile", ROOT / "workflow" / "rules" / "targets.smk")
TARGETS = {name for file in RULES for name in re.findall(r"^rule (\w+):", file.read_text(), re.M)}


def calls(page: Path) -> list[str]:
    """What stands behind `snakemake` in a page; lines that end in a backslash are joined."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    return [call for call in CALL.findall(text) if "…" not in call]


@pytest.mark.parametrize("page", [p for p in PAGES if calls(p)], ids=lambda p: p.name)
def test_a_page_names_targets_and_files_where_snakemake_looks_for_them(page):
    for call in calls(page):
        chosen = get_argument_parser().parse_args(shlex.split(call))
        files = [str(file) for file in chosen.configfile or []]
        assert all(file.endswith(".yaml") for file in files), f"{call}: {files} are read as files"
        named = [target for target in chosen.targets if "/" not in str(target)]
        assert set(map(str, named)) <= TARGETS, call
