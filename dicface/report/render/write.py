"""Writes a table as Markdown, CSV, LaTeX and JSON. Same table, same bytes."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from dicface.base.files import atomic_path
from dicface.report.render.latex import to_latex
from dicface.report.render.markdown import to_markdown
from dicface.report.render.paper import to_paper_csv, to_paper_markdown
from dicface.report.render.text import to_text
from dicface.report.tables.table import Table, to_json

__all__ = ["differences_to_csv", "to_csv", "to_latex", "to_markdown", "to_text", "write_table"]

ENDINGS = {
    "md": ".md",
    "csv": ".csv",
    "tex": ".tex",
    "json": ".json",
    "differences": "_differences.csv",
    "paper": "_paper.md",
    "paper_csv": "_paper.csv",
}
"""Kind of a table's file -> what follows the table's name in its own: for reading, for computing,
for a paper, for the report's pages, paired differences, and the paper's numbers beside ours."""

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


def table_files(folder: str | Path, name: str) -> dict[str, Path]:
    """Kind -> file of a table of this name, whether or not it was written."""
    return {kind: Path(folder) / f"{name}{ending}" for kind, ending in ENDINGS.items()}


def write_table(table: Table, folder: str | Path) -> dict[str, Path]:
    """Writes a table in every form, each file whole or not at all.

    Returns:
        Kind (`ENDINGS`) -> path; "paper" and "paper_csv" only with the paper's numbers.
    """
    texts = {
        "csv": to_csv(table),
        "differences": differences_to_csv(table),
        "tex": to_latex(table),
        "json": to_json(table, folder),
        "md": to_markdown(table),
    }
    if not table.comparison.empty:
        texts["paper_csv"] = to_paper_csv(table)
        texts["paper"] = to_paper_markdown(table)
    files = table_files(folder, table.name)
    for kind, text in texts.items():
        with atomic_path(files[kind]) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
    return {kind: files[kind] for kind in texts}


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
