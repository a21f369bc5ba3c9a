"""The paper's figures of a whole run: which methods, clips and networks stand in each."""

from __future__ import annotations

import logging
from pathlib import Path

from dicface.base.errors import ConfigError
from dicface.base.names import BLIND, HEADLINE, INPUT
from dicface.config.networks import trained_stages
from dicface.config.systems import (
    COLUMNS_OF_GRID,
    FIGURES,
    TASK_OF_FIGURE,
    TASK_OF_GRID,
    method_network,
)
from dicface.report import figures
from dicface.report.figures import Drawn
from dicface.report.run import declare
from dicface.report.tables.spec import RowSpec
from dicface.runs.folder import Run
from dicface.runs.results import Results, restored_clips

logger = logging.getLogger(__name__)


def draw_figure(run: Run, name: str) -> Drawn:
    """Draws one figure of a run as PDF and PNG, with its caption beside it.

    Args:
        run: The run.
        name: One of `dicface.config.systems.FIGURES`.

    Raises:
        ConfigError: There is no such figure.
        MetricError: Scores, landmarks or code weights are missing or cannot be used.
        ClipError: Clips are missing or differ in size or length.
    """
    path, degraded = run.figures / name, run.results(TASK_OF_FIGURE.get(name, BLIND.id), INPUT)
    if name in TASK_OF_GRID:
        columns = {**_folders(run, name), "Truth": run.truth}
        for_web = name in COLUMNS_OF_GRID
        drawn = figures.draw_grid(
            columns, degraded.metrics, path, landmarks=degraded.landmarks, for_web=for_web
        )
    elif name.startswith("figure6"):
        drawn = figures.draw_landmark_errors(_folders(run, name), degraded.metrics, path)
    elif name.startswith("figure7"):
        columns = {**_folders(run, name), "Truth": run.truth}
        drawn = figures.draw_slices(columns, degraded.metrics, degraded.landmarks, path)
    elif name == "figure8a":
        drawn = figures.draw_priors(_code_weights(run), path)
    elif name == "figure8b":
        label, weights = _headline(run)
        drawn = figures.draw_spread(weights, path, label=label)
    elif name == "training_curves":
        stats = {stage: run.network(stage).stats for stage in trained_stages(run.config)}
        drawn = figures.draw_training_curves(stats, path)
    else:
        raise ConfigError(f"no figure is named '{name}'; there are {', '.join(FIGURES)}.")
    logger.info("%s: %s", path, drawn.caption)
    return drawn


def figure_inputs(run: Run, name: str) -> list[Path]:
    """Returns the files of the run that a figure is drawn from (arguments as `draw_figure`)."""
    if name == "training_curves":
        return [run.network(stage).stats for stage in trained_stages(run.config)]
    if name == "figure8a":
        return list(_code_weights(run).values())
    if name == "figure8b":
        return [_headline(run)[1]]
    degraded = run.results(TASK_OF_FIGURE.get(name, BLIND.id), INPUT)
    folders = _folders(run, name).values()
    if name.startswith("figure6"):
        return [degraded.metrics, *(Results(folder=folder).landmarks for folder in folders)]
    shown = [path for each in (*folders, run.truth) for path in restored_clips(each).values()]
    return [degraded.metrics, degraded.landmarks, *shown]


def _folders(run: Run, name: str) -> dict[str, Path]:
    """Heading -> folder of the scored methods that a figure shows, the input first."""
    task = TASK_OF_FIGURE.get(name, BLIND.id)
    spec = declare(run.config, "table1" if task == BLIND.id else "table2")
    shown = {_heading(row): row.method for row in spec.rows if row.block in ("", task)}
    if name in COLUMNS_OF_GRID:
        chosen = COLUMNS_OF_GRID[name]
        shown = {head: method for head, method in chosen.items() if method in shown.values()}
    found = {head: run.results(task, method) for head, method in shown.items()}
    return {head: results.folder for head, results in found.items() if results.metrics.is_file()}


def _heading(row: RowSpec) -> str:
    return "Input" if row.method == INPUT else row.label


def _code_weights(run: Run) -> dict[str, Path]:
    """Label -> code weights of the networks of the prior's ablation."""
    rows = declare(run.config, "table3").rows
    return {row.label: code_weights_file(run, row.method) for row in rows}


def _headline(run: Run) -> tuple[str, Path]:
    rows = declare(run.config, "table3").rows
    (row,) = (row for row in rows if row.method == HEADLINE)
    return row.label, code_weights_file(run, row.method)


def code_weights_file(run: Run, method: str) -> Path:
    """Where the code weights of a trained method or variant lie."""
    return run.code_weights(method_network(run.config, method))
