"""What a report shows, and where it is read: the folder of a run, or one of scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dicface.metrics import METRICS, MetricFacts
from dicface.report.run import measured
from dicface.report.site import cost, training
from dicface.report.site.contents import TaskResults, read_tasks
from dicface.report.site.grids import Grid
from dicface.report.site.inspections import Inspection, read_inspections
from dicface.report.site.notes import Notes
from dicface.report.site.provenance import Provenance, read_provenance
from dicface.report.site.table_pages import TablePage, read_tables, table_pages
from dicface.report.tables.table import Table
from dicface.runs.folder import Run
from dicface.video.formats import natural


@dataclass(frozen=True, kw_only=True)
class Contents:
    """All that a report shows, wherever it was read.

    Attributes:
        title: Heading of the first page.
        source: Name of the folder that it was read from.
        remark: What a reader must know of all numbers; "" for nothing.
        metrics: Those that clips and tables show, in order.
        tables: Pages of the tables in order.
        notes: What is said of them.
        results: The tables themselves: the first is the headline, others feed charts.
        tasks: Tasks with their clips, methods and scores.
        figures: PNG files; vector graphics and a caption (.txt) may lie beside each.
        inspections: What the codes of networks do.
        networks: Training curves.
        costs: Gives a task's costs; None: the page has none.
        provenance: Where the numbers come from.
    """

    title: str
    tables: Sequence[TablePage]
    tasks: Sequence[TaskResults]
    provenance: Provenance
    source: str = ""
    metrics: Sequence[MetricFacts] = field(default_factory=lambda: list(METRICS.values()))
    notes: Notes = field(default_factory=Notes)
    results: Sequence[Table] = ()
    remark: str = ""
    figures: Sequence[Path] = ()
    inspections: Sequence[Inspection] = ()
    networks: Sequence[training.Network] = ()
    costs: Callable[[TaskResults], Grid] | None = None


def of_run(run: Run, notes: Notes | None = None) -> Contents:
    """What a run holds so far.

    Args:
        run: The run.
        notes: Of the page, if other sources stand on it too.

    Raises:
        DicfaceError: A file of the run cannot be read.
    """
    tables, notes = read_tables(run.tables, run.partial_tables), notes or Notes()
    networks = cost.trained_networks(run.networks)
    name = run.folder.resolve().name
    return Contents(
        title=f"DicFace report: {name}",
        source=name,
        metrics=measured(run.config),
        tables=[
            page
            for path, table in tables.items()
            for page in table_pages(
                table, path.parent, notes, is_partial=path.parent == run.partial_tables
            )
        ],
        notes=notes,
        results=list(tables.values()),
        tasks=read_tasks(run, list(tables.values())),
        figures=sorted(run.figures.glob("*.png"), key=lambda path: natural(path.stem)),
        inspections=read_inspections(run.inspection("any").parent),
        networks=training.read_networks(run.networks),
        costs=lambda task: cost.cost_grid(task, networks, run),
        provenance=read_provenance(run.folder),
        remark=run.config.remark,
    )
