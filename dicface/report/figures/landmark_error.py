"""Figure 6: error of five landmarks over time, per method."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

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

NUM_MARKERS = 8
"""Markers on a line, however many frames it has; each stands on a frame's own value."""
MEANS = 0.75
"""Width of the panels of means, inches."""


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
    """Draws figure 6: a panel a landmark, a line a method; at the right the means over the clip.

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
    values = clip_scores(scores, "tlme")
    clip, rule = middle_clip(*held_by_all(values, held, "tlme"), "tlme")
    errors = {label: landmark_errors(file, clip) for label, file in files.items()}
    lost = int(np.isnan(next(iter(errors.values()))).any(axis=1).sum())
    gaps = f" Gaps: no face in {lost} frames of the truth." if lost else ""
    caption = (
        f"Distance between five landmarks of restored and true frames, px of a 512-px face, found "
        f"by the same detector, clip {clip}: {rule}. Right: means over the clip's frames.{gaps}"
    )
    return save(lambda width: _figure(errors, width), path, caption)


def _figure(errors: Mapping[str, NDArray[np.float64]], width: float) -> Figure:
    styles = looks_of(errors)
    figure = new_figure(width, 4.6)
    panels = figure.subplots(
        len(FIVE_POINTS), 2, sharex="col", sharey="row", width_ratios=[width - MEANS, MEANS]
    )
    for point, (name, (over_time, means)) in enumerate(zip(FIVE_POINTS, panels, strict=True)):
        for position, (label, error) in enumerate(errors.items()):
            _line(over_time, error[:, point], styles[label], label)
            mean = np.nanmean(error[:, point]) if np.isfinite(error[:, point]).any() else np.nan
            means.plot(position, mean, **styles[label].line(), clip_on=False)
        over_time.set_title(name, loc="left", pad=2)
        for axis in (over_time, means):
            axis.grid(axis="y")
            axis.yaxis.set_major_locator(MaxNLocator(3))
        over_time.set_ylim(bottom=0)
        means.set(xticks=[], xlim=(-0.7, len(errors) - 0.3))
        means.tick_params(labelleft=True)
    panels[0, 1].set_title("Mean", pad=2)
    panels[-1, 0].set_xlabel("Frame")
    panels[-1, 0].xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[-1, 0].set_xlim(0, max(1, len(next(iter(errors.values()))) - 1))
    figure.supylabel("Error (px of a 512-px face)", fontsize=8)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    columns = legend_columns(labels, min(6, len(labels)), width)
    figure.legend(handles, labels, loc="outside upper center", ncols=columns)
    return figure


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
