"""When the posterior collapses: what networks do over the weight of the divergence in training."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from dicface.base.errors import MetricError
from dicface.base.files import atomic_path
from dicface.report.figures.style import TEXT_WIDTH, Drawn, new_figure, save
from dicface.report.looks import BLUE, ORANGE

HEIGHT = 2.7
COLUMNS = (
    *("row", "label", "kl_scale", "annealed", "zero_started", "codes", "effective_codes"),
    *(f"{metric}{end}" for metric in ("psnr", "tlme") for end in ("", "_low", "_high")),
)
"""Of the points: a row's name and label, its settings, N, and what was measured."""

LINES = {
    (True, True): ("annealed, zero start", BLUE, "-", "o"),
    (False, True): ("at once, zero start", BLUE, "--", "s"),
    (True, False): ("annealed, random start", ORANGE, "-", "o"),
    (False, False): ("at once, random start", ORANGE, "--", "s"),
}
"""Whether the weight grows from 0, and whether the temporal layers begin at 0 -> name and look."""

PANELS = {
    "effective_codes": "Effective codes, exp(entropy)",
    "psnr": "PSNR, dB",
    "tlme": "TLME, px",
}


def draw_collapse(points: pd.DataFrame, path: str | Path, *, marks: Mapping[str, float]) -> Drawn:
    """Draws effective codes, PSNR and TLME over the weight of the divergence.

    Writes the points beside it, `<path>.csv`.

    Args:
        points: A line a network, of the columns `COLUMNS`; `kl_scale` in the units of eq. 7, 0
            without the divergence. NaN where something was not measured.
        path: Where to write, without suffix.
        marks: Who stands where on that axis: a name -> its weight.

    Raises:
        MetricError: No network of the points was trained with the divergence.
    """
    weighed = points["kl_scale"][points["kl_scale"] > 0]
    if weighed.empty:
        raise MetricError(
            "a collapse without any kl_scale above 0; expected rows over several of them."
        )
    path = Path(path)
    with atomic_path(path.with_suffix(".csv")) as temporary:
        points[list(COLUMNS)].to_csv(temporary, index=False, float_format="%.6g")
    # A logarithmic axis has no 0: "none" stands a decade to the left.
    none = weighed.min() / 10
    at = points.assign(x=points["kl_scale"].where(points["kl_scale"] > 0, none))

    def build(width: float) -> Figure:
        figure = new_figure(width, HEIGHT)
        panels = figure.subplots(1, len(PANELS))
        for axis, (column, title) in zip(panels, PANELS.items(), strict=True):
            for (annealed, zero), (name, colour, dash, marker) in LINES.items():
                chosen = (at["annealed"] == annealed) & (at["zero_started"] == zero)
                line = at[chosen & at[column].notna()].sort_values("x")
                style = {"color": colour, "linestyle": dash, "marker": marker, "label": name}
                face = colour if zero else "white"
                axis.plot(line["x"], line[column], markerfacecolor=face, **style)
            axis.set_title(title, pad=11)
            _finish(axis, none if (points["kl_scale"] == 0).any() else None)
        codes = points["codes"].max()
        panels[0].axhline(codes, color="#999999", lw=0.6, zorder=0)
        panels[0].annotate(f"N = {codes:.0f}", (0.02, codes), (0, -7), fontsize=6, **_INSIDE)
        panels[0].set(yscale="log", ylim=(None, 1.15 * codes))
        panels[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panels[0].yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panels[0].yaxis.set_minor_locator(NullLocator())
        for axis, (name, weight) in product(panels, marks.items()):
            axis.axvline(weight, color="#555555", lw=0.6, ls=":", zorder=0)
            axis.annotate(name, (weight, 1), (0, 1), ha="center", va="bottom", fontsize=6, **_ABOVE)
        figure.supxlabel("Weight of the divergence (kl_scale, in the units of eq. 7)", fontsize=8)
        shown = panels[0].get_legend_handles_labels()
        figure.legend(*shown, loc="outside upper center", ncols=len(LINES))
        return figure

    listed = ", ".join(f"{name} at {weight:g}" for name, weight in marks.items())
    caption = (
        "Networks that differ in the weight of the divergence, in whether it grows from 0 in "
        "the first steps, and in whether the temporal layers begin at outputs of 0. Effective "
        "codes: exp(entropy) of the expected weights of a position, of N; where they reach N "
        "the latent is the same whatever the input. 1 on the axis is the evidence lower bound "
        f"of eq. 7. Dotted: {listed}. Points: {path.stem}.csv; intervals: its table."
    )
    return save(build, path, caption, widths=(TEXT_WIDTH,))


_INSIDE = {"textcoords": "offset points", "xycoords": ("axes fraction", "data")}
_ABOVE = {"textcoords": "offset points", "xycoords": ("data", "axes fraction")}


def _finish(axis: Axes, none: float | None) -> None:
    """The logarithmic axis, on which "none" stands where no divergence takes part."""
    axis.set_xscale("log")
    axis.grid(axis="y")
    low, high = axis.get_xlim()
    decades = [each for each in LogLocator().tick_values(low, high) if low <= each <= high]
    decades = decades[:: 2 if len(decades) > 5 else 1]
    if none is not None:
        decades = [none, *(each for each in decades if each > 3 * none)]
    axis.xaxis.set_major_locator(FixedLocator(decades))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(
        FuncFormatter(lambda x, _: "none" if none and np.isclose(x, none) else f"{x:g}")
    )
