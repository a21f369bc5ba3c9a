"""Rows that were trained several times: both spreads, of clips and of trainings, in one interval.

A value of training s on clip c is taken as mean + clip_c + training_s + rest_sc, all independent.
The variance of the mean over S trainings and N clips is then

    (MS_clips + MS_trainings − MS_rest) / (N S),

from the mean squares of that table, where neither spread can be below none at all. Its interval is
Student's t with the degrees of freedom of Satterthwaite (1946). A bootstrap over three trainings
would cover 80 to 87 % (benchmarks/statistics.py).

Shapes: S trainings, N clips.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from dicface.report.tables.statistics import (
    LEVEL,
    Estimate,
    FeatureSet,
    jackknife_interval,
    standard_error,
)


@dataclass(frozen=True, kw_only=True)
class Spreads:
    """Variance components of a row, as standard deviations in the metric's unit.

    Attributes:
        clips: Between clips.
        trainings: Between trainings; 0 where the rest explains what is seen of it.
        rest: What neither explains.
    """

    clips: float
    trainings: float
    rest: float


@dataclass(frozen=True)
class _Term:
    """A mean square as a part of the variance of a mean, with its degrees of freedom."""

    part: float
    freedom: int


def spreads(values: np.ndarray) -> Spreads:
    """Splits the variance of a row into that of clips, of trainings, and the rest.

    Args:
        values: (S, N), S ≥ 2, N ≥ 2, none missing.

    >>> found = spreads(np.array([[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]]))
    >>> round(found.clips, 3), round(found.trainings, 3), found.rest
    (1.0, 0.707, 0.0)
    """
    clips, trainings, rest = _mean_squares(values)
    num_trainings, num_clips = values.shape
    return Spreads(
        clips=float(np.sqrt(max(clips - rest, 0) / num_trainings)),
        trainings=float(np.sqrt(max(trainings - rest, 0) / num_clips)),
        rest=float(np.sqrt(rest)),
    )


def replicated_mean(values: np.ndarray, level: float = LEVEL) -> Estimate:
    """Mean over clips and trainings with its interval; clips that a training lacks are left out.

    Args:
        values: (S, N), NaN where a clip has no value.
        level: Coverage aimed at.
    """
    return replicated_difference(values, None, level)[0]


def replicated_difference(
    a: np.ndarray, b: np.ndarray | None, level: float = LEVEL
) -> tuple[Estimate, float]:
    """Difference a − b of two rows, paired by clip, and its p value before any correction.

    Trainings of two rows are not paired. A row of one training (S = 1) adds no spread of trainings:
    none that is known, or none at all where nothing was trained.

    Args:
        a: (S, N) as in `replicated_mean`.
        b: (S', N) with the same clips, or None for zero.
        level: Coverage aimed at.
    """
    rows = [a] if b is None else [a, b]
    valid = np.logical_and.reduce([np.isfinite(row).all(axis=0) for row in rows])
    rows = [row[:, valid] for row in rows]
    differences = rows[0].mean(axis=0) - (rows[1].mean(axis=0) if b is not None else 0.0)
    num_clips = int(valid.sum())
    if num_clips == 0:
        return Estimate(mean=np.nan, low=np.nan, high=np.nan, clips=0), float("nan")
    mean = float(differences.mean())
    if num_clips == 1:
        return Estimate(mean=mean, low=np.nan, high=np.nan, clips=1), float("nan")
    terms = [_Term(float(differences.var(ddof=1)) / num_clips, num_clips - 1)]
    for row in rows:
        terms += _of_trainings(row)
    return _students(mean, terms, num_clips, level)


def replicated_set(
    a: Sequence[FeatureSet], b: Sequence[FeatureSet] = (), level: float = LEVEL
) -> tuple[Estimate, float]:
    """Mean of set-level distances over trainings, or the difference of two rows, and its p value.

    The jackknife over clips is that of the mean distance; what lies between trainings is added.

    Args:
        a: Features of each training.
        b: Of the row to subtract; none for zero.
        level: Coverage aimed at.
    """
    rows = [row for row in (a, b) if row]
    common = [clip for clip in rows[0][0].clips if all(clip in s.clips for r in rows for s in r)]
    found = [[each.on(common) for each in row] for row in rows]
    signs = (1.0, -1.0)
    left_out = sum(
        sign * np.mean([left for _, left in row], axis=0)
        for sign, row in zip(signs, found, strict=False)
    )
    mean = sum(
        sign * float(np.mean([whole for whole, _ in row]))
        for sign, row in zip(signs, found, strict=False)
    )
    if len(common) < 3 or not np.isfinite(left_out).all():
        return jackknife_interval(mean, np.array([]), len(common)), float("nan")
    terms = [_Term(standard_error(left_out) ** 2, len(common) - 1)]
    for row in found:
        if len(row) > 1:
            between = float(np.var([whole for whole, _ in row], ddof=1)) / len(row)
            terms.append(_Term(between, len(row) - 1))
    estimate, p = _students(mean, terms, len(common), level)
    # A distance is never negative, a symmetric interval may be.
    return (estimate if b else replace(estimate, low=max(estimate.low, 0.0))), p


def _of_trainings(values: np.ndarray) -> list[_Term]:
    """What the spread of a row's trainings adds to the variance of its mean: two mean squares."""
    num_trainings, num_clips = values.shape
    if num_trainings == 1:
        return []
    _, trainings, rest = _mean_squares(values)
    if trainings <= rest:
        return []
    size = num_trainings * num_clips
    return [
        _Term(trainings / size, num_trainings - 1),
        _Term(-rest / size, (num_trainings - 1) * (num_clips - 1)),
    ]


def _mean_squares(values: np.ndarray) -> tuple[float, float, float]:
    """Mean squares of clips, trainings and rest of a table (S, N)."""
    num_trainings, num_clips = values.shape
    of_training, of_clip = values.mean(axis=1), values.mean(axis=0)
    rest = values - of_training[:, None] - of_clip + values.mean()
    freedom = (num_trainings - 1) * (num_clips - 1)
    return (
        num_trainings * float(of_clip.var(ddof=1)),
        num_clips * float(of_training.var(ddof=1)),
        float(np.square(rest).sum()) / freedom,
    )


def _students(
    mean: float, terms: Sequence[_Term], num_clips: int, level: float
) -> tuple[Estimate, float]:
    """Interval and p value from the parts of a variance, by Satterthwaite's degrees of freedom."""
    variance = sum(term.part for term in terms)
    if variance <= 0:
        estimate = Estimate(mean=mean, low=mean, high=mean, clips=num_clips)
        return estimate, 1.0 if mean == 0 else 0.0
    freedom = variance**2 / sum(term.part**2 / term.freedom for term in terms)
    error = float(np.sqrt(variance))
    half = error * float(stats.t.ppf((1 + level) / 2, freedom))
    estimate = Estimate(mean=mean, low=mean - half, high=mean + half, clips=num_clips)
    return estimate, float(2 * stats.t.sf(abs(mean) / error, freedom))
