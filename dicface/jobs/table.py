"""Writes one table of the run."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicface.base.errors import ConfigError
from dicface.base.names import BLIND, PANELS, WILD
from dicface.config.replicates import replicates_of
from dicface.config.systems import inspected, wild_rows
from dicface.jobs.job import Job, option, wildcard
from dicface.report import paper_numbers_of
from dicface.runs.folder import Run
from dicface.workflow.plan import Plan


def rows_of(run: Run, table: str) -> dict[str, Any]:
    """Returns a table's rows as declared, with their labels and the names that the paper has.

    Raises:
        ConfigError: There is no such table.
    """
    raw, variants = run.raw, run.config.variants
    if table == WILD:
        section, facts = list(wild_rows(run.config)), {"methods": raw["methods"]}
        rows = section
    elif table in PANELS:
        task = PANELS[table].task
        rows = raw["table1"] if task == BLIND.id else raw["table2"].get(task, [])
        section, facts = rows, {"methods": raw["methods"]}
    elif table in ("table1", "table2"):
        section, facts = raw[table], {"methods": raw["methods"]}
        tables = section.values() if table == "table2" else [section]
        rows = [row for each in tables for row in each]
    elif table in run.config.ablations:
        section, facts = raw["ablations"][table], {}
        rows = section["rows"]
    else:
        raise ConfigError(f"found no ablations.{table} in the configuration; add the table.")
    named = {row: variants[row] for row in rows if row in variants}
    labels = {row: [variant.label, variant.paper_name] for row, variant in named.items()}
    several = {row: n for row in rows if (n := len(replicates_of(run.config, row)))}
    facts |= {"replicates": several} if several else {}
    return {**facts, "table": section, "labels": labels}


@dataclass(frozen=True, kw_only=True)
class Table(Job):
    """Write a table: Table 1 or 2, or the variants of an ablation beside the headline model."""

    name = "table"
    kind = "table"

    table: str = wildcard(
        f"table1, table2, {', '.join(PANELS)}, wild, or the file name of an ablation: "
        "appendix_<name>"
    )
    undone: Sequence[tuple[str, str]] = option(
        "TASK/METHOD of rows that a run was to score and did not; they say why instead",
        (),
        nargs="*",
        type=lambda row: tuple(row.split("/", 1)),
    )

    @classmethod
    def constraints(cls, plan: Plan) -> dict[str, Iterable[str]]:
        """Every table of the configuration."""
        return {"table": plan.tables()}

    @property
    def declared(self) -> str:
        """What the configuration calls it: ablations have no prefix there.

        Raises:
            ConfigError: There is no such table.
        """
        tables = self.plan.tables()
        if self.table not in tables:
            raise ConfigError(f"no table is named '{self.table}'; there are {', '.join(tables)}.")
        return tables[self.table]

    @property
    def _paper_table(self) -> str:
        """What the paper's numbers are filed under."""
        return self.declared if self.declared == "table1" else self.table

    @property
    def folder(self) -> Path:
        """Where it goes: a part of a table stands apart from whole ones."""
        return self.run.partial_tables if self.undone else self.run.tables

    def waits_for(self) -> list[Path]:
        """Scores of all rows that can run here, the noise floor, the paper's numbers."""
        if self.declared in PANELS:
            return [self.run.panel_index(self.declared)]
        scored = self.plan.scored_in(self.declared)
        metrics = [self.run.results(task, method).metrics for task, method in scored]
        if self.run.is_wild:
            return [*metrics, self.run.truth_index]
        metrics += self.plan.published(self.declared)
        networks = inspected(self.run.config, self.declared).values()
        inspections = [self.run.inspection(each) for each in dict.fromkeys(networks)]
        paper = paper_numbers_of(self._paper_table)
        return [*metrics, self.run.noise_floor, *inspections, *paper]

    def writes(self) -> list[Path]:
        """The table for people, for programs, for the report's pages, and for a paper."""
        return [self.folder / f"{self.table}{end}" for end in (".md", ".csv", ".json", ".tex")]

    def depends_on(self) -> dict[str, Any]:
        """Rows, labels and remarks; the bytes of scores come through `waits_for`."""
        read = ("remark", "protocol_is_paper")
        return {**rows_of(self.run, self.declared), **{key: self.run.raw[key] for key in read}}

    def work(self) -> None:
        """See `write_run_table`; the table is printed too."""
        from dicface.report.run import write_run_table

        sys.stdout.write(write_run_table(self.run, self.declared, undone=self.undone))

    def reads(self) -> Mapping[str, Iterable[Path]]:
        """Scores and trainings of its rows."""
        from dicface.report.run import table_inputs

        return {"scores": table_inputs(self.run, self.declared, undone=self.undone)}

    @property
    def leaves(self) -> Sequence[str]:
        """The table, its paired differences, and the paper's table beside it."""
        ends = (".md", ".csv", ".tex", ".json", "_differences.csv", "_paper.md", "_paper.csv")
        return [f"{self.table}{end}" for end in ends]

    def seeds(self) -> Sequence[str]:
        """Resampled clips and flipped signs."""
        return ["report|bootstrap|<clips>", "report|sign flips|<clips>"]
