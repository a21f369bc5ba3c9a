"""What a table says of the networks that were looked into."""

from __future__ import annotations

from dicface.base.errors import MetricError
from dicface.base.reading import Own, is_there, read_json
from dicface.config.systems import inspected
from dicface.report.inspection.text import in_one_sentence
from dicface.report.tables.spec import TableSpec
from dicface.runs.folder import Run

INSPECTION = Own("an inspection of a network", "Delete it and inspect again.", error=MetricError)


def inspections(run: Run, name: str, spec: TableSpec) -> list[str]:
    """What the codes of a table's trained networks do, of those that were looked into.

    Args:
        run: The run.
        name: What the configuration calls the table.
        spec: The same, declared. Of networks that are swept over a setting, only the effective
            codes are said.
    """
    found = inspected(run.config, name)
    files = {
        row.label: run.inspection(found[row.method]) for row in spec.rows if row.method in found
    }
    seen = {label: read_json(file, INSPECTION) for label, file in files.items() if is_there(file)}
    if name == "table1" or not seen:
        return [f"{label}: {in_one_sentence(each)}." for label, each in seen.items()]
    codes = (f"{label} {each['posterior']['effective_codes']:.1f}" for label, each in seen.items())
    return [f"Effective codes of a position, exp(entropy) of its weights: {'; '.join(codes)}."]
