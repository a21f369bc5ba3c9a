"""The paper's tables and those that go beyond it, declared."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from dicface.base.names import (
    BLURRED,
    FROZEN,
    HEADLINE,
    INPUT,
    MEAN_OF_5,
    OVER_TIME,
    PANELS,
    SHUFFLED,
    TRUTH,
    WILD,
    control_kind,
    controlled,
)
from dicface.config.settings import BEFORE
from dicface.methods import TRAINED, method
from dicface.report.tables.spec import RowSpec, TableSpec

ELSEWHERE = "Made elsewhere"
PUBLISHED = "Published records"
CONTROLS = {
    MEAN_OF_5: "Means of five frames",
    FROZEN: "Frozen frames",
    BLURRED: "Blurred frames",
    SHUFFLED: "Shuffled frames",
}
"""Kind of control -> heading of its rows."""

OF_THE_TRUTH = "The truth, and what is made of it"

NOTES_OVER_TIME = (
    "Input, truth and controls take no rank. What the truth reads is what a perfect method reads: "
    "a film that reads better is steadier, or stiller, than it should be. A control that does well "
    "says what a column does not see.",
)

OVER_TIME_SHOWN = (
    *("tlme", "warping_error", "flow_error", "flicker_fast", "flicker_error", "jitter"),
    *("shape_flicker", "identity_steps"),
)
"""What the table over time prints; the slower bands are in its CSV."""

NOTES_WITHOUT_TRUTH = (
    "There is no truth: no number here says that a face is right. Input, means and frozen frames "
    "are controls and take no rank; where a frozen frame does best, steadiness is all that a "
    "column sees.",
)

WILD_SHOWN = (
    *("niqe", "musiq", "clipiqa", "topiq", "jitter", "shape_flicker", "warping_error"),
    *("flicker_fast", "identity_steps", "identity_input"),
)
"""What the table without a truth prints; the other bands and regions are in its CSV."""

NOTES = ("The degraded input is ranked like every other row.",)
"""Notes on the tables that compare systems."""

NOTE_ON_STEPS = "Each row is tested against the row before it; a paired difference is one step."

NOTE_ON_WEIGHT = (
    "Priors are compared at one weight of the divergence; what other weights do to the codes, "
    "`snakemake collapse` shows (docs/ablations.md)."
)

ABLATION_METRICS = ("psnr", "akd", "fvd", "tlme")
"""What the paper's ablations print."""


def system(name: str) -> RowSpec:
    """The row of a restoration method, as its facts declare it.

    Raises:
        MethodError: There is no such method, or it cannot be used.
    """
    if source := controlled(name):
        return control_of(system(source), control_kind(name))
    if name == TRUTH:
        return RowSpec(method=TRUTH, label="Truth", group=OF_THE_TRUTH)
    facts = method(name).facts
    return RowSpec(
        method=name, label=facts.label, group=facts.group, paper_name=facts.paper_name or None
    )


def published_note(made: str, digest: str) -> str:
    """What the table says of a row that is a record of somebody else's."""
    when = f" of {made[:10]}" if made else ""
    return (
        f"from a published record{when} (sha256 {digest[:12]}…), its numbers as they stand there; "
        "set-level metrics cannot be compared without its features"
    )


def control_of(row: RowSpec, kind: str) -> RowSpec:
    """The row of a control of what another row restored."""
    words = {
        MEAN_OF_5: "mean of 5",
        FROZEN: "first frame",
        BLURRED: "blurred",
        SHUFFLED: "shuffled",
    }
    return RowSpec(
        method=f"{row.method}{kind}",
        label=f"{row.label}, {words[kind]}",
        group=row.group if row.method == TRUTH else CONTROLS[kind],
        block=row.block,
    )


def table1(rows: Sequence[RowSpec]) -> TableSpec:
    """Table 1.

    Args:
        rows: In printed order.
    """
    return TableSpec(
        name="table1",
        title="Table 1. Blind face-video restoration",
        rows=tuple(rows),
        pairs=_headline_pairs(rows),
        references=(HEADLINE, "dicface"),
        notes=NOTES,
    )


