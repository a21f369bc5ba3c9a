"""Tables and pictures of a whole run, from the files that it left."""

from __future__ import annotations

import dataclasses
import json
import logging
from pathlib import Path

from baselines import create
from dicface.config import Config
from dicface.report.manifest import run_manifest, write_sidecar
from dicface.report.picture import comparison_picture
from dicface.report.render_table import write_table
from dicface.report.table1 import build_table1, table1_row
from dicface.report.tables import Row
from dicface.report.text import to_text
from dicface.weights import SEEDED, is_seeded
from dicface.workflow import TRAINED_METHODS

logger = logging.getLogger(__name__)

PAPER_NUMBERS = Path(__file__).resolve().parents[2] / "config" / "paper_numbers"

SEEDED_NOTE = (
    "seeded weights: drawn at random in the place of the released file, so that this row shows "
    "that the method runs; its numbers say nothing about the system"
)

COMPARISON = {
    "Input": "input",
    "CodeFormer": "codeformer_trained",
    "DicFace": "dicface_trained",
}
"""Columns of the comparison picture, before the truth: heading -> method."""


def write_table1(config: Config, run: Path, train: Path, out: Path) -> str:
    """Writes Table 1 of a run and returns it as text.

    Args:
        config: The run's settings.
        run: Its results; scores lie in `bfr/<method>/metrics.parquet`.
        train: Folder of its training stages.
        out: Folder of the tables.

    Raises:
        MetricError: Scores cannot be used together.
    """
    rows = [_row(config, method, run, train) for method in config.table1]
    table = build_table1(
        rows,
        title=f"Table 1. Blind face-video restoration: {run.name}, {config.data.size} px",
        noise_floor=run / "noise_floor.parquet",
        protocol_is_paper=config.protocol_is_paper,
        paper_numbers=PAPER_NUMBERS / "table1.csv",
    )
    written = write_table(table, out)
    manifest = run_manifest(
        run_folder=run,
        config=_plain(config),
        command=["snakemake", "table1"],
        inputs=[row.metrics for row in rows if row.metrics],
        weights=_trained_weights(config, train),
    )
    write_sidecar(written["md"], manifest)
    return to_text(table) + f"\nWritten to {written['md']}, .csv and .tex.\n"


def draw_comparison(run: Path, truth: Path, out: Path) -> None:
    """Draws input, CodeFormer, DicFace and truth of a run side by side (see `picture`)."""
    folders = {heading: run / "bfr" / method for heading, method in COMPARISON.items()}
    scores = run / "bfr" / "input" / "metrics.parquet"
    picture = comparison_picture({**folders, "Truth": truth}, scores, out)
    logger.info("%s: %s", out, picture.rule)


def _row(config: Config, method: str, run: Path, train: Path) -> Row:
    metrics = run / "bfr" / method / "metrics.parquet"
    stage = TRAINED_METHODS.get(method)
    weights = train / stage / "weights.safetensors" if stage else None
    made = create(method, weights=weights)
    reason = made.unavailable(size=config.data.size)
    if reason:
        return table1_row(method, reason=reason)
    if any(map(is_seeded, made.weights_files())):
        label = f"{made.facts.label} ({SEEDED})"
        return table1_row(method, label=label, metrics=metrics, notes=[SEEDED_NOTE])
    return table1_row(method, metrics=metrics, notes=[_training(train, stage)] if stage else [])


def _training(train: Path, stage: str) -> str:
    """What a trained row was given: "trained in this run: vqgan 800 steps (90 s), …; 412 s"."""
    lineage = []
    while stage:
        facts = json.loads((train / stage / "training.json").read_text())
        lineage.insert(0, facts)
        stage = facts["starts_from"]
    parts = [
        f"{facts['stage']} {facts['steps']} steps ({facts['seconds']:.0f} s)" for facts in lineage
    ]
    total = sum(facts["seconds"] for facts in lineage)
    threads = lineage[-1]["threads"]
    return (
        f"trained in this run on {threads} threads: {', '.join(parts)}; {total:.0f} s in all, "
        f"{lineage[-1]['parameters'] / 1e6:.2f} M parameters"
    )


def _trained_weights(config: Config, train: Path) -> dict[str, Path]:
    stages = [TRAINED_METHODS[method] for method in config.table1 if method in TRAINED_METHODS]
    return {stage: train / stage / "weights.safetensors" for stage in stages}


def _plain(config: Config) -> dict[str, object]:
    return json.loads(json.dumps(dataclasses.asdict(config)))
