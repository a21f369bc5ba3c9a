"""Table 1: blind face-video restoration, every system of the paper and what the run trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dicface.report.statistics import Distance
from dicface.report.tables import Row, Table, build_table

if TYPE_CHECKING:
    from dicface.metrics import MetricFacts

REFERENCE = "Reference"
PAPER_SYSTEMS = "Systems of the paper"
TRAINED = "Trained in this run"
ADDED = "Added methods"

SYSTEMS: dict[str, tuple[str, str, str | None]] = {
    "input": ("Degraded input", REFERENCE, None),
    "gpen": ("GPEN", PAPER_SYSTEMS, "GPEN"),
    "gfpgan": ("GFPGAN", PAPER_SYSTEMS, "GFPGAN"),
    "codeformer": ("CodeFormer", PAPER_SYSTEMS, "CodeFormer"),
    "realbasicvsr": ("RealBasicVSR", PAPER_SYSTEMS, "RealBasicVSR"),
    "basicvsrpp": ("BasicVSR++", PAPER_SYSTEMS, "BasicVSR++"),
    "pgtformer": ("PGTFormer", PAPER_SYSTEMS, "PGTFormer"),
    "keep": ("KEEP", PAPER_SYSTEMS, "KEEP"),
    "dicface": ("DicFace (released)", PAPER_SYSTEMS, "DicFace"),
    "codeformer_trained": ("CodeFormer (trained)", TRAINED, "CodeFormer"),
    "dicface_trained": ("DicFace (trained)", TRAINED, "DicFace"),
}
"""Method id -> label, group, name in the paper's table; in printed order."""

PAIRS = (("dicface_trained", "input"), ("dicface_trained", "codeformer_trained"))
"""Differences that Table 1 reports for every metric, whatever their sign."""


def table1_row(
    method: str,
    *,
    metrics: Path | None = None,
    reason: str | None = None,
    notes: Sequence[str] = (),
    label: str | None = None,
) -> Row:
    """Makes a row of Table 1; a method that the paper does not have stands under "Added methods".

    Args:
        method: Method id.
        metrics: Its `metrics.parquet`; None when it did not run.
        reason: Why it did not run; None when it did.
        notes: Footnotes, for example what training it had.
        label: What the table prints; None: the paper's name, or the id.
    """
    known, group, paper_name = SYSTEMS.get(method, (method, ADDED, None))
    return Row(
        method=method,
        label=label or known,
        group=group,
        metrics=metrics,
        reason=reason,
        notes=tuple(notes),
        paper_name=paper_name,
    )


def build_table1(
    rows: Sequence[Row],
    *,
    title: str = "Table 1. Blind face-video restoration",
    metrics: Sequence[MetricFacts] | None = None,
    clips: Sequence[str] | None = None,
    noise_floor: Path | None = None,
    protocol_is_paper: bool = False,
    paper_numbers: Path | None = None,
    notes: Sequence[str] = (),
    distance: Distance | None = None,
) -> Table:
    """Builds Table 1 with a row for every system of the paper.

    Systems of `SYSTEMS` that are not among `rows` get a row that says so. The order is that of
    `SYSTEMS`, then added methods as given. All other arguments are those of `build_table`.

    Raises:
        ConfigError: Two rows have one name.
        MetricError: A scores file cannot be used, or rows differ in backbone, protocol or clips.
    """
    given = {row.method for row in rows}
    absent = [
        table1_row(method, reason="it was not asked for in this run")
        for method in SYSTEMS
        if method not in given
    ]
    order = {method: position for position, method in enumerate(SYSTEMS)}
    return build_table(
        name="table1",
        title=title,
        rows=sorted([*rows, *absent], key=lambda row: order.get(row.method, len(order))),
        metrics=metrics,
        pairs=PAIRS,
        clips=clips,
        noise_floor=noise_floor,
        protocol_is_paper=protocol_is_paper,
        paper_numbers=paper_numbers,
        notes=("The degraded input is ranked like every other row.", *notes),
        distance=distance,
    )
