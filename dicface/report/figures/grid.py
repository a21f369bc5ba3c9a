"""Figures 3, 4 and 5: frames of a task side by side, input to truth, with a detail and its errors.

The comparison picture is figure 3 with three columns before the truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import colormaps
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
from dicface.report.figures.style import BOTH_WIDTHS, DPI, TEXT_WIDTH, WEB_DPI, Drawn, save
from dicface.report.looks import VERMILLION

MIN_CELL, MAX_CELL = 0.6, 1.35
"""Sides of a picture, inches; below the smaller one the numbers would not fit under it. Columns
that do not fit beside each other are broken into lines of nearly equal length."""

PAGE, GAP, FOOT, LETTER = 9.0, 0.03, 0.16, 0.22
"""Height of a page's text, space between two pictures, for the text below them, and for the row's
letter left of them, inches."""

DETAIL_WIDTH, DETAIL_HEIGHT = 216, 108
"""Size of the enlarged detail, px of the 512-px face."""
PARTS = {"eyes": (0, 1), "mouth": (3, 4)}
"""Detail -> the two of the five points between which it is centred."""

LARGEST_ERROR = 64
"""Levels of 255 at the dark end of a map of errors; larger ones look like it."""
ERRORS = colormaps["magma_r"]
LUMA = (0.299, 0.587, 0.114)
"""Of R, G and B (BT.601)."""
BAR = 0.07
"""Height of the scale of errors, inches."""

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
    for_web: bool = False,
) -> Drawn:
    """Draws figure 3, 4 or 5: one clip a row, below each frame its eyes or mouth, and their errors.

    More columns than fit beside each other make several such grids, one below the other, of the
    same rows.

    The rows are the clips in the middle of `num_rows` equal shares of the order by PSNR of the
    input, the frames their centre frames, the details the eyes or the mouth, whichever the first
    column shows worse. Errors are absolute differences to the truth in luma.

    Args:
        columns: Heading -> folder of clips, left to right; the first is the degraded input, the
            last the truth.
        scores: `metrics.parquet` of the degraded input.
        path: Where to write, without suffix.
        landmarks: `landmarks.npz` of the degraded input, for the true eyes and mouth; None places
            the details by the face template.
        num_rows: How many clips to show.
        for_web: Whether it is for a web page alone: as wide as a page's text only, and small.

    Raises:
        ClipError: No clip is whole in every folder.
        MetricError: Scores or landmarks cannot be used, or there are fewer than two columns.
    """
    rows, which = choose_rows(columns, scores, landmarks=landmarks, num_rows=num_rows)
    dpi = WEB_DPI if for_web else DPI
    caption = (
        f"Centre frames of the clips in the middle of {len(rows)} equal shares of {which}, "
        "ordered by the mean PSNR of the input, worst first. Below each frame its eyes or "
        f"mouth (box in the last column), whichever {next(iter(columns))} shows worse, and their "
        "absolute error in luma, on one scale for all. Numbers are the PSNR of the frame shown. "
        f"{rows_in_words((row.clip, row.frame, row.part) for row in rows)}"
    )
    return save(
        lambda width: _figure(list(columns), rows, width, dpi),
        path,
        caption,
        widths=(TEXT_WIDTH,) if for_web else BOTH_WIDTHS,
    )


def _figure(columns: Sequence[str], rows: Sequence[Row], most: float, dpi: int) -> Figure:
    """The grids, at most `most` inches wide."""
    beside = int((most - LETTER + GAP) / (MIN_CELL + GAP))
    lines = -(-len(columns) // beside)
    per_line = -(-len(columns) // lines)
    cell = _side(lines, per_line, len(rows), most)
    headings, size = wrapped(columns, cell)
    head = text_height(headings, size)
    detail = cell * DETAIL_HEIGHT / DETAIL_WIDTH
    step = cell + 2 * (GAP + detail) + FOOT
    block = head + len(rows) * step
    width, height = LETTER + per_line * (cell + GAP) - GAP, lines * block
    figure = Figure(figsize=(width, height), dpi=dpi)
    for number, row in enumerate(rows):
        for column, frame in enumerate(row.frames):
            x = LETTER + column % per_line * (cell + GAP)
            y = column // per_line * block + head + number * step
            upper = axes_at(figure, x, y, cell, cell)
            show(upper, frame)
            show(axes_at(figure, x, y + cell + GAP, cell, detail), _cut(frame, row.box))
            if number == 0:
                upper.set_title(headings[column], pad=2, fontsize=size, linespacing=1)
            if column % per_line == 0:
                figure.text(0, 1 - y / height, row_letter(number), va="top")
            below = y + cell + 2 * GAP + detail
            if column == len(columns) - 1:
                _outline(upper, row.box)
                _scale(figure, x, below, cell)
            else:
                errors = axes_at(figure, x, below, cell, detail)
                show(errors, error_map(_cut(frame, row.box), _cut(row.frames[-1], row.box)))
                errors.set_xlabel(f"{row.psnr[column]:.2f} dB", labelpad=1, fontsize=6)
    return figure


def error_map(shown: NDArray[np.uint8], truth: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Absolute differences in luma in the colours of `ERRORS`, of two pictures (H, W, 3)."""
    levels = np.abs((shown.astype(np.float64) - truth) @ LUMA)
    return np.round(255 * ERRORS(np.minimum(levels / LARGEST_ERROR, 1))[..., :3]).astype(np.uint8)


def _scale(figure: Figure, x: float, y: float, cell: float) -> None:
    """What the colours of errors mean, in the place of the truth's own."""
    (words,), size = wrapped([f"Error, 0 to {LARGEST_ERROR} levels"], cell)
    top = y + text_height([words], size) + GAP
    bar = axes_at(figure, x, top, cell, BAR)
    show(bar, np.round(255 * ERRORS(np.linspace(0, 1, 256))[None, :, :3]).astype(np.uint8))
    bar.set_title(words, pad=1, fontsize=size, linespacing=1)


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


def _side(lines: int, per_line: int, num_rows: int, most: float) -> float:
    """Side of a picture, inches: the figure is `most` wide and, if it can, fits a page's height."""
    in_width = (most - LETTER + GAP) / per_line - GAP
    head = text_height(["two\nlines"], SIZES[0])
    in_height = (PAGE / lines - head) / num_rows - 2 * GAP - FOOT
    in_height /= 1 + 2 * DETAIL_HEIGHT / DETAIL_WIDTH
    return min(MAX_CELL, in_width, max(MIN_CELL, in_height))


def detail_box(points: NDArray[np.floating], frame: NDArray[np.uint8]) -> Box:
    """The detail's box, centred between points (…, 2) in px and moved inside of the frame."""
    size = frame.shape[0]
    width, height = (round(side * size / FACE_SIZE) for side in (DETAIL_WIDTH, DETAIL_HEIGHT))
    x, y = points.mean(axis=0) + 0.5
    left = int(np.clip(round(x - width / 2), 0, size - width))
    top = int(np.clip(round(y - height / 2), 0, size - height))
    return left, top, left + width, top + height


def _cut(frame: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    left, top, right, bottom = box
    return frame[top:bottom, left:right]


def _error(shown: NDArray[np.uint8], truth: NDArray[np.uint8], box: Box) -> float:
    return float(np.square(_cut(shown, box).astype(float) - _cut(truth, box)).mean())


def _outline(axis: Axes, box: Box) -> None:
    left, top, right, bottom = box
    corner = left - 0.5, top - 0.5
    axis.add_patch(
        Rectangle(corner, right - left, bottom - top, fill=False, color=VERMILLION, lw=0.8)
    )
