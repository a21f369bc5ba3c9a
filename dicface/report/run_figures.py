"""The paper's figures of a whole run: which methods, clips and networks stand in each."""

from __future__ import annotations

import logging
from pathlib import Path

from dicface.base.errors import ConfigError
from dicface.config.networks import network
from dicface.config.settings import STAGES, Config
from dicface.config.systems import FIGURES, TASK_OF_GRID, method_network
from dicface.report import figures
from dicface.report.figures import Drawn
from dicface.report.run import declare
from dicface.report.tables.spec import RowSpec
from dicface.runs.results import restored_clips

logger = logging.getLogger(__name__)


def draw_figure(
    config: Config, name: str, *, run: Path, train: Path, truth: Path, out: Path
) -> Drawn:
    """Draws one figure of a run as PDF and PNG, with its caption beside it.

    Args:
        config: The run's settings.
        name: One of `dicface.config.systems.FIGURES`.
        run: Its results.
        train: Folder of its networks.
        truth: Folder of the true clips.
        out: Folder of the figures.

    Raises:
        ConfigError: There is no such figure.
        MetricError: Scores, landmarks or code weights are missing or cannot be used.
        ClipError: Clips are missing or differ in size or length.
    """
    path = out / name
    if name in TASK_OF_GRID:
        task = TASK_OF_GRID[name]
        drawn = figures.draw_grid(
            {**_folders(config, task, run), "Truth": truth},
            run / task / "input" / "metrics.parquet",
            path,
            landmarks=run / task / "input" / "landmarks.npz",
        )
    elif name == "figure6":
        scores = run / "bfr" / "input" / "metrics.parquet"
        drawn = figures.draw_landmark_errors(_folders(config, "bfr", run), scores, path)
    elif name == "figure7":
        columns = {**_folders(config, "bfr", run), "Truth": truth}
        scores = run / "bfr" / "input" / "metrics.parquet"
        landmarks = scores.with_name("landmarks.npz")
        drawn = figures.draw_slices(columns, scores, landmarks, path)
    elif name == "figure8a":
        drawn = figures.draw_priors(_code_weights(config, run), path)
    elif name == "figure8b":
        label, weights = _headline(config, run)
        drawn = figures.draw_spread(weights, path, label=label)
    elif name == "training_curves":
        stages = [each for each in STAGES if not network(config, each).train.released]
        stats = {stage: train / stage / "stats.jsonl" for stage in stages}
        drawn = figures.draw_training_curves(stats, path)
    else:
        raise ConfigError(f"no figure is named '{name}'; there are {', '.join(FIGURES)}.")
    logger.info("%s: %s", path, drawn.caption)
    return drawn


def figure_inputs(config: Config, name: str, *, run: Path, train: Path, truth: Path) -> list[Path]:
    """Returns the files of the run that a figure is drawn from (arguments as `draw_figure`)."""
    if name == "training_curves":
        return [train / stage / "stats.jsonl" for stage in STAGES]
    if name == "figure8a":
        return list(_code_weights(config, run).values())
    if name == "figure8b":
        return [_headline(config, run)[1]]
    task = TASK_OF_GRID.get(name, "bfr")
    folders = _folders(config, task, run).values()
    order = run / task / "input" / "metrics.parquet"
    if name == "figure6":
        return [order, *(folder / "landmarks.npz" for folder in folders)]
    shown = [path for each in (*folders, truth) for path in restored_clips(each).values()]
    return [order, order.with_name("landmarks.npz"), *shown]


def _folders(config: Config, task: str, run: Path) -> dict[str, Path]:
    """Heading -> folder of every scored method of a task, the input first."""
    spec = declare(config, "table1" if task == "bfr" else "table2")
    rows = [row for row in spec.rows if row.block in ("", task)]
    made = [row for row in rows if (run / task / row.method / "metrics.parquet").is_file()]
    return {_heading(row): run / task / row.method for row in made}


def _heading(row: RowSpec) -> str:
    return "Input" if row.method == "input" else row.label


def _code_weights(config: Config, run: Path) -> dict[str, Path]:
    """Label -> code weights of the networks of the prior's ablation."""
    rows = declare(config, "table3").rows
    return {row.label: code_weights_file(config, row.method, run) for row in rows}


def _headline(config: Config, run: Path) -> tuple[str, Path]:
    rows = declare(config, "table3").rows
    (row,) = (row for row in rows if row.method == "dicface_trained")
    return row.label, code_weights_file(config, row.method, run)


def code_weights_file(config: Config, method: str, run: Path) -> Path:
    """Where the code weights of a trained method or variant lie."""
    return run / "analysis" / "code_weights" / f"{method_network(config, method)}.npz"
