"""A table ready to be shown, and its file: the one form that every page and file is made from."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from dicface.base.errors import MetricError
from dicface.base.reading import Own, read_json, said
from dicface.metrics import MetricFacts
from dicface.report.tables.rows import Row

_TABLE = Own("a table of a run", "Delete it and make the table again.", error=MetricError)
_FRAMES = ("cells", "differences", "comparison")
_NUMBERS = ("mean", "low", "high", "p", "p_corrected", "paper", "ours", "gap")
"""Columns of them in which null stands for "no number"."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table ready to be written.

    Attributes:
        name: File name without suffix, for example `table1`.
        title: Heading.
        metrics: Facts of the printed columns, in order.
        rows: Rows in order, with or without scores.
        cells: One line per row and metric (columns `CELL_COLUMNS`), the printed metrics first, then
            those that are in the CSV alone; `rank` is 1 for best, 2 for second best; `tied`: not
            told apart from the best.
        differences: Paired differences a - b (columns `DIFFERENCE_COLUMNS`), of all metrics.
        references: Block -> method that every other row is tested against.
        comparison: Paper beside ours (columns `paper_numbers.COLUMNS`); empty without the paper's
            numbers.
        setting: How the protocol differs from the paper's, in words; empty when it is the paper's.
        daggers: Metric -> backbone, for every metric that is not on the paper's kind of backbone.
        numbered: Numbered footnotes of rows.
        marks: (block, method) -> numbers of its footnotes, from 1.
        general: Notes on the whole table.
        num_clips: Number of clips in the set.
        digits: Metric -> digits after the point.
    """

    name: str
    title: str
    metrics: tuple[MetricFacts, ...]
    rows: tuple[Row, ...]
    cells: pd.DataFrame
    differences: pd.DataFrame
    references: dict[str, str]
    comparison: pd.DataFrame
    setting: str
    daggers: dict[str, str]
    numbered: tuple[str, ...]
    marks: dict[tuple[str, str], tuple[int, ...]]
    general: tuple[str, ...]
    num_clips: int
    digits: dict[str, int]

    def label(self, method: str, block: str | None = None) -> str:
        """Label of a method, in a block where it differs between blocks."""
        return next(r.label for r in self.rows if r.method == method and block in (None, r.block))

    @property
    def paper(self) -> pd.DataFrame:
        """Paper beside ours where the protocol is the paper's; empty elsewhere."""
        return self.comparison.iloc[:0] if self.setting else self.comparison


def to_json(table: Table, folder: str | Path) -> str:
    """Returns all of a table as JSON; what `read_table` reads back.

    Args:
        table: The table.
        folder: Where the file goes: scores are named from there, so that a run may be moved.
    """
    values = {field.name: getattr(table, field.name) for field in fields(table)}
    values["metrics"] = [asdict(facts) for facts in table.metrics]
    values["rows"] = [
        {
            **asdict(row),
            "metrics": row.metrics and _from(folder, row.metrics),
            "replicates": [_from(folder, path) for path in row.replicates],
            "marks": table.marks[row.block, row.method],
        }
        for row in table.rows
    ]
    # They stand in the rows.
    del values["marks"]
    for name in _FRAMES:
        frame = values[name].to_dict("split", index=False)
        # JSON has no NaN.
        lines = [[None if value != value else value for value in line] for line in frame["data"]]
        values[name] = {"columns": list(frame["columns"]), "lines": lines}
    return json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read_table(path: str | Path) -> Table:
    """Reads a table from its JSON file.

    Raises:
        MetricError: The file is no table.
    """
    path = Path(path)
    values = _with_tuples(read_json(path, _TABLE))
    with said(path, _TABLE):
        marks = {(row["block"], row["method"]): row.pop("marks") for row in values["rows"]}
        for row in values["rows"]:
            row["metrics"] = row["metrics"] and path.parent / row["metrics"]
            row["replicates"] = tuple(path.parent / each for each in row.get("replicates", ()))
        for name in _FRAMES:
            frame = pd.DataFrame(list(values[name]["lines"]), columns=values[name]["columns"])
            known = [column for column in _NUMBERS if column in frame]
            values[name] = frame.astype(dict.fromkeys(known, float))
        values["metrics"] = tuple(MetricFacts(**facts) for facts in values["metrics"])
        values["rows"] = tuple(Row(**row) for row in values["rows"])
        return Table(**values, marks=marks)


def _from(folder: str | Path, path: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()


def _with_tuples(value: Any) -> Any:  # noqa: ANN401 - anything JSON can hold
    """The same with a tuple in the place of every list."""
    if isinstance(value, dict):
        return {key: _with_tuples(each) for key, each in value.items()}
    return tuple(map(_with_tuples, value)) if isinstance(value, list) else value
