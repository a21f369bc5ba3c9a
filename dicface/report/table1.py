"""Table 1: blind face-video restoration, every system of the paper and what the run trained."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dicface.report.picture import Picture, comparison_picture
from dicface.report.render_table import to_text, write_table
from dicface.report.statistics import Distance
from dicface.report.tables import Row, Table, build_table

if TYPE_CHECKING:
    from dicface.config import Config
    from dicface.metrics import MetricFacts

logger = logging.getLogger(__name__)

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


def write_table1(config: Config, run: str | Path, train: str | Path, out: str | Path) -> str:
    """Writes Table 1 of a run and returns it as plain text.

    Args:
        config: The run's configuration; `table1` lists the methods.
        run: The run's results: `bfr/<method>/metrics.parquet`, `noise_floor.parquet` if measured.
        train: Its training folder: `train/<stage>/training.json` of the stages.
        out: Where `table1.{md,csv,tex}` and `table1_differences.csv` go.

    Raises:
        MetricError: A scores file cannot be used, or rows differ in backbone, protocol or clips.
        MethodError: The configuration names an unknown method.
    """
    run, train = Path(run), Path(train)
    noise_floor = run / "noise_floor.parquet"
    table = build_table1(
        [_row_of_run(name, config, run, train) for name in config.table1],
        title=f"Table 1. Blind face-video restoration, {run.name}",
        noise_floor=noise_floor if noise_floor.is_file() else None,
        paper_numbers=Path("config/paper_numbers/table1.csv"),
        notes=[
            f"Faces are {config.data.size} × {config.data.size} px; landmark distances are in px "
            "of a 512-px face."
        ],
    )
    write_table(table, out)
    return to_text(table)


def draw_demo_picture(config: Config, run: str | Path, out: str | Path) -> Picture:
    """Draws input, CodeFormer and DicFace of the run, and the truth, side by side.

    Raises:
        ClipError: A clip is missing or does not fit its truth.
        MetricError: The input has not been scored.
    """
    run = Path(run)
    own = config.test_clips or config.data.test.source == "folder"
    picture = comparison_picture(
        {
            "Degraded input": run / "bfr" / "input",
            "CodeFormer (per frame)": run / "bfr" / "codeformer_trained",
            "DicFace (5 frames)": run / "bfr" / "dicface_trained",
            "Truth": run / "clips" / ("own" if own else "test"),
        },
        run / "bfr" / "input" / "metrics.parquet",
        out,
    )
    logger.info("%s: %s", picture.path, picture.rule)
    return picture


def _row_of_run(method: str, config: Config, run: Path, train: Path) -> Row:
    """The row of one method, from its scores if there are any."""
    import baselines

    facts = baselines.method(method).facts
    scores = run / "bfr" / method / "metrics.parquet"
    if not scores.is_file():
        reason = baselines.unavailable(method, size=config.data.size)
        return table1_row(
            method,
            reason=reason or "it can run on this machine and was not scored in this run",
            label=facts.label,
        )
    last = {"codeformer_trained": "fusion", "dicface_trained": "dicface"}.get(method)
    notes = [_training_of(train, last)] if last else list(facts.notes)
    return table1_row(method, metrics=scores, notes=notes, label=facts.label)


def _training_of(train: Path, stage: str) -> str:
    """One sentence on the training of a network of the run, stage by stage from the first."""
    parts: list[str] = []
    threads = 0
    while stage:
        path = train / "train" / stage / "training.json"
        if not path.is_file():
            return "Trained elsewhere: no record of its training lies in this run."
        facts = json.loads(path.read_text())
        parts.append(
            f"{stage} {facts['steps']} steps, {facts['frames_seen']} frames, "
            f"{facts['seconds']:.0f} s, {facts['parameters_trained']:,} parameters trained"
        )
        threads = max(threads, facts["threads"])
        stage = facts["starts_from"]
    return f"Trained in this run ({threads} CPU threads): {'; then '.join(parts[::-1])}."
