"""One row of a table: whose scores it shows, or why it has none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dicface.base.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a table: scores of a method, or the reason why there are none.

    Attributes:
        method: Id of the method; unique within its block.
        label: What the table prints.
        group: Heading under which the row stands.
        metrics: Its `metrics.parquet`; None when it did not run.
        reason: Why it did not run; None when it did.
        notes: Footnotes of the row, for example what it was trained on.
        paper_name: Its name in the paper's table; None when it is not there.
        replicates: `metrics.parquet` of its further trainings.
        block: Rows are ranked and compared within a block (a task, in Table 2).
    """

    method: str
    label: str
    group: str
    metrics: Path | None = None
    reason: str | None = None
    notes: tuple[str, ...] = ()
    paper_name: str | None = None
    replicates: tuple[Path, ...] = ()
    block: str = ""

    def __post_init__(self) -> None:
        """Refuses a row with neither scores nor a reason, or with both."""
        if (self.metrics is None) == (not self.reason):
            raise ConfigError(
                f"row '{self.method}': found metrics={self.metrics}, reason={self.reason!r}; "
                "expected either a scores file or the reason why there is none."
            )
