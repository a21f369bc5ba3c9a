"""Figure 8: mean weights of the codes in descending order, per prior, and their spread."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dicface.base.errors import MetricError
from dicface.report.figures.style import Drawn, new_figure, save
from dicface.report.looks import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION
from dicface.restoring.code_weights import CodeWeights, read_code_weights

HEIGHT = 2.3
LINES = (
    (BLUE, "--"),
    (SKY, "-."),
    (VERMILLION, "-"),
    (ORANGE, ":"),
    (GREEN, (0, (5, 1, 1, 1, 1, 1))),
    (PURPLE, (0, (1, 1))),
)
"""Colour and dash of the priors in the order given."""

SMALLEST = 1e-9
"""Weights below are not drawn: a mean of so little is rounding in float32."""


def draw_priors(networks: Mapping[str, str | Path], path: str | Path) -> Drawn:
    """Draws figure 8a: mean sorted weights ŵ of networks trained with different priors.

    Args:
        networks: Label, such as "α = 1" -> the file that `measure_code_weights` wrote.
        path: Where to write, without suffix.

    Raises:
        MetricError: A file cannot be used, there is none or too many, or codebooks differ in size.
    """
    found = {label: read_code_weights(file) for label, file in networks.items()}
    _check(networks, found)
    size = len(next(iter(found.values())).mean)

    def build(width: float) -> Figure:
        figure = new_figure(width, HEIGHT)
        axis = figure.subplots()
        for (label, weights), (colour, dash) in zip(found.items(), LINES, strict=False):
            rank = np.arange(1, len(weights.mean) + 1)
            axis.plot(rank, _positive(weights.mean), color=colour, linestyle=dash, label=label)
        axis.axhline(1 / size, color="#999999", lw=0.6, zorder=0)
        axis.annotate(
            f"1/{size}",
            (1, 1 / size),
            (3, 0),
            xycoords=axis.get_yaxis_transform(),
            textcoords="offset points",
            fontsize=6,
            va="center",
        )
        axis.set(xscale="log", yscale="log", xlim=(1, size))
        axis.set(xlabel="Rank of the code", ylabel="Mean weight $E[\\hat{w}]$")
        axis.legend(title="Prior")
        return figure

    facts = next(iter(found.values())).facts
    caption = (
        "Expected weights of the codes, sorted in descending order at each position of the "
        f"latent grid, then averaged over {facts['positions']} positions of {facts['clips']} "
        f"degraded clips; both axes are logarithmic. 1/{size}: all codes alike."
    )
    return save(build, path, caption)


def draw_spread(weights: str | Path, path: str | Path, *, label: str = "") -> Drawn:
    """Draws figure 8b: mean sorted weights of one network with the band of their variance.

    Args:
        weights: The file that `measure_code_weights` wrote.
        path: Where to write, without suffix.
        label: Name of the network, for the legend.

    Raises:
        MetricError: The file cannot be used.
    """
    found = read_code_weights(weights)
    rank = np.arange(1, len(found.mean) + 1)
    spread = np.sqrt(found.variance)
    band = np.maximum(found.mean - spread, SMALLEST), found.mean + spread
    within = (
        np.sqrt(found.dirichlet_variance) if np.isfinite(found.dirichlet_variance).all() else ()
    )

    def build(width: float) -> Figure:
        figure = new_figure(width, HEIGHT)
        axis = figure.subplots()
        axis.fill_between(rank, *band, color=GREEN, alpha=0.3, lw=0, label="± 1 sd over positions")
        mean = f"Mean, {label}" if label else "Mean"
        axis.plot(rank, _positive(found.mean), color=VERMILLION, label=mean)
        axis.plot(rank, _positive(found.drawn), color=BLACK, ls=":", label="Drawn")
        if len(within):
            axis.plot(rank, _positive(within), color=BLUE, ls="--", label="sd of Dir(α̂)")
        axis.set(xscale="log", yscale="log", xlim=(1, len(rank)))
        axis.set(xlabel="Rank of the code", ylabel="Weight")
        axis.legend()
        return figure

    facts = found.facts
    drawn = " Dotted: weights as drawn, sorted, of which the paper's figure is made."
    own = " Dashed: standard deviation of a draw from the predicted Dir(α̂), closed form."
    caption = (
        "Mean of the expected weights of the codes, sorted at each position, and one "
        f"standard deviation over {facts['positions']} positions of {facts['clips']} degraded "
        f"clips.{drawn}{own if len(within) else ''}"
    )
    return save(build, path, caption)


def _positive(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values for a logarithmic axis: NaN, which draws nothing, where they are too small for it."""
    return np.where(values > SMALLEST, values, np.nan)


def _check(networks: Mapping[str, str | Path], found: Mapping[str, CodeWeights]) -> None:
    if not 0 < len(found) <= len(LINES):
        raise MetricError(
            f"a figure of the code weights of {len(found)} networks; expected 1 to {len(LINES)}."
        )
    sizes = {label: len(weights.mean) for label, weights in found.items()}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{networks[label]}: {size} codes" for label, size in sizes.items())
        raise MetricError(
            f"code weights of codebooks of different sizes ({listed}); expected one size in a "
            "figure. Leave the others out."
        )
