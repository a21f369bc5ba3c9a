"""What harness and page share: seeds, and the tables of docs/reliability.md."""

import os
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"

SEEDS = [int(each) for each in os.environ.get("DICFACE_FAULTS_SEED", "21").split(",")]
COPIES = int(os.environ.get("DICFACE_FAULTS_COPIES", "2"))


def seeds() -> str:
    """Names the seeds."""
    return f"seed{'s' if len(SEEDS) > 1 else ''} {' and '.join(map(str, SEEDS))}"


def show(name: str, text: str) -> None:
    """Prints what trials gave; with `DICFACE_FAULTS_PAGE` writes it into the page too."""
    sys.stdout.write(f"\n{text}")
    if os.environ.get("DICFACE_FAULTS_PAGE"):
        first, last = f"<!-- faults: {name} -->\n", f"<!-- end of {name} -->\n"
        before, _, rest = PAGE.read_text().partition(first)
        PAGE.write_text(f"{before}{first}{text}{last}{rest.partition(last)[2]}")
