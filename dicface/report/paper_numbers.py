"""The paper's own tables, set beside ours where the protocol is the paper's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from dicface.errors import ConfigError

if TYPE_CHECKING:
    from dicface.report.tables import Row

COLUMNS = ("block", "method", "label", "metric", "paper", "ours", "low", "high", "gap")


def beside_ours(cells: pd.DataFrame, rows: Sequence[Row], path: Path | None) -> pd.DataFrame:
    """Sets the paper's numbers beside ours; gap = ours - paper.

    Args:
        cells: Cells of a table, columns block, method, metric, mean, low, high at least.
        rows: Its rows; those without `paper_name` are left out.
        path: The paper's table; None: the result is empty.

    Returns:
        One line per row and metric that the paper has (columns `COLUMNS`).
    """
    if path is None:
        return pd.DataFrame(columns=list(COLUMNS))
    printed = read_paper_numbers(path)
    lines = []
    for row in rows:
        key = (row.block, row.paper_name)
        if row.paper_name is None or key not in printed:
            continue
        own = cells[(cells["method"] == row.method) & (cells["block"] == row.block)]
        for cell in own.itertuples():
            if cell.metric in printed[key]:
                value = printed[key][cell.metric]
                lines.append(
                    {
                        "block": row.block,
                        "method": row.method,
                        "label": row.label,
                        "metric": cell.metric,
                        "paper": value,
                        "ours": cell.mean,
                        "low": cell.low,
                        "high": cell.high,
                        "gap": cell.mean - value,
                    }
                )
    return pd.DataFrame(lines, columns=list(COLUMNS))


def read_paper_numbers(path: str | Path) -> dict[tuple[str, str], dict[str, float]]:
    """Reads a table of the paper: (task or "", name of the row) -> metric -> value.

    The first column that is neither `task` nor a metric names the rows.

    Raises:
        ConfigError: The file is missing or no such table.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; expected a table of the paper as CSV.")
    table = pd.read_csv(path)
    task = table.pop("task").astype(str) if "task" in table else pd.Series([""] * len(table))
    names = table.pop(table.columns[0]).astype(str)
    if table.empty or not all(pd.api.types.is_numeric_dtype(table[c]) for c in table):
        raise ConfigError(f"{path}: expected a name and numbers in every row, one metric a column.")
    numbers = [
        {str(metric): float(value) for metric, value in record.items() if pd.notna(value)}
        for record in table.to_dict("records")
    ]
    return dict(zip(zip(task, names, strict=True), numbers, strict=True))