def _headline_pairs(rows: Sequence[RowSpec]) -> tuple[tuple[str, str], ...]:
    """The run's DicFace with its input and with CodeFormer, where the rows have both."""
    shown = {row.method for row in rows}
    pairs = ((HEADLINE, INPUT), (HEADLINE, "codeformer_trained"))
    return tuple(pair for pair in pairs if shown.issuperset(pair))


def wild(rows: Sequence[RowSpec], measured: Collection[str]) -> TableSpec:
    """The table of clips without a truth; its controls take part in no ranking.

    Args:
        rows: In printed order.
        measured: Metrics that can be measured here.
    """
    found = {row.method for row in rows}
    pairs = ((HEADLINE, INPUT), (HEADLINE, "codeformer_trained"))
    return TableSpec(
        name=WILD,
        title="In the wild. Degraded videos without a truth",
        rows=tuple(rows),
        shown=tuple(name for name in WILD_SHOWN if name in measured),
        unranked=tuple(row.method for row in rows if row.method == INPUT or controlled(row.method)),
        pairs=tuple(pair for pair in pairs if found.issuperset(pair)),
        references=(HEADLINE, "dicface"),
        notes=NOTES_WITHOUT_TRUTH,
    )


def panel(name: str, rows: Sequence[RowSpec]) -> TableSpec:
    """Rows of Table 2 measured by region or in colour; a row trained here is tested.

    Args:
        name: A key of `dicface.base.names.PANELS`.
        rows: Of its task, in printed order.
    """
    trained = (row.method for row in rows if row.group == TRAINED)
    return TableSpec(
        name=name,
        title=PANELS[name].title,
        rows=tuple(rows),
        references=(*trained, "dicface"),
        notes=NOTES,
    )


def over_time(rows: Sequence[RowSpec]) -> TableSpec:
    """The rows of Table 1 and controls of the truth, measured over time.

    Args:
        rows: In printed order.
    """
    return TableSpec(
        name=OVER_TIME.id,
        title=OVER_TIME.title,
        rows=tuple(rows),
        shown=OVER_TIME_SHOWN,
        unranked=tuple(
            row.method for row in rows if row.method in (INPUT, TRUTH) or controlled(row.method)
        ),
        pairs=_headline_pairs(rows),
        references=(HEADLINE, "dicface"),
        notes=NOTES_OVER_TIME,
    )


def table2(rows: Mapping[str, Sequence[RowSpec]]) -> TableSpec:
    """Table 2: a block for each task.

    Args:
        rows: Task -> its rows in printed order. A row that was trained here is tested against the
            others.
    """
    return TableSpec(
        name="table2",
        title="Table 2. Inpainting and colorization",
        rows=tuple(replace(row, block=task) for task, found in rows.items() for row in found),
        references=(
            *(row.method for found in rows.values() for row in found if row.group == TRAINED),
            "dicface",
        ),
        notes=NOTES,
    )


def ablation(
    name: str,
    title: str,
    rows: Sequence[RowSpec],
    *,
    headline: str = "",
    paper_headline: str = "",
    against: str = "",
    shown: Sequence[str] = (),
) -> TableSpec:
    """Table 3, Table 4, or a table of the appendix (`appendix_<name>`).

    Args:
        name: "table3", "table4", or a short name such as "codebook".
        title: Heading.
        rows: Variants in printed order.
        headline: What the headline model is called among the variants; empty: as everywhere.
        paper_headline: Its row in the paper's table; empty: the paper has none.
        against: The row that others are tested against, or `BEFORE`; empty: the headline model.
        shown: Metrics that are printed; empty: what the paper's ablations print.
    """
    is_ladder = against == BEFORE
    steps = [(row.method, before.method) for before, row in itertools.pairwise(rows)]
    called = {"label": headline} if headline else {}
    known = [
        replace(row, paper_name=paper_headline or None, **called) if row.method == HEADLINE else row
        for row in rows
    ]
    return TableSpec(
        name=name if name.startswith("table") else f"appendix_{name}",
        title=title,
        rows=tuple(known),
        shown=tuple(shown) or ABLATION_METRICS,
        pairs=tuple(steps) if is_ladder else (),
        references=() if is_ladder else (against or HEADLINE,),
        notes=(NOTE_ON_STEPS,) * is_ladder + (NOTE_ON_WEIGHT,) * (name == "table3"),
    )
