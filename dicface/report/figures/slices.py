"""Figure 7: one column of pixels through the eye, stacked over time, per method."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from dicface.base.errors import MetricError
from dicface.report.figures.chosen import (
    check_alike,
    choose_clips,
    clip_paths,
    clip_scores,
    in_every_folder,
    row_letter,
    rows_in_words,
)
from dicface.report.figures.landmarks import five_points, read_landmarks, to_frame_px
from dicface.report.figures.pictures import axes_at, show, text_height, wrapped
from dicface.report.figures.style import TEXT_WIDTH, Drawn, look, save
from dicface.report.looks import VERMILLION
from dicface.video.clips import read_frames

NUM_ROWS = 3
"""Clips that are shown: with little, middling and much trouble over time."""

MAX_LINES = 6
"""Lines of panels on a page, so that fewer clips are shown of many methods."""

PER_LINE = 6
"""Panels beside each other; more go into further lines."""

MARGIN, GAP, FOOT = 0.06, 0.1, 0.32
"""Space left and right, between two panels, and for a panel's axis, inches."""


def temporal_slice(path: str | Path, column: int) -> NDArray[np.uint8]:
    """One column of every frame of a clip, side by side.

    Args:
        path: The clip, T frames of H×W px.
        column: x, from 0 to W − 1.

    Returns:
        (H, T, 3) uint8 RGB; time runs to the right.

    Raises:
        ClipError: The clip cannot be read.
    """
    return np.stack([frame[:, column] for frame in read_frames(path)], axis=1)


def true_eye_column(landmarks: str | Path, clip: str, size: int) -> int:
    """Column through the left eye (as seen): median over the frames of its true centre.

    Args:
        landmarks: `landmarks.npz` of any method.
        clip: Name of the clip.
        size: Side S of its frames, px.

    Raises:
        MetricError: As `read_landmarks`, or no frame of the truth has a face.
    """
    eyes = five_points(read_landmarks(landmarks, clip).truth)[:, 0, 0]
    eyes = eyes[np.isfinite(eyes)]
    if not len(eyes):
        raise MetricError(
            f"{landmarks}: no frame of clip '{clip}' has a face, so that there is no eye to put "
            "the column through. Choose another clip."
        )
    return int(np.clip(round(float(to_frame_px(np.median(eyes), size))), 0, size - 1))


def draw_slices(
    columns: Mapping[str, str | Path],
    scores: str | Path,
    landmarks: str | Path,
    path: str | Path,
) -> Drawn:
    """Draws figure 7: for each of some clips the true frame with the column, then all slices.

    Args:
        columns: Heading -> folder of clips; the first is the degraded input, the last the truth.
        scores: `metrics.parquet` of the degraded input; it chooses the clips.
        landmarks: `landmarks.npz` of any method, for the true eye.
        path: Where to write, without suffix.

    Raises:
        ClipError: No clip is whole in every folder.
        MetricError: Scores or landmarks cannot be used, or no clip that every method has whole can
            be ordered.
    """
    values, which = in_every_folder(clip_scores(scores, "tlme"), columns, "tlme")
    per_line = min(PER_LINE, len(columns) + 1)
    lines = -(-(len(columns) + 1) // per_line)
    chosen = choose_clips(values, max(1, min(NUM_ROWS, MAX_LINES // lines)))
    cell = (TEXT_WIDTH - 2 * MARGIN + GAP) / per_line - GAP
    headings, size_pt = wrapped(("Truth", *columns), cell)
    head = text_height(headings, size_pt)
    step = head + cell + FOOT
    rows = []
    with look():
        figure = Figure(figsize=(TEXT_WIDTH, len(chosen) * lines * step))
        for row, clip in enumerate(chosen):
            num_frames, _, size = check_alike(columns, clip)
            column = true_eye_column(landmarks, clip, size)
            paths = clip_paths(columns, clip)
            rows.append((clip, num_frames // 2, f"x = {column} of {size} px"))
            shown = [next(islice(read_frames(paths[-1]), num_frames // 2, None))]
            shown += [temporal_slice(path, column) for path in paths]
            for number, (heading, picture) in enumerate(zip(headings, shown, strict=True)):
                x = MARGIN + number % per_line * (cell + GAP)
                y = (row * lines + number // per_line) * step + head
                axis = axes_at(figure, x, y, cell, cell)
                letter = "" if number else f"{row_letter(row)} "
                axis.set_title(letter + heading, pad=2, fontsize=size_pt, linespacing=1)
                show(axis, picture, blend=False)
                if number == 0:
                    axis.axvline(column, color=VERMILLION, lw=0.9)
                    continue
                axis.xaxis.set_major_locator(MaxNLocator(3, integer=True))
                axis.set_xlabel("Frame", labelpad=1, fontsize=7)
        caption = (
            "The column through the eye (line in the first picture: median over the frames of the "
            f"true left eye) over all frames, time to the right. Clips: the middle ones of "
            f"{len(chosen)} equal shares of {which}, ordered by TLME of the input. "
            f"{rows_in_words(rows)}"
        )
        return save(figure, path, caption)
