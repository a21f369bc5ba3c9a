"""What all trials share: seeds, their time, and the tables of docs/reliability.md."""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import TypeVar

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"

SEEDS = [int(each) for each in os.environ.get("DICFACE_FAULTS_SEED", "21").split(",")]
COPIES = int(os.environ.get("DICFACE_FAULTS_COPIES", "2"))
END_S = time.monotonic() + 60 * float(os.environ.get("DICFACE_FAULTS_MINUTES", "inf"))

Thing = TypeVar("Thing")


def in_time(things: Iterable[Thing]) -> Iterator[Thing]:
    """Yields things as long as there is time to begin one."""
    return takewhile(lambda _: time.monotonic() < END_S, things)


def counted(done: int, drawn: int) -> str:
    """Says how many trials there were, and of which seeds."""
    missing = f" of {drawn} drawn, for which there was time" if done < drawn else ""
    word = "seeds" if len(SEEDS) > 1 else "seed"
    return f"{done} trials{missing}, {word} {' and '.join(map(str, SEEDS))}"


def show(name: str, text: str) -> None:
    """Prints what trials gave; with `DICFACE_FAULTS_PAGE` writes it into the page too."""
    sys.stdout.write(f"\n{text}")
    if os.environ.get("DICFACE_FAULTS_PAGE"):
        first, last = f"<!-- faults: {name} -->\n", f"<!-- end of {name} -->\n"
        before, _, rest = PAGE.read_text().partition(first)
        PAGE.write_text(f"{before}{first}{text}{last}{rest.partition(last)[2]}")
