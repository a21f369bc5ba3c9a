"""Figures 3, 4 and 5: frames of a task side by side, input to truth, with an enlarged detail.

The comparison picture is figure 3 with three columns before the truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from dicface.base.errors import MetricError
from dicface.metrics.facts import FACE_SIZE
from dicface.metrics.psnr import psnr
from dicface.report.figures.chosen import (
    centre_frames,
    choose_clips,
    clip_scores,
    in_every_folder,
    row_letter,
    rows_in_words,
)
from dicface.report.figures.landmarks import to_frame_px, true_face
from dicface.report.figures.pictures import SIZES, axes_at, show, text_height, wrapped
from dicface.report.figures.style import DPI, TEXT_WIDTH, Drawn, look, save
from dicface.report.looks import VERMILLION

PER_LINE = 8
"""Columns beside each other; more are broken into lines of nearly equal length."""

MIN_CELL, MAX_CELL = 0.6, 1.35
"""Sides of a picture, inches; below the smaller one the numbers would not fit under it."""

PAGE, GAP, FOOT, LETTER = 9.0, 0.03, 0.16, 0.22
"""Height of a page's text, space between two pictures, for the text below them, and for the row's
letter left of them, inches."""

DETAIL_WIDTH, DETAIL_HEIGHT = 216, 108
"""Size of the enlarged detail, px of the 512-px face."""
PARTS = {"eyes": (0, 1), "mouth": (3, 4)}
"""Detail -> the two of the five points between which it is centred."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in px of a frame, right and bottom exclusive."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """One clip of a grid.

    Attributes:
        clip: Its name.
        frame: Index of the frame.
        frames: That frame of every column, (S, S, 3) uint8 RGB; the truth is the last.
        part: What the detail shows, "eyes" or "mouth".
        box: Where it lies.
        psnr: PSNR of each column but the truth, dB.
    """

    clip: str
    frame: int
    frames: Sequence[NDArray[np.uint8]]
    part: str
    box: Box
    psnr: tuple[float, ...]


