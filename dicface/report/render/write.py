"""Writes a table as Markdown, CSV and LaTeX. Same table, same bytes."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from dicface.base.files import atomic_path
from dicface.report.render.latex import to_latex
from dicface.report.render.markdown import to_markdown
from dicface.report.render.paper import to_paper_csv, to_paper_markdown
from dicface.report.render.text import to_text
from dicface.report.tables.build import Table

__all__ = ["differences_to_csv", "to_csv", "to_latex", "to_markdown", "to_text", "write_table"]

CSV_COLUMNS = ["method", "metric", "mean", "low", "high", "clips", "backbone", "note"]
DIFFERENCE_CSV_COLUMNS = [
    "method_a",
    "method_b",
    "metric",
    "mean",
    "low",
    "high",
    "clips",
    "p",
    "p_corrected",
]


def write_table(table: Table, folder: str | Path) -> dict[str, Path]:
    """Writes `<name>.md`, `.csv`, `.tex` and `<name>_differences.csv`, each whole or not at all.

    With the paper's numbers also `<name>_paper.md` and `.csv`.

    Returns:
        Kind (md, csv, tex, differences, paper, paper_csv) -> path.
    """
    folder = Path(folder)
    texts = {
        "csv": (f"{table.name}.csv", to_csv(table)),
        "differences": (f"{table.name}_differences.csv", differences_to_csv(table)),
        "tex": (f"{table.name}.tex", to_latex(table)),
        "md": (f"{table.name}.md", to_markdown(table)),
    }
    if not table.comparison.empty:
        texts["paper_csv"] = (f"{table.name}_paper.csv", to_paper_csv(table))
        texts["paper"] = (f"{table.name}_paper.md", to_paper_markdown(table))
    written = {}
    for kind, (name, text) in texts.items():
        with atomic_path(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
        written[kind] = folder / name
    return written


def to_csv(table: Table) -> str:
    """Tidy CSV, one line per row and metric; a `task` column comes first if blocks have names."""
    return _csv(table, table.cells, CSV_COLUMNS)


def differences_to_csv(table: Table) -> str:
    """Tidy CSV of the paired differences a − b, with a `task` column if blocks have names."""
    return _csv(table, table.differences, DIFFERENCE_CSV_COLUMNS)


def _csv(table: Table, lines: pd.DataFrame, columns: list[str]) -> str:
    named = any(row.block for row in table.rows)
    chosen = lines.rename(columns={"block": "task"})[(["task"] if named else []) + columns]
    return chosen.to_csv(index=False, float_format="%.6g", lineterminator="\n")
