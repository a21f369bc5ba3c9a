"""The comparison picture: a few clips, one frame each, methods side by side.

Rows are chosen by a rule, never by hand: clips are sorted by a score of the input, the picture
takes those in the middle of equal shares of that order (with four rows the 1/8, 3/8, 5/8 and 7/8
quantiles), and of each clip the centre frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dicface.base.files import atomic_path
from dicface.metrics.psnr import psnr
from dicface.report.figures.chosen import (
    centre_frames,
    choose_clips,
    clip_scores,
    held_by_all,
    row_letter,
    rows_in_words,
)

MAX_BYTES = 600_000
CELL_SIZES = (240, 208, 176, 144, 112, 80, 48)
"""Sides of a cell in px, tried in this order until the file is small enough."""
GAP, MARGIN, HEAD, CAPTION = 6, 12, 30, 25
INK, PAPER = (30, 30, 30), (255, 255, 255)


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What a comparison picture shows.

    Attributes:
        path: The PNG file.
        frames: Clip and frame index of each row, from the worst input to the best.
        psnr: PSNR in dB of each cell, rows × columns without the truth.
        caption: How the rows were chosen, and clip and frame of each; beside the file as `.txt`.
    """

    path: Path
    frames: tuple[tuple[str, int], ...]
    psnr: tuple[tuple[float, ...], ...]
    caption: str


def comparison_picture(
    columns: Mapping[str, str | Path],
    scores: str | Path,
    out: str | Path,
    *,
    metric: str = "psnr",
    num_rows: int = 4,
    max_bytes: int = MAX_BYTES,
) -> Picture:
    """Draws and writes the picture, and its caption beside it.

    Args:
        columns: Heading -> folder of clips (`<clip>.mkv`), left to right; the last is the truth.
        scores: `metrics.parquet` whose scores order the clips: those of the degraded input.
        out: The PNG file to write.
        metric: The score that orders the clips.
        num_rows: How many clips to show.
        max_bytes: Largest size of the file; cells shrink until it fits (or are the smallest).

    Raises:
        ClipError: A clip is missing, or its frames differ in number or size from the truth's.
        MetricError: The scores cannot be read or hold no value of `metric`.
    """
    values, which = held_by_all(clip_scores(scores, metric), {}, metric)
    clips = choose_clips(values, num_rows)
    rows = [centre_frames(columns, clip) for clip in clips]
    scored = tuple(tuple(psnr(frame, frames[-1]) for frame in frames[:-1]) for _, frames in rows)
    out = Path(out)
    for cell in CELL_SIZES:
        encoded = _encode(_draw(list(columns), [frames for _, frames in rows], scored, cell))
        if len(encoded) <= max_bytes:
            break
    frames = tuple((clip, index) for clip, (index, _) in zip(clips, rows, strict=True))
    caption = (
        f"Centre frames of the clips in the middle of {len(clips)} equal shares of {which}, "
        f"ordered by {metric.upper()} of the input, worst first. Numbers are the PSNR of the frame "
        f"shown. {rows_in_words(frames)}"
    )
    with atomic_path(out) as temporary:
        temporary.write_bytes(encoded)
    with atomic_path(out.with_suffix(".txt")) as temporary:
        temporary.write_text(caption + "\n", encoding="utf-8")
    return Picture(path=out, frames=frames, psnr=scored, caption=caption)


def _draw(
    heads: Sequence[str],
    rows: Sequence[Sequence[np.ndarray]],
    scored: Sequence[Sequence[float]],
    cell: int,
) -> Image.Image:
    width = 2 * MARGIN + len(heads) * cell + (len(heads) - 1) * GAP
    height = 2 * MARGIN + HEAD + len(rows) * (cell + CAPTION)
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    bold, plain = _font("DejaVuSans-Bold.ttf", 15), _font("DejaVuSans.ttf", 12)
    for column, head in enumerate(heads):
        centre = MARGIN + column * (cell + GAP) + cell // 2
        draw.text((centre, MARGIN), head, INK, _fitting(bold, head, cell), anchor="ma")
    for row, (frames, values) in enumerate(zip(rows, scored, strict=True)):
        top = MARGIN + HEAD + row * (cell + CAPTION)
        captions = [f"{value:.2f} dB" for value in values] + [row_letter(row)]
        for column, (frame, caption) in enumerate(zip(frames, captions, strict=True)):
            left = MARGIN + column * (cell + GAP)
            enlarged = Image.fromarray(frame).resize((cell, cell), Image.Resampling.LANCZOS)
            sheet.paste(enlarged, (left, top))
            font = _fitting(plain, caption, cell)
            draw.text((left + cell // 2, top + cell + 3), caption, INK, font, anchor="ma")
    return sheet


def _encode(sheet: Image.Image) -> bytes:
    buffer = BytesIO()
    sheet.save(buffer, "png", optimize=True)
    return buffer.getvalue()


def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """A font that matplotlib ships, so that the picture looks the same everywhere."""
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), size)


def _fitting(font: ImageFont.FreeTypeFont, text: str, width: int) -> ImageFont.FreeTypeFont:
    """The font, smaller if the text is wider than its cell."""
    while font.getlength(text) > width and font.size > 6:
        font = font.font_variant(size=font.size - 1)
    return font
