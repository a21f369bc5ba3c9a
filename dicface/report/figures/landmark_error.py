"""Figure 6: error of five landmarks over time, per method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from dicface.base.counts import how_many
from dicface.report.figures.chosen import clip_scores, held_by_all, middle_clip
from dicface.report.figures.landmarks import (
    FIVE_POINTS,
    five_points,
    read_landmarks,
    scored_clips,
)
from dicface.report.figures.style import Drawn, legend_columns, new_figure, save
from dicface.report.looks import Look, looks_of
from dicface.runs.results import Results

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

NUM_MARKERS = 8
"""Markers on a line, however many frames it has; each stands on a frame's own value."""
OF_SET = 0.75
"""Width of the panels of all clips, inches."""


def landmark_errors(path: str | Path, clip: str) -> NDArray[np.float64]:
    """Distance of five points between restored and true frames.

    Args:
        path: `landmarks.npz` of a scored method.
        clip: Name of the clip.

    Returns:
        (T, 5), px of a 512-px face, points in the order of `FIVE_POINTS`; NaN where the true
        frame has no face.

    Raises:
        MetricError: As `read_landmarks`.
    """
    found = read_landmarks(path, clip)
    difference = five_points(found.restored) - five_points(found.truth)
    return np.linalg.norm(difference, axis=-1)


def draw_landmark_errors(
    methods: Mapping[str, str | Path], scores: str | Path, path: str | Path
) -> Drawn:
    """Draws figure 6: a panel a landmark, a line a method; at the right the whole set.

    Args:
        methods: Label -> folder of scores (with `landmarks.npz`).
        scores: `metrics.parquet` of the degraded input; it chooses the clip.
        path: Where to write, without suffix.

    Raises:
        ClipError: No clip has landmarks of every method, in as many frames.
        MetricError: Scores or landmarks cannot be used, or no clip that every method has can be
            ordered.
    """
    folders = {label: Results(folder=Path(folder)) for label, folder in methods.items()}
    files = {label: results.landmarks for label, results in folders.items()}
    held = _of_one_length({str(file): scored_clips(file) for file in files.values()})
    values, which = held_by_all(clip_scores(scores, "tlme"), held, "tlme")
    clip, rule = middle_clip(values, which, "tlme")
    errors = {label: landmark_errors(file, clip) for label, file in files.items()}
    spreads = {label: _quantiles(file, values) for label, file in files.items()}
    lost = int(np.isnan(next(iter(errors.values()))).any(axis=1).sum())
    gaps = f" Gaps: no face in {how_many(lost, 'frame')} of the truth." if lost else ""
    caption = (
        f"Distance between five landmarks of restored and true frames, px of a 512-px face, found "
        f"by the same detector, clip {clip}: {rule}.{gaps} Right: means over frames of each of "
        f"{how_many(len(values), 'clip')}; marker: their median; wide: quartiles; line: 5 to 95 %."
    )
    return save(lambda width: _figure(errors, spreads, width), path, caption)


def _figure(
    errors: Mapping[str, NDArray[np.float64]],
    spreads: Mapping[str, NDArray[np.float64]],
    width: float,
) -> Figure:
    styles = looks_of(errors)
    figure = new_figure(width, 4.6)
    panels = figure.subplots(
        len(FIVE_POINTS), 2, sharex="col", sharey="row", width_ratios=[width - OF_SET, OF_SET]
    )
    for point, (name, (over_time, of_set)) in enumerate(zip(FIVE_POINTS, panels, strict=True)):
        for position, (label, error) in enumerate(errors.items()):
            _line(over_time, error[:, point], styles[label], label)
            _spread(of_set, position, spreads[label][:, point], styles[label])
        over_time.set_title(name, loc="left", pad=2)
        for axis in (over_time, of_set):
            axis.grid(axis="y")
            axis.yaxis.set_major_locator(MaxNLocator(3))
        over_time.set_ylim(bottom=0)
        of_set.set(xticks=[], xlim=(-0.7, len(errors) - 0.3))
        of_set.tick_params(labelleft=True)
    panels[0, 1].set_title("All clips", pad=2)
    panels[-1, 0].set_xlabel("Frame")
    panels[-1, 0].xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[-1, 0].set_xlim(0, max(1, len(next(iter(errors.values()))) - 1))
    figure.supylabel("Error (px of a 512-px face)", fontsize=8)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    columns = legend_columns(labels, min(6, len(labels)), width)
    figure.legend(handles, labels, loc="outside upper center", ncols=columns)
    return figure


def _quantiles(path: Path, clips: Iterable[str]) -> NDArray[np.float64]:
    """Quantiles (`QUANTILES`) over clips of each landmark's mean error, (5, 5)."""
    means = [_mean(landmark_errors(path, clip)) for clip in clips]
    known = [mean for mean in means if np.isfinite(mean).all()]
    return np.quantile(known, QUANTILES, axis=0) if known else np.full((len(QUANTILES), 5), np.nan)


def _mean(errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means over the frames that have a face."""
    found = errors[np.isfinite(errors).all(axis=1)]
    return found.mean(axis=0) if len(found) else np.full(errors.shape[1], np.nan)


def _spread(axis: Axes, position: int, found: NDArray[np.float64], style: Look) -> None:
    lowest, low, middle, high, highest = found
    for ends, width, alpha in (((lowest, highest), 0.7, 1), ((low, high), 5, 0.3)):
        drawn = {"color": style.colour, "lw": width, "alpha": alpha, "solid_capstyle": "butt"}
        axis.plot([position] * 2, ends, **drawn)
    axis.plot(position, middle, **style.line(), clip_on=False)


def _line(axis: Axes, values: NDArray[np.float64], style: Look, label: str) -> None:
    every = max(1, len(values) // NUM_MARKERS)
    axis.plot(values, **style.line(), markevery=every, label=label, clip_on=False)


def _of_one_length(frames: Mapping[str, Mapping[str, int]]) -> dict[str, set[str]]:
    """File -> its clips that have as many frames as in the first file, that of the input."""
    first = next(iter(frames.values()), {})
    return {
        file: {clip for clip, count in own.items() if count == first.get(clip)}
        for file, own in frames.items()
    }
