"""The paper's figures of a whole run: which methods, clips and networks stand in each."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from dicface.base.errors import ConfigError
from dicface.base.names import BLIND, HEADLINE, INPUT
from dicface.base.reading import is_there, read_json
from dicface.config.model import DicFaceSettings, VQGANSettings
from dicface.config.networks import network, trained_stages
from dicface.config.systems import (
    COLUMNS_OF_GRID,
    FIGURES,
    FIGURES_OF_TABLES,
    TASK_OF_FIGURE,
    TASK_OF_GRID,
    method_network,
    tables_of,
)
from dicface.report import figures
from dicface.report.figures import Drawn
from dicface.report.figures.collapse import COLUMNS
from dicface.report.inspection.notes import INSPECTION
from dicface.report.run import declare, file_name
from dicface.report.tables.spec import RowSpec, TableSpec
from dicface.report.tables.table import Table, read_table
from dicface.runs.folder import Run
from dicface.runs.results import Results, restored_clips

logger = logging.getLogger(__name__)


def draw_figure(run: Run, name: str) -> Drawn:
    """Draws one figure of a run as PDF and PNG, with its caption beside it.

    Args:
        run: The run.
        name: One of `dicface.config.systems.FIGURES` or `FIGURES_OF_TABLES`.

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
    elif name == "ladder":
        found = dict(_tables(run, name))
        tables = {spec.title: table for spec, table in found.items()}
        rungs = [row.label for row in next(iter(found)).rows]
        drawn = figures.draw_ladder(tables, rungs, path)
    elif name == "collapse":
        drawn = figures.draw_collapse(_swept(run), path, marks=_marks(run))
    elif name == "training_curves":
        stats = {stage: run.network(stage).stats for stage in trained_stages(run.config)}
        drawn = figures.draw_training_curves(stats, path)
    else:
        known = ", ".join((*FIGURES, *FIGURES_OF_TABLES))
        raise ConfigError(f"no figure is named '{name}'; there are {known}.")
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
    return {head: results.folder for head, results in found.items() if is_there(results.metrics)}


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


def _tables(run: Run, target: str) -> Iterator[tuple[TableSpec, Table]]:
    """The tables of a target, as declared and as they were written."""
    for name in tables_of(run.config, target):
        spec = declare(run.config, name)
        yield spec, read_table(run.tables / f"{file_name(run, spec)}.json")


def _swept(run: Run) -> pd.DataFrame:
    """The networks of the figure of the collapse (`figures.collapse.COLUMNS`)."""
    lines = []
    for spec, table in _tables(run, "collapse"):
        for row in spec.rows:
            own = network(run.config, method_network(run.config, row.method))
            sizes, file = own.sizes(), run.inspection(own.name)
            seen = read_json(file, INSPECTION)["posterior"] if is_there(file) else {}
            line = {
                "row": row.method,
                "label": row.label,
                "kl_scale": _in_units_of_eq7(own.train.kl_scale, sizes),
                "annealed": own.train.kl_anneal_steps > 0,
                "zero_started": sizes.temporal_start == "zero",
                "codes": sizes.codebook_size,
                "effective_codes": seen.get("effective_codes", float("nan")),
            }
            cells = table.cells[table.cells["method"] == row.method].set_index("metric")
            for metric in ("psnr", "tlme"):
                cell = cells.loc[metric]
                line |= {metric: cell["mean"]}
                line |= {f"{metric}_{end}": cell[end] for end in ("low", "high")}
            lines.append(line)
    return pd.DataFrame(lines, columns=COLUMNS)


def _marks(run: Run) -> dict[str, float]:
    """Who stands where on the axis of the figure of the collapse."""
    own = network(run.config, "dicface")
    weights = {
        "paper, eq. 7": 1.0,
        "release": _in_units_of_eq7("release", DicFaceSettings()),
        run.config.scale.replace("_", " "): _in_units_of_eq7(own.train.kl_scale, own.sizes()),
    }
    by_weight: dict[float, list[str]] = {}
    for name, weight in weights.items():
        by_weight.setdefault(weight, []).append(name)
    return {"; ".join(names): weight for weight, names in by_weight.items() if weight > 0}


def _in_units_of_eq7(scale: float | str, sizes: VQGANSettings) -> float:
    """`kl_scale` as a number: the release adds means over positions and over values."""
    return 3 * sizes.resolution**2 / sizes.latent_size**2 if scale == "release" else float(scale)


def code_weights_file(run: Run, method: str) -> Path:
    """Where the code weights of a trained method or variant lie."""
    return run.code_weights(method_network(run.config, method))
