"""Figure 7: one column of pixels through the eye, stacked over time, per method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from dicface.base.errors import MetricError
from dicface.base.reading import is_there
from dicface.metrics import METRICS
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
from dicface.report.figures.style import Drawn, save
from dicface.report.looks import VERMILLION
from dicface.report.render.cells import number
from dicface.report.tables.scores import read_scores
from dicface.runs.results import Results
from dicface.video.clips import read_frames

NUM_ROWS = 3
"""Clips that are shown: with little, middling and much trouble over time."""

MAX_LINES = 6
"""Lines of panels on a page's width, so that fewer clips are shown of many methods."""

MIN_CELL, MAX_PER_LINE = 1.0, 6
"""Side of a panel at least, inches, and panels beside each other at most; more go into lines."""

MARGIN, GAP, FOOT = 0.06, 0.1, 0.46
"""Space left and right, between two panels, and for a panel's axis and TLME, inches."""


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

    Below each slice stands the TLME of the whole clip, where the folder has scores.

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
    lines = -(-(len(columns) + 1) // MAX_PER_LINE)
    chosen = choose_clips(values, max(1, min(NUM_ROWS, MAX_LINES // lines)))
    rows = [_row(columns, landmarks, clip) for clip in chosen]
    caption = (
        "The column through the eye (line in the first picture: median over the frames of the "
        "true left eye) over all frames, time to the right. Below: TLME of the clip. Clips: the "
        f"middle ones of {len(rows)} equal shares of {which}, ordered by TLME of the input. "
        f"{rows_in_words([row.in_words for row in rows])}"
    )
    return save(lambda width: _figure(rows, tuple(columns), width), path, caption)


@dataclass(frozen=True, kw_only=True)
class _Row:
    """A clip's panels: the true frame with the column, and a slice with its TLME per heading."""

    in_words: tuple[str, int, str]
    frame: NDArray[np.uint8]
    column: int
    slices: list[tuple[NDArray[np.uint8], str]]


def _row(columns: Mapping[str, str | Path], landmarks: str | Path, clip: str) -> _Row:
    num_frames, _, size = check_alike(columns, clip)
    column = true_eye_column(landmarks, clip, size)
    paths = clip_paths(columns, clip)
    middle = num_frames // 2
    said = [tlme_of(folder, clip) for folder in columns.values()]
    return _Row(
        in_words=(clip, middle, f"x = {column} of {size} px"),
        frame=next(islice(read_frames(paths[-1]), middle, None)),
        column=column,
        slices=list(zip((temporal_slice(each, column) for each in paths), said, strict=True)),
    )


def _figure(rows: Sequence[_Row], columns: Sequence[str], width: float) -> Figure:
    most = min(MAX_PER_LINE, int((width - 2 * MARGIN + GAP) / (MIN_CELL + GAP)))
    per_line = min(most, len(columns) + 1)
    lines = -(-(len(columns) + 1) // per_line)
    cell = (width - 2 * MARGIN + GAP) / per_line - GAP
    headings, size_pt = wrapped(("Truth", *columns), cell)
    head = text_height(headings, size_pt)
    step = head + cell + FOOT
    figure = Figure(figsize=(width, len(rows) * lines * step))
    for line, row in enumerate(rows):
        panels = [(row.frame, ""), *row.slices]
        for place, (heading, (picture, said)) in enumerate(zip(headings, panels, strict=True)):
            x = MARGIN + place % per_line * (cell + GAP)
            y = (line * lines + place // per_line) * step + head
            axis = axes_at(figure, x, y, cell, cell)
            letter = "" if place else f"{row_letter(line)} "
            axis.set_title(letter + heading, pad=2, fontsize=size_pt, linespacing=1)
            show(axis, picture, blend=False)
            if place == 0:
                axis.axvline(row.column, color=VERMILLION, lw=0.9)
                continue
            axis.xaxis.set_major_locator(MaxNLocator(3, integer=True))
            axis.set_xlabel(f"Frame\n{said}", labelpad=1, fontsize=7, linespacing=1.1)
    return figure


def tlme_of(folder: str | Path, clip: str) -> str:
    """TLME of a clip in words; "" where the folder has none, as that of the truth.

    Raises:
        MetricError: Its scores cannot be read.
    """
    scores, facts = Results(folder=Path(folder)).metrics, METRICS["tlme"]
    known = read_scores(scores).values if is_there(scores) else {}
    value = known.get(facts.id, {}).get(clip, np.nan)
    return f"{facts.name} {number(value, facts.digits)} {facts.unit}" if np.isfinite(value) else ""
