"""Training curves: the losses of every trained network against its steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from dicface.base.errors import MetricError
from dicface.report.figures.style import Drawn, legend_columns, new_figure, save
from dicface.report.looks import COLOURS
from dicface.runs.files import read_steps

LEGEND_COLUMNS = 5
PANEL_WIDTH, PANEL_HEIGHT = 1.7, 1.45
"""Inches; at least so wide."""
MAX_PER_LINE = 3

NARROW, WIDE = 8, 300
"""Largest over smallest value of a loss, for the numbers on its axis."""

NO_LOSS = ("step", "learning_rate")
NAMES = {
    "l1": "L1",
    "vq": "Vector quantisation",
    "kl": "KL(Dir(α̂) ‖ Dir(α))",
    "lpips": "LPIPS",
    "feature": "Distance to the true latent",
    "cross_entropy": "Cross-entropy of the codes",
}
"""Headings of losses that need words; others keep the name that training gave them."""


def read_stats(path: str | Path) -> pd.DataFrame:
    """Reads `stats.jsonl` of a training stage: step and one column a loss.

    Raises:
        TrainingError: The file is missing or a line is damaged.
        MetricError: It holds no line.
    """
    if rows := read_steps(path):
        return pd.DataFrame(rows)
    raise MetricError(f"{path}: holds no step yet; expected one line or more.")


def draw_training_curves(networks: Mapping[str, str | Path], path: str | Path) -> Drawn:
    """Draws a panel a loss and a line a network.

    Args:
        networks: Label -> `stats.jsonl` of its training.
        path: Where to write, without suffix.

    Raises:
        MetricError: A file cannot be used, or there is none.
    """
    if not networks:
        raise MetricError("training curves of no network; expected one or more.")
    stats = {label: read_stats(file) for label, file in networks.items()}
    losses = list(
        dict.fromkeys(c for table in stats.values() for c in table.columns if c not in NO_LOSS)
    )
    caption = (
        f"Losses of {len(stats)} trained networks against the steps of their training, "
        "unweighted: means over the steps since the point before; logarithmic where all values "
        "are positive."
    )
    return save(lambda width: _figure(stats, losses, width), path, caption)


def _figure(stats: Mapping[str, pd.DataFrame], losses: Sequence[str], width: float) -> Figure:
    per_line = min(MAX_PER_LINE, int(width / PANEL_WIDTH), len(losses))
    lines = -(-len(losses) // per_line)
    columns = legend_columns(stats, min(LEGEND_COLUMNS, len(stats)), width)
    legend = -(-len(stats) // columns)
    figure = new_figure(width, lines * PANEL_HEIGHT + 0.25 + 0.16 * legend)
    panels = figure.subplots(lines, per_line, squeeze=False).ravel()
    looks = list(product(("-", "--", ":", "-."), COLOURS))
    lines_of = {}
    for number, (label, table) in enumerate(stats.items()):
        dash, colour = looks[number % len(looks)]
        for axis, loss in zip(panels, losses, strict=False):
            if loss in table:
                known = table[["step", loss]].dropna()
                (line,) = axis.plot(known["step"], known[loss], color=colour, linestyle=dash)
                lines_of[label] = line
    for axis, loss in zip(panels, losses, strict=False):
        _finish(axis, NAMES.get(loss, loss.replace("_", " ")))
    for axis in panels[len(losses) :]:
        axis.set_visible(False)
    figure.supxlabel("Step", fontsize=8)
    figure.legend(
        lines_of.values(),
        lines_of.keys(),
        loc="outside upper center",
        ncols=columns,
    )
    return figure


def _finish(axis: Axes, title: str) -> None:
    values = np.concatenate([line.get_ydata() for line in axis.lines])
    round_numbers = MaxNLocator(4, steps=[1, 2, 5, 10])
    axis.yaxis.set_major_locator(round_numbers)
    if (values > 0).all():
        axis.set_yscale("log")
        # Powers of ten alone would leave a narrow range without a number.
        span = values.max() / values.min()
        powers = LogLocator(subs=(1, 3) if span < WIDE else (1,))
        axis.yaxis.set_major_locator(round_numbers if span < NARROW else powers)
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.yaxis.set_minor_locator(NullLocator())
    axis.set_title(title, pad=3)
    axis.grid(axis="y")
    axis.set_xlim(left=0)
    axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
