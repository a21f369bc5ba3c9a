"""Which clips and frames a picture shows: chosen by a rule, never by hand, and checked."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from string import ascii_lowercase

import numpy as np

from dicface.base.errors import ClipError, MetricError
from dicface.report.tables.scores import read_scores
from dicface.runs.results import clips_at_hand
from dicface.video.clips import probe, read_frames
from dicface.video.sources import look

logger = logging.getLogger(__name__)


def choose_clips(scores: Mapping[str, float], num_rows: int) -> list[str]:
    """Chooses the clips in the middle of `num_rows` equal shares of the order by score.

    Equal scores are ordered by name. With fewer clips than rows all clips are taken.

    >>> choose_clips({"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6}, 3)
    ['b', 'd', 'f']
    """
    known = {clip: score for clip, score in scores.items() if np.isfinite(score)}
    order = sorted(known, key=lambda clip: (known[clip], clip))
    num_rows = min(num_rows, len(order))
    return [order[(2 * row + 1) * len(order) // (2 * num_rows)] for row in range(num_rows)]


def clip_scores(scores: str | Path, metric: str) -> dict[str, float]:
    """Clip -> value of a metric, the order by which clips are chosen.

    Raises:
        MetricError: The scores cannot be read or hold no value of `metric`.
    """
    values = read_scores(scores).values.get(metric, {})
    if not any(np.isfinite(value) for value in values.values()):
        raise MetricError(
            f"{scores}: holds no value of {metric}; expected one per clip to choose the clips of "
            "the picture by. Score the degraded input first."
        )
    return values


def middle_clip(values: Mapping[str, float], which: str, metric: str) -> tuple[str, str]:
    """The clip in the middle of the order by score, and that rule in words.

    Args:
        values: Clip -> score of the input.
        which: What the clips are, as from `in_every_folder`.
        metric: Id of the score.
    """
    (clip,) = choose_clips(values, 1)
    return clip, f"the middle one of {which}, ordered by {metric.upper()} of the input"


def in_every_folder(
    values: Mapping[str, float], columns: Mapping[str, str | Path], metric: str
) -> tuple[dict[str, float], str]:
    """Keeps the clips with a score that every column has whole: as many and as large frames.

    Args:
        values: Clip -> score; NaN where it has none.
        columns: Heading -> folder of a method, its clips in it or where its index says; the last
            is the truth.
        metric: Id of the score.

    Returns:
        What is left of `values`, and "all 9 test clips" or the like, for the caption.

    Raises:
        ClipError: There is no clip that every column has whole; names what each lacks.
        MetricError: None of the clips that every column has whole has a score.
    """
    found = {str(folder): clips_at_hand(folder)[0] for folder in columns.values()}
    truth = list(found.values())[-1]
    held = {
        place: {
            clip
            for clip in values
            if clip in own and clip in truth and _is_whole(own[clip], truth[clip])
        }
        for place, own in found.items()
    }
    return held_by_all(values, held, metric)


def held_by_all(
    values: Mapping[str, float], held: Mapping[str, Collection[str]], metric: str
) -> tuple[dict[str, float], str]:
    """Keeps the clips with a score that all of `held` have; otherwise as `in_every_folder`."""
    lacking = {
        place: lacks
        for place, clips in held.items()
        if (lacks := [clip for clip in values if clip not in clips])
    }
    for place, clips in lacking.items():
        logger.warning("%s: lacks %s, or not whole; not in the figure", place, ", ".join(clips))
    gone = {clip for clips in lacking.values() for clip in clips}
    whole = {clip: value for clip, value in values.items() if clip not in gone}
    if not whole:
        listed = "; ".join(f"{place} lacks {', '.join(clips)}" for place, clips in lacking.items())
        raise ClipError(
            "no clip was restored by every method, with as many frames of the same size as the "
            f"truth's: {listed}. Restore these clips, or leave that method out of the figure."
        )
    left = {clip: value for clip, value in whole.items() if np.isfinite(value)}
    if not left:
        raise MetricError(
            f"none of the clips that every method restored whole ({', '.join(whole)}) has "
            f"{metric.upper()} of the input; expected one or more to order by it. Restore other "
            "clips, or leave the methods that lack them out of the figure."
        )
    reasons = ["that every method restored whole"] if gone else []
    if len(left) < len(whole):
        reasons.append(f"that have {metric.upper()}")
    if reasons:
        return left, f"those {len(left)} of {len(values)} test clips {' and '.join(reasons)}"
    return left, f"all {len(values)} test clips"


def row_letter(number: int) -> str:
    """What a row is called in a figure and in its caption.

    >>> row_letter(0), row_letter(27)
    ('(a)', '(bb)')
    """
    return f"({ascii_lowercase[number % 26] * (number // 26 + 1)})"


def rows_in_words(rows: Iterable[tuple[object, ...]]) -> str:
    """Clip, frame and what else is known of each row, for the caption.

    >>> rows_in_words([("one", 3, "eyes"), ("two", 4, "mouth")])
    'Rows: (a) clip one, frame 3, eyes; (b) clip two, frame 4, mouth.'
    """
    listed = (
        ", ".join((f"{row_letter(number)} clip {clip}", f"frame {frame}", *map(str, more)))
        for number, (clip, frame, *more) in enumerate(rows)
    )
    return f"Rows: {'; '.join(listed)}."


def clip_paths(columns: Mapping[str, str | Path], clip: str) -> list[Path]:
    """Where a clip lies in each column; in its folder where the column lacks it."""
    folders = map(Path, columns.values())
    return [clips_at_hand(folder)[0].get(clip, folder / f"{clip}.mkv") for folder in folders]


def check_alike(columns: Mapping[str, str | Path], clip: str) -> tuple[int, int, int]:
    """Number of frames, height and width of a clip, the same in every column.

    Args:
        columns: As `in_every_folder` takes them.
        clip: Name of the clip.

    Raises:
        ClipError: A clip is missing, or its frames differ in number or size from the truth's.
    """
    infos = [probe(path) for path in clip_paths(columns, clip)]
    truth = infos[-1]
    for info in infos:
        size = (info.num_frames, info.height, info.width)
        if size != (truth.num_frames, truth.height, truth.width):
            raise ClipError(
                f"{info.path}: found {size[0]} frames of {size[2]}×{size[1]} px; the truth has "
                f"{truth.num_frames} of {truth.width}×{truth.height} px. Restore this clip again."
            )
    return truth.num_frames, truth.height, truth.width


def centre_frames(columns: Mapping[str, str | Path], clip: str) -> tuple[int, Sequence[np.ndarray]]:
    """Index of the centre frame and that frame of every column, (H, W, 3) uint8 RGB.

    Arguments and errors are those of `check_alike`.
    """
    index = check_alike(columns, clip)[0] // 2
    paths = clip_paths(columns, clip)
    return index, [next(islice(read_frames(path), index, None)) for path in paths]


def _is_whole(path: Path, truth: Path) -> bool:
    """Whether a clip has the truth's number and size of frames.

    Headers are believed where they say so: decoding every clip of a large set takes long. Where
    they do not, frames are counted, as headers of videos made elsewhere are only roughly right.
    """
    try:
        return _size(path) == _size(truth) or _counted(path) == _counted(truth)
    except ClipError as error:
        logger.warning("%s", error)
        return False


def _size(path: Path) -> tuple[int, int, int]:
    """Frames as the header announces them, height and width; a folder's are counted."""
    if path.is_dir():
        return _counted(path)
    info = look(path)
    return info.num_frames, info.height, info.width


def _counted(path: Path) -> tuple[int, int, int]:
    info = probe(path)
    return info.num_frames, info.height, info.width