def draw_grid(
    columns: Mapping[str, str | Path],
    scores: str | Path,
    path: str | Path,
    *,
    landmarks: str | Path | None = None,
    num_rows: int = 3,
    dpi: int = DPI,
) -> Drawn:
    """Draws figure 3, 4 or 5: one clip a row, below each frame its eyes or mouth enlarged.

    More than `PER_LINE` columns make several such grids, one below the other, of the same rows.

    The rows are the clips in the middle of `num_rows` equal shares of the order by PSNR of the
    input, the frames their centre frames, the details the eyes or the mouth, whichever the first
    column shows worse.

    Args:
        columns: Heading -> folder of clips, left to right; the first is the degraded input, the
            last the truth.
        scores: `metrics.parquet` of the degraded input.
        path: Where to write, without suffix.
        landmarks: `landmarks.npz` of the degraded input, for the true eyes and mouth; None places
            the details by the face template.
        num_rows: How many clips to show.
        dpi: Resolution of the pictures.

    Raises:
        ClipError: No clip is whole in every folder.
        MetricError: Scores or landmarks cannot be used, or there are fewer than two columns.
    """
    rows, which = choose_rows(columns, scores, landmarks=landmarks, num_rows=num_rows)
    lines = -(-len(columns) // PER_LINE)
    per_line = -(-len(columns) // lines)
    cell = _side(lines, per_line, len(rows))
    headings, size = wrapped(columns, cell)
    head = text_height(headings, size)
    detail = cell * DETAIL_HEIGHT / DETAIL_WIDTH
    step = cell + GAP + detail + FOOT
    block = head + len(rows) * step
    with look():
        width, height = LETTER + per_line * (cell + GAP) - GAP, lines * block
        figure = Figure(figsize=(width, height), dpi=dpi)
        for number, row in enumerate(rows):
            texts = [f"{value:.2f} dB" for value in row.psnr] + [""]
            left, top, right, bottom = row.box
            for column, (frame, text) in enumerate(zip(row.frames, texts, strict=True)):
                x = LETTER + column % per_line * (cell + GAP)
                y = column // per_line * block + head + number * step
                upper = axes_at(figure, x, y, cell, cell)
                show(upper, frame)
                lower = axes_at(figure, x, y + cell + GAP, cell, detail)
                show(lower, frame[top:bottom, left:right])
                lower.set_xlabel(text, labelpad=1, fontsize=6)
                if number == 0:
                    upper.set_title(headings[column], pad=2, fontsize=size, linespacing=1)
                if column % per_line == 0:
                    figure.text(0, 1 - y / height, row_letter(number), va="top")
            _outline(upper, row.box)
        caption = (
            f"Centre frames of the clips in the middle of {len(rows)} equal shares of {which}, "
            "ordered by the mean PSNR of the input, worst first. Below each frame its eyes or "
            f"mouth (box in the last column), whichever {next(iter(columns))} shows worse. Numbers "
            "are the PSNR of the frame shown. "
            f"{rows_in_words((row.clip, row.frame, row.part) for row in rows)}"
        )
        return save(figure, path, caption)


def choose_rows(
    columns: Mapping[str, str | Path],
    scores: str | Path,
    *,
    landmarks: str | Path | None = None,
    num_rows: int = 3,
) -> tuple[list[Row], str]:
    """Chooses the rows of `draw_grid`, worst input first, and says out of which clips.

    Arguments and errors are those of `draw_grid`.
    """
    if len(columns) < 2:
        raise MetricError(
            f"a grid of {', '.join(columns) or 'no column'}: expected the input first and the "
            "truth last."
        )
    values, which = in_every_folder(clip_scores(scores, "psnr"), columns, "psnr")
    rows = []
    for clip in choose_clips(values, num_rows):
        index, frames = centre_frames(columns, clip)
        face = to_frame_px(true_face(landmarks, clip, index), frames[-1].shape[0])
        boxes = {part: detail_box(face[list(pair)], frames[-1]) for part, pair in PARTS.items()}
        part = max(boxes, key=lambda part: _error(frames[0], frames[-1], boxes[part]))
        scored = tuple(psnr(frame, frames[-1]) for frame in frames[:-1])
        rows.append(
            Row(clip=clip, frame=index, frames=frames, part=part, box=boxes[part], psnr=scored)
        )
    return rows, which


def _side(lines: int, per_line: int, num_rows: int) -> float:
    """Side of a picture, inches: the figure fits a page in width and, if it can, in height."""
    in_width = (TEXT_WIDTH - LETTER + GAP) / per_line - GAP
    head = text_height(["two\nlines"], SIZES[0])
    in_height = (PAGE / lines - head) / num_rows - GAP - FOOT
    in_height /= 1 + DETAIL_HEIGHT / DETAIL_WIDTH
    return min(MAX_CELL, in_width, max(MIN_CELL, in_height))


def detail_box(points: NDArray[np.floating], frame: NDArray[np.uint8]) -> Box:
    """The detail's box, centred between points (…, 2) in px and moved inside of the frame."""
    size = frame.shape[0]
    width, height = (round(side * size / FACE_SIZE) for side in (DETAIL_WIDTH, DETAIL_HEIGHT))
    x, y = points.mean(axis=0) + 0.5
    left = int(np.clip(round(x - width / 2), 0, size - width))
    top = int(np.clip(round(y - height / 2), 0, size - height))
    return left, top, left + width, top + height


def _error(shown: NDArray[np.uint8], truth: NDArray[np.uint8], box: Box) -> float:
    left, top, right, bottom = box
    return float(np.square(shown.astype(float) - truth)[top:bottom, left:right].mean())


def _outline(axis: Axes, box: Box) -> None:
    left, top, right, bottom = box
    corner = left - 0.5, top - 0.5
    axis.add_patch(
        Rectangle(corner, right - left, bottom - top, fill=False, color=VERMILLION, lw=0.8)
    )
