"""Tables with their statistics, figures, pages of a run, and results made elsewhere.

Only `tables` reads numbers; `render` writes them out, `site` makes pages of the same tables.
"""

from __future__ import annotations

from pathlib import Path

PAPER_NUMBERS = Path(__file__).parent / "paper_numbers"
"""The paper's tables as CSV, and why its numbers may differ from ours."""


def paper_numbers_of(table: str) -> list[Path]:
    """Returns the paper's table and the reasons; none where the paper has no such table."""
    printed = PAPER_NUMBERS / f"{table}.csv"
    return [printed, PAPER_NUMBERS / "reasons.csv"] if printed.is_file() else []
