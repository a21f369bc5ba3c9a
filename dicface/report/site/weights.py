"""What the first page's sliders rank rows by."""

from __future__ import annotations

import pandas as pd

from dicface.report.site.contents import TaskResults
from dicface.report.site.values import by_clip, means
from dicface.report.tables.table import Table


def weights(table: Table, task: TaskResults | None) -> dict[str, object]:
    """Values of every clip, or the mean of a set-level metric, of each row that the table ranks.

    Args:
        table: The headline table.
        task: Its task; None: means alone.

    Returns:
        JSON values: metrics, rows, and the number of clips. Clips that a row lacks are null. Empty
        where there are less than two rows.
    """
    systems = {system.id: system for system in task.systems} if task else {}
    clips = list(task.clips) if task else []
    rows = []
    ranked = set(table.cells.loc[table.cells["rank"] > 0, "method"])
    for row in (row for row in table.rows if row.method in ranked):
        values: dict[str, object] = {}
        for facts in table.metrics:
            mean = means(table, facts).get(row.method)
            system = systems.get(row.method) if facts.level != "set" else None
            own = by_clip(system, facts.id) if system else pd.Series(dtype=float)
            of_clips = [round(float(own[clip]), 6) if clip in own else None for clip in clips]
            values[facts.id] = {
                "mean": round(mean[0], 6) if mean else None,
                "clips": of_clips if len(own) else [],
            }
        rows.append({"id": row.method, "label": row.label, "values": values})
    if len(rows) < 2:
        return {}
    metrics = [
        {"id": facts.id, "name": facts.name, "high": facts.higher_is_better}
        for facts in table.metrics
    ]
    return {"metrics": metrics, "rows": rows, "clips": len(clips)}
