"""The paper's tables and those that go beyond it, declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dicface.base.names import HEADLINE, INPUT
from dicface.report.tables.spec import RowSpec, TableSpec

REFERENCE = "Reference"
PAPER_SYSTEMS = "Systems of the paper"
TRAINED = "Trained in this run"
ELSEWHERE = "Made elsewhere"

SYSTEMS: dict[str, RowSpec] = {
    row.method: row
    for row in (
        RowSpec(method="input", label="Degraded input", group=REFERENCE),
        RowSpec(method="gpen", label="GPEN", group=PAPER_SYSTEMS, paper_name="GPEN"),
        RowSpec(method="gfpgan", label="GFPGAN", group=PAPER_SYSTEMS, paper_name="GFPGAN"),
        RowSpec(
            method="codeformer", label="CodeFormer", group=PAPER_SYSTEMS, paper_name="CodeFormer"
        ),
        RowSpec(
            method="realbasicvsr",
            label="RealBasicVSR",
            group=PAPER_SYSTEMS,
            paper_name="RealBasicVSR",
        ),
        RowSpec(
            method="basicvsrpp", label="BasicVSR++", group=PAPER_SYSTEMS, paper_name="BasicVSR++"
        ),
        RowSpec(method="pgtformer", label="PGTFormer", group=PAPER_SYSTEMS, paper_name="PGTFormer"),
        RowSpec(method="keep", label="KEEP", group=PAPER_SYSTEMS, paper_name="KEEP"),
        RowSpec(method="pgdiff", label="PGDiff", group=PAPER_SYSTEMS, paper_name="PGDiff"),
        RowSpec(
            method="dicface", label="DicFace (released)", group=PAPER_SYSTEMS, paper_name="DicFace"
        ),
        RowSpec(
            method="codeformer_trained",
            label="CodeFormer (trained)",
            group=TRAINED,
            paper_name="CodeFormer",
        ),
        RowSpec(
            method="dicface_trained",
            label="DicFace (trained)",
            group=TRAINED,
            paper_name="DicFace",
        ),
    )
}
"""Every system that a table of the paper or of a run knows by name."""

TABLE1 = TableSpec(
    name="table1",
    title="Table 1. Blind face-video restoration",
    rows=tuple(row for method, row in SYSTEMS.items() if method != "pgdiff"),
    pairs=((HEADLINE, INPUT), (HEADLINE, "codeformer_trained")),
    references=(HEADLINE, "dicface"),
    notes=("The degraded input is ranked like every other row.",),
)

ABLATION_METRICS = ("psnr", "akd", "fvd", "tlme")
"""What the paper's ablations print."""


def table2(rows: Mapping[str, Sequence[RowSpec]]) -> TableSpec:
    """Table 2: a block for each task.

    Args:
        rows: Task -> its rows in printed order; `SYSTEMS` has those that need no training. A row
            that was trained here is tested against the others.
    """
    return TableSpec(
        name="table2",
        title="Table 2. Inpainting and colorization",
        rows=tuple(replace(row, block=task) for task, found in rows.items() for row in found),
        references=(
            *(row.method for found in rows.values() for row in found if row.group == TRAINED),
            "dicface",
        ),
        notes=TABLE1.notes,
    )


def ablation(
    name: str,
    title: str,
    rows: Sequence[RowSpec],
    *,
    headline: str = "",
    paper_headline: str = "",
) -> TableSpec:
    """Table 3, Table 4, or a table of the appendix (`appendix_<name>`).

    Args:
        name: "table3", "table4", or a short name such as "codebook".
        title: Heading.
        rows: Variants in printed order.
        headline: What the headline model is called among the variants; empty: as everywhere.
        paper_headline: Its row in the paper's table; empty: the paper has none.
    """
    called = {"label": headline} if headline else {}
    known = [
        replace(row, paper_name=paper_headline or None, **called) if row.method == HEADLINE else row
        for row in rows
    ]
    return TableSpec(
        name=name if name.startswith("table") else f"appendix_{name}",
        title=title,
        rows=tuple(known),
        shown=ABLATION_METRICS,
        references=(HEADLINE,),
    )
