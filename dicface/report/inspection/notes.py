"""What a table says of the networks that were looked into."""

from __future__ import annotations

from dicface.base.errors import MetricError
from dicface.base.reading import Own, read_json
from dicface.config.systems import inspected
from dicface.report.inspection.text import in_one_sentence
from dicface.report.tables.spec import TableSpec
from dicface.runs.folder import Run

INSPECTION = Own("an inspection of a network", "Delete it and inspect again.", error=MetricError)


def inspections(run: Run, spec: TableSpec) -> list[str]:
    """What the codes of a table's trained networks do, of those that were looked into."""
    found = inspected(run.config, spec.name)
    files = {
        row.label: run.inspection(found[row.method]) for row in spec.rows if row.method in found
    }
    return [
        f"{label}: {in_one_sentence(read_json(file, INSPECTION))}."
        for label, file in files.items()
        if file.is_file()
    ]
