"""The paper's own tables beside ours, with a gap where there is one and the reason where not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from dicface.base.counts import how_many
from dicface.base.errors import ConfigError
from dicface.report.tables.rows import Row

COLUMNS = (
    "block",
    "method",
    "label",
    "paper_name",
    "metric",
    "paper",
    "ours",
    "low",
    "high",
    "gap",
    "comparable",
    "reasons",
)
REASONS_FILE = "reasons.csv"
REASON_COLUMNS = ("table", "task", "row", "metric", "comparable", "reason")
ANY = "*"


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why a number of the paper and ours may differ; `ANY` stands for every value of a field.

    Attributes:
        table: Name of the table.
        task: Task, in a table of several.
        row: Name of the row in the paper's table, or id of one of our methods.
        metric: Metric id.
        comparable: False: their difference says nothing at all.
        reason: In words.
    """

    table: str
    task: str
    row: str
    metric: str
    comparable: bool
    reason: str

    def holds_for(self, table: str, row: Row, metric: str) -> bool:
        """Whether a cell of a table is meant."""
        return (
            self.table in (ANY, table)
            and self.task in (ANY, row.block)
            and self.row in (ANY, row.paper_name, row.method)
            and self.metric in (ANY, metric)
        )


def beside_ours(
    name: str,
    cells: pd.DataFrame,
    rows: Sequence[Row],
    path: Path | None,
    setting: str,
    daggers: Mapping[str, str],
    num_clips: int,
) -> pd.DataFrame:
    """Sets the paper's numbers beside ours; gap = ours - paper, where the two can be compared.

    Args:
        name: Name of the table.
        cells: Cells of the table, columns block, method, metric, mean, low, high, clips at least.
        rows: Its rows; those without `paper_name` are left out.
        path: The paper's table, `reasons.csv` beside it; None: the result is empty.
        setting: How test set and protocol differ from the paper's; empty: they do not.
        daggers: Metric -> backbone, where it is not the paper's kind.
        num_clips: Clips of the set; a mean over fewer has no gap.

    Returns:
        One line per row and metric that the paper has (columns `COLUMNS`). `gap` is NaN where
        `comparable` is False or there is no value; `reasons` say why, and what is known to differ.

    Raises:
        ConfigError: A file is missing or malformed.
    """
    if path is None:
        return pd.DataFrame(columns=list(COLUMNS))
    printed, reasons = read_paper_numbers(path), read_reasons(path.with_name(REASONS_FILE))
    lines = []
    for row in rows:
        key = (row.block, row.paper_name)
        if row.paper_name is None or key not in printed:
            continue
        own = cells[(cells["method"] == row.method) & (cells["block"] == row.block)]
        for cell in own.itertuples():
            if cell.metric not in printed[key]:
                continue
            known = [reason for reason in reasons if reason.holds_for(name, row, cell.metric)]
            against = [setting] if setting else []
            if cell.metric in daggers:
                against.append(f"measured by {daggers[cell.metric]}")
            if 0 < cell.clips < num_clips:
                against.append(f"measured on {cell.clips} of {how_many(num_clips, 'clip')}")
            against += [reason.reason for reason in known if not reason.comparable]
            aware = [reason.reason for reason in known if reason.comparable]
            aware += [f"not run: {row.reason}"] if row.reason else list(row.notes)
            value = printed[key][cell.metric]
            lines.append(
                {
                    "block": row.block,
                    "method": row.method,
                    "label": row.label,
                    "paper_name": row.paper_name,
                    "metric": cell.metric,
                    "paper": value,
                    "ours": cell.mean,
                    "low": cell.low,
                    "high": cell.high,
                    "gap": np.nan if against else cell.mean - value,
                    "comparable": not against,
                    "reasons": (*against, *aware),
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


def read_reasons(path: str | Path) -> list[Reason]:
    """Reads why numbers of the paper and ours differ (columns `REASON_COLUMNS`).

    Raises:
        ConfigError: The file is missing, or has other columns or values.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError(
            f"{path}: no such file; expected the columns {', '.join(REASON_COLUMNS)}."
        )
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if tuple(table.columns) != REASON_COLUMNS:
        raise ConfigError(
            f"{path}: found the columns {', '.join(table.columns)}; expected "
            f"{', '.join(REASON_COLUMNS)}."
        )
    found = []
    for number, line in enumerate(table.to_dict("records"), start=2):
        if line["comparable"] not in ("yes", "no") or not line["reason"]:
            raise ConfigError(
                f"{path}, line {number}: found comparable '{line['comparable']}' and reason "
                f"'{line['reason']}'; expected yes or no, and words. Use {ANY} for every table, "
                "task, row or metric."
            )
        found.append(Reason(**{**line, "comparable": line["comparable"] == "yes"}))
    return found
