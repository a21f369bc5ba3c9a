"""The tables of docs/reliability.md, written where they are asked for."""

import os
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"


def show(name: str, text: str) -> None:
    """Prints what trials gave; with `DICFACE_FAULTS_PAGE` writes it into the page too."""
    sys.stdout.write(f"\n{text}")
    if os.environ.get("DICFACE_FAULTS_PAGE"):
        first, last = f"<!-- faults: {name} -->\n", f"<!-- end of {name} -->\n"
        before, _, rest = PAGE.read_text().partition(first)
        PAGE.write_text(f"{before}{first}{text}{last}{rest.partition(last)[2]}")
