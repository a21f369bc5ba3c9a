"""Writes the report of the run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicface.config.settings import TASKS
from dicface.config.systems import FIGURES_OF_TABLES
from dicface.jobs.figure import Figure, figures
from dicface.jobs.files import found, true_clips
from dicface.jobs.job import Job
from dicface.jobs.table import Table


@dataclass(frozen=True, kw_only=True)
class ReportPages(Job):
    """Write tables, figures, clips side by side, costs and provenance as pages."""

    name = "report_pages"
    kind = "report"
    leaves = ("**/*",)

    def waits_for(self) -> list[Path]:
        """Every table and figure, but for those of hours that nobody asked for yet."""
        run = self.run
        files = {name: Table(run=run, table=name).writes()[0] for name in self.plan.tables()}
        others = [each for target in FIGURES_OF_TABLES for each in self.plan.tables_of(target)]
        tables = [file for name, file in files.items() if name not in others or file.is_file()]
        shown = [Figure(run=run, figure=name).writes()[1] for name in figures(run.config)]
        return [*tables, *shown, run.truth_index]

    def writes(self) -> list[Path]:
        """The first page."""
        return [self.run.report / "index.html"]

    def depends_on(self) -> dict[str, Any]:
        """The remark on top; all else comes through files."""
        return {"remark": self.run.config.remark}

    def work(self) -> None:
        """See `write_report`."""
        from dicface.report.site import write_report

        write_report(self.run)

    def reads(self) -> Mapping[str, Iterable[Path]]:
        """Tables, figures, scores, clips and networks."""
        run = self.run
        patterns = ("tables/*", "figures/*", *(f"{task}/*/*.parquet" for task in TASKS))
        clips = [f"{task}/*/{name}" for task in TASKS for name in ("*.mkv", "index.json")]
        networks = ("*/stats.jsonl", "*/training.json", "*/weights.safetensors")
        patterns = (*patterns, "analysis/inspection/*.json")
        return {
            "shown": found(run.folder, *patterns, *clips),
            "clips": true_clips(run.truth),
            "networks": found(run.networks, *networks),
        }
