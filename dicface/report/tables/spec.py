"""A table as declared: its rows, columns, reference and title, before anything was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dicface.report.tables.rows import Row

NOT_ASKED_FOR = "it was not asked for in this run"


@dataclass(frozen=True, kw_only=True)
class RowSpec:
    """A row as declared.

    Attributes:
        method: Id of the method or variant; unique within its block.
        label: What the table prints.
        group: Heading under which the row stands.
        block: Rows are ranked and compared within a block (a task, in Table 2).
        paper_name: Its name in the paper's table; None when it is not there.
    """

    method: str
    label: str
    group: str = ""
    block: str = ""
    paper_name: str | None = None

    def filled(
        self,
        *,
        metrics: Path | None = None,
        reason: str | None = None,
        notes: Sequence[str] = (),
        label: str | None = None,
        replicates: Sequence[Path] = (),
    ) -> Row:
        """The row with what became of it.

        Args:
            metrics: Its `metrics.parquet`; None when it did not run.
            reason: Why it did not run; None when it did.
            notes: Footnotes, for example what training it had.
            label: Printed instead of the declared label.
            replicates: `metrics.parquet` of further trainings.

        Raises:
            ConfigError: There is neither a scores file nor a reason, or both.
        """
        return Row(
            method=self.method,
            label=label or self.label,
            group=self.group,
            metrics=metrics,
            reason=reason,
            notes=tuple(notes),
            paper_name=self.paper_name,
            replicates=tuple(replicates),
            block=self.block,
        )


@dataclass(frozen=True, kw_only=True)
class TableSpec:
    """A table as declared.

    Attributes:
        name: File name without suffix, for example `table1`.
        title: Heading.
        rows: Rows in printed order; those of one block follow each other.
        shown: Ids of the metrics that are printed; the others are in the CSV alone. Empty: all.
        unranked: Methods that are best or second best of nothing.
        pairs: (a, b) of methods whose difference a - b is reported in any case.
        references: Every other row of a block is tested against the first of these that ran.
        notes: Notes on the whole table.
    """

    name: str
    title: str
    rows: tuple[RowSpec, ...]
    shown: tuple[str, ...] = ()
    unranked: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    references: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
