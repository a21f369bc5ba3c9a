"""Draws one figure of the run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicface.base.errors import ConfigError
from dicface.base.names import BLIND, HEADLINE
from dicface.config.networks import trained_stages
from dicface.config.settings import Config
from dicface.config.systems import (
    COLUMNS_OF_GRID,
    FIGURES,
    FIGURES_OF_TABLES,
    IN_A_COLUMN,
    TASK_OF_FIGURE,
    inspected,
    method_network,
    tables_of,
)
from dicface.jobs.job import Job, wildcard
from dicface.jobs.table import rows_of
from dicface.workflow.plan import Plan


def figures(config: Config) -> list[str]:
    """Returns the figures that can be drawn: Figure 8 shows Table 3, its second half our row.

    A configuration without that table goes without them; asked for by name they say so. On videos
    without a truth there is no figure. Those of tables that take hours are made with these.
    """
    if config.wild_clips:
        return []
    table3 = config.ablations.get("table3")
    able = {"figure8a": table3 is not None, "figure8b": table3 and HEADLINE in table3.rows}
    return [name for name in FIGURES if able.get(name, True)]


@dataclass(frozen=True, kw_only=True)
class Figure(Job):
    """Draw one figure as PDF, SVG and PNG, with its caption."""

    name = "figure"
    kind = "figure"
    algorithm = 2

    figure: str = wildcard(", ".join((*FIGURES, *FIGURES_OF_TABLES)))

    @classmethod
    def constraints(cls, plan: Plan) -> dict[str, Iterable[str]]:
        """Every figure."""
        return {"figure": (*FIGURES, *FIGURES_OF_TABLES)}

    def require_table(self) -> None:
        """The table that the figure shows is there.

        Raises:
            ConfigError: The configuration has it not.
        """
        if self.figure in FIGURES_OF_TABLES:
            if not tables_of(self.run.config, self.figure):
                raise ConfigError(
                    f"{self.figure}: found no table of `ablations` with `target: {self.figure}`, "
                    "which this figure shows; add one, as config/config.yaml has it."
                )
        elif self.figure not in figures(self.run.config):
            raise ConfigError(
                f"{self.figure}: found no ablations.table3 with the networks that it shows"
                f"{f' ({HEADLINE})' if self.figure == 'figure8b' else ''}; add the table, or its "
                "row."
            )

    def networks(self) -> list[str | None]:
        """The networks whose code weights Figure 8 shows (errors as `require_table`)."""
        self.require_table()
        config = self.run.config
        rows = [HEADLINE] if self.figure == "figure8b" else config.ablations["table3"].rows
        return [method_network(config, row) for row in rows]

    def waits_for(self) -> list[Path]:
        """Curves, code weights, tables, or clips and scores of its task."""
        run, plan = self.run, self.plan
        if self.figure in FIGURES_OF_TABLES:
            self.require_table()
            return self._tables()
        if self.figure == "training_curves":
            return [run.network(stage).weights for stage in trained_stages(run.config)]
        if self.figure in ("figure8a", "figure8b"):
            return [run.code_weights(network) for network in self.networks()]
        task = TASK_OF_FIGURE[self.figure]
        scores = [run.results(task, each).metrics for each in plan.methods_shown(self.figure)]
        return [*scores, run.truth_index]

    def writes(self) -> list[Path]:
        """Picture, vector graphics, caption."""
        return [
            self.run.figures / f"{self.figure}{end}" for end in (".png", ".pdf", ".svg", ".txt")
        ]

    @property
    def leaves(self) -> Sequence[str]:
        """These; where the figure has them, those for a column of a paper, and its points."""
        ends = (".png", ".pdf", ".svg", ".txt", ".csv", f"{IN_A_COLUMN}.pdf", f"{IN_A_COLUMN}.svg")
        return [f"{self.figure}{end}" for end in ends]

    def depends_on(self) -> dict[str, Any]:
        """The rows that it shows (errors as `require_table`)."""
        self.require_table()
        if self.figure == "training_curves":
            return {}
        if columns := COLUMNS_OF_GRID.get(self.figure):
            shown = self.run.config.table1
            return {"columns": {head: name for head, name in columns.items() if name in shown}}
        if self.figure in ("figure8a", "figure8b"):
            return rows_of(self.run, "table3")
        if self.figure in FIGURES_OF_TABLES:
            return {"tables": tables_of(self.run.config, self.figure)}
        is_table1 = TASK_OF_FIGURE[self.figure] == BLIND.id
        return rows_of(self.run, "table1" if is_table1 else "table2")

    def _tables(self) -> list[Path]:
        """The tables that the figure of their target shows, and what was found inside networks."""
        run, config = self.run, self.run.config
        tables = [run.tables / f"{file}.json" for file in self.plan.tables_of(self.figure)]
        names = tables_of(config, self.figure)
        networks = [each for name in names for each in inspected(config, name).values()]
        return [*tables, *map(run.inspection, dict.fromkeys(networks))]

    def work(self) -> None:
        """See `draw_figure`."""
        from dicface.report.run_figures import draw_figure

        draw_figure(self.run, self.figure)

    def reads(self) -> Mapping[str, Iterable[Path]]:
        """What it shows."""
        from dicface.report.run_figures import figure_inputs

        if self.figure in FIGURES_OF_TABLES:
            return {"shown": self._tables()}
        return {"shown": figure_inputs(self.run, self.figure)}
