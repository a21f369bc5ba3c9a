"""Statistics of a table: means over clips, their intervals, paired differences, ranks and tests.

A clip is the unit of everything here: frames of a clip resemble each other, clips do not. All
methods and metrics are resampled with the same clips, so that differences are paired.

Arrays are clips in one agreed order, NaN where a clip has no value. Shapes: N clips, B resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import stats

from dicface.base.errors import MetricError
from dicface.base.seeds import numpy_rng

LEVEL = 0.95
SIGNIFICANCE = 0.05
"""A corrected p value below this tells two rows apart."""

NUM_RESAMPLES = 10_000
MAX_EXACT_CLIPS = 13
"""Up to this many clips the sign-flip test tries every pattern of signs (8192)."""

MIN_VERDICT_CLIPS = 6
"""Below this many clips no difference is called better or worse. A bootstrap cannot leave the range
of its clips: of three clips all lie on one side of zero by chance in one case out of four. Six is
the first number at which that chance (2 / 2^n) is below 5 %."""

Distance = Callable[[np.ndarray, np.ndarray], float]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean, or a set-level value, with its 95 % interval.

    Attributes:
        mean: The estimate; NaN when no clip has a value.
        low: Lower end of the interval; NaN when fewer than two clips have a value.
        high: Upper end of the interval.
        clips: How many clips it rests on.
    """

    mean: float
    low: float
    high: float
    clips: int

    def sign(self) -> int:
        """Returns 1 or -1 if the interval lies above or below zero, and 0 if it does not.

        0 also without an interval and with fewer than `MIN_VERDICT_CLIPS` clips.
        """
        if self.clips < MIN_VERDICT_CLIPS:
            return 0
        return int(self.low > 0) - int(self.high < 0)


def bootstrap_counts(clips: Sequence[str], *, num_resamples: int = NUM_RESAMPLES) -> np.ndarray:
    """Draws N clips with replacement B times; the seed comes from the clips' names.

    Returns:
        (B, N) float64: how often each clip was drawn in each resample; every row sums to N. The
        same clips give the same draws for every method, metric and table: that is the pairing.
    """
    num_clips = len(clips)
    draws = numpy_rng("report", "bootstrap", *clips).integers(
        num_clips, size=(num_resamples, num_clips)
    )
    flat = draws + num_clips * np.arange(num_resamples)[:, None]
    counts = np.bincount(flat.ravel(), minlength=num_resamples * num_clips)
    return counts.reshape(num_resamples, num_clips).astype(np.float64)


def tail_probability(num_clips: int, level: float = LEVEL) -> float:
    """Returns the share of resamples to cut at each end of the percentile interval.

    The plain percentile interval (2.5 % at each end) is too short with few clips: it knows nothing
    of Student's t and resamples spread by sqrt((n - 1) / n) too little. This is the expanded
    percentile interval of Hesterberg, "What Teachers Should Know About the Bootstrap" (2015),
    which mends both and tends to 2.5 % as n grows.

    >>> round(tail_probability(10_000), 4)
    0.025
    """
    t = stats.t.ppf((1 + level) / 2, num_clips - 1)
    return float(stats.norm.cdf(-np.sqrt(num_clips / (num_clips - 1)) * t))


def mean_interval(values: np.ndarray, counts: np.ndarray, level: float = LEVEL) -> Estimate:
    """Mean over the clips that have a value, with its bootstrap interval.

    For the difference of two methods pass the clip-wise difference: a clip that one of them lacks
    is then NaN and counts for neither.

    Args:
        values: (N,) one value a clip, NaN where it is missing.
        counts: (B, N) from `bootstrap_counts`.
        level: Coverage aimed at.
    """
    valid = np.isfinite(values)
    num_valid = int(valid.sum())
    if num_valid == 0:
        return Estimate(mean=np.nan, low=np.nan, high=np.nan, clips=0)
    mean = float(values[valid].mean())
    if num_valid == 1:
        return Estimate(mean=mean, low=np.nan, high=np.nan, clips=1)
    sizes = counts @ valid
    sums = counts @ np.where(valid, values, 0.0)
    means = sums[sizes > 0] / sizes[sizes > 0]
    tail = tail_probability(num_valid, level)
    low, high = np.quantile(means, [tail, 1 - tail])
    return Estimate(mean=mean, low=float(low), high=float(high), clips=num_valid)


def jackknife_interval(
    whole: float, left_out: np.ndarray, num_clips: int, level: float = LEVEL
) -> Estimate:
    """Interval of a set-level value from its delete-one-clip values: whole ± t · se.

    se² = (n - 1) / n · Σ (θ_(i) - mean θ_(.))². The difference of two methods has an interval from
    the difference of their delete-one values, clip by clip: paired like the bootstrap.

    Args:
        whole: Value over all clips.
        left_out: (n,) values with clip i left out; empty or not finite: no interval.
        num_clips: Clips behind `whole`.
        level: Coverage aimed at.
    """
    n = len(left_out)
    if n < 3 or not np.isfinite(left_out).all():
        return Estimate(mean=whole, low=np.nan, high=np.nan, clips=num_clips)
    half = standard_error(left_out) * stats.t.ppf((1 + level) / 2, n - 1)
    return Estimate(mean=whole, low=float(whole - half), high=float(whole + half), clips=num_clips)


def standard_error(left_out: np.ndarray) -> float:
    """Jackknife standard error from delete-one values (n,)."""
    n = len(left_out)
    return float(np.sqrt((n - 1) / n * np.square(left_out - left_out.mean()).sum()))


@dataclass(frozen=True, kw_only=True)
class FeatureSet:
    """Window features of one method's clips, from which a set-level distance is computed.

    Attributes:
        clips: Names of the clips that have at least one window.
        restored: (W, D) features of the restored windows.
        truth: (W, D) features of the true windows.
        window_clip: (W,) name of each window's clip.
        distance: Fréchet distance between two feature sets (n, D), (m, D).
    """

    clips: tuple[str, ...]
    restored: np.ndarray
    truth: np.ndarray
    window_clip: np.ndarray
    distance: Distance

    @property
    def num_windows(self) -> int:
        """Number of windows W."""
        return len(self.window_clip)

    @property
    def dimension(self) -> int:
        """Number of features D of a window."""
        return self.restored.shape[1]

    def over(self, clips: Sequence[str]) -> float:
        """Distance over the windows of `clips` alone; NaN with fewer than two windows."""
        chosen = np.isin(self.window_clip, list(clips))
        if chosen.sum() < 2:
            return float("nan")
        return float(self.distance(self.restored[chosen], self.truth[chosen]))

    @cached_property
    def whole(self) -> float:
        """Distance over all clips."""
        return self.over(self.clips)

    @cached_property
    def left_out(self) -> np.ndarray:
        """(n,) distances with one clip left out, in the order of `clips`."""
        return self._left_out(self.clips)

    def _left_out(self, clips: Sequence[str]) -> np.ndarray:
        return np.array([self.over([c for c in clips if c != out]) for out in clips])

    def on(self, clips: Sequence[str]) -> tuple[float, np.ndarray]:
        """Whole and delete-one values over `clips`, a subset of this set's clips."""
        if tuple(clips) == self.clips:
            return self.whole, self.left_out
        return self.over(clips), self._left_out(clips)


def set_interval(features: FeatureSet) -> Estimate:
    """Set-level distance (FVD) with its jackknife interval over clips.

    Why no bootstrap: a resample repeats clips, and the Fréchet distance of sets with repeated
    windows is larger (its covariances lose rank), so that a percentile interval lies above the
    value it is meant to surround. Leaving one clip out repeats nothing.
    """
    estimate = jackknife_interval(features.whole, features.left_out, len(features.clips))
    # A distance is never negative, a symmetric interval may be.
    return replace(estimate, low=float(np.maximum(estimate.low, 0)))


def set_difference(a: FeatureSet, b: FeatureSet) -> tuple[Estimate, float]:
    """Difference a - b of two set-level distances over their common clips, and its p value."""
    common = tuple(clip for clip in a.clips if clip in set(b.clips))
    whole_a, left_a = a.on(common)
    whole_b, left_b = b.on(common)
    estimate = jackknife_interval(whole_a - whole_b, left_a - left_b, len(common))
    return estimate, _t_test(estimate.mean, left_a - left_b)


def _t_test(difference: float, left_out: np.ndarray) -> float:
    n = len(left_out)
    if n < 3 or not np.isfinite(left_out).all():
        return float("nan")
    error = standard_error(left_out)
    if error == 0:
        return 1.0 if difference == 0 else 0.0
    return float(2 * stats.t.sf(abs(difference) / error, n - 1))


def sign_flip_test(differences: np.ndarray, *names: str, num_flips: int = NUM_RESAMPLES) -> float:
    """Two-sided p value of a paired difference: signs of clip-wise differences flipped at random.

    Exact up to `MAX_EXACT_CLIPS` clips, else `num_flips` seeded patterns. With n clips the
    smallest possible value is 2 / 2^n: five clips can never reach 5 %.

    Args:
        differences: (N,) clip-wise differences; NaN is left out.
        *names: Names for the seed of the random patterns.
        num_flips: Number of random patterns where the exact test would be too long.
    """
    found = differences[np.isfinite(differences)]
    n = len(found)
    if n < 2:
        return float("nan")
    if n <= MAX_EXACT_CLIPS:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
    else:
        signs = numpy_rng("report", "sign flips", *names).choice([-1, 1], size=(num_flips, n))
        signs[0] = 1  # the observed pattern counts, so that p is never zero
    sums = np.abs(signs @ found)
    return float((sums >= abs(found.sum()) * (1 - 1e-12)).mean())


@dataclass(frozen=True, kw_only=True)
class Wins:
    """On how many clips one method is better than another.

    Attributes:
        wins: Clips on which it is; a tie is none.
        clips: Clips that both have.
        low: Lower end of the 95 % interval of the share (Wilson); NaN below `MIN_VERDICT_CLIPS`.
        high: Upper end.
    """

    wins: int
    clips: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """How probable it is that the first is better on a clip; NaN without clips."""
        return self.wins / self.clips if self.clips else float("nan")


def wins(differences: np.ndarray, *, higher_is_better: bool, level: float = LEVEL) -> Wins:
    """Counts the clips on which a method is better, from clip-wise differences a - b.

    Args:
        differences: (N,) a - b; NaN is left out.
        higher_is_better: Of the metric.
        level: Coverage aimed at.

    >>> found = wins(np.array([0.2, 0.1, -0.1, np.nan]), higher_is_better=True)
    >>> found.wins, found.clips
    (2, 3)
    """
    found = differences[np.isfinite(differences)]
    num_wins = int((found > 0).sum() if higher_is_better else (found < 0).sum())
    if len(found) < MIN_VERDICT_CLIPS:
        return Wins(wins=num_wins, clips=len(found), low=float("nan"), high=float("nan"))
    low, high = stats.binomtest(num_wins, len(found)).proportion_ci(level, method="wilson")
    return Wins(wins=num_wins, clips=len(found), low=float(low), high=float(high))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Corrects p values for their number (Holm's step-down method); NaN stays NaN, uncounted.

    >>> holm({"a": 0.01, "b": 0.04})
    {'a': 0.02, 'b': 0.04}
    """
    ordered = sorted((p, name) for name, p in p_values.items() if np.isfinite(p))
    corrected = {name: float("nan") for name in p_values}
    largest = 0.0
    for rank, (p, name) in enumerate(ordered):
        largest = max(largest, min(1.0, p * (len(ordered) - rank)))
        corrected[name] = largest
    return corrected


def ranks(means: Mapping[str, float], *, higher_is_better: bool, digits: int) -> dict[str, int]:
    """Ranks methods by their mean as printed: 1 best, 2 second best, 3 the rest, 0 no value.

    Means that print the same share a rank, so that no reader has to wonder why one of two equal
    numbers is bold.

    >>> ranks({"a": 0.9, "b": 0.8, "c": 0.9}, higher_is_better=True, digits=1)
    {'a': 1, 'b': 2, 'c': 1}
    """
    printed = {name: round(mean, digits) for name, mean in means.items() if np.isfinite(mean)}
    order = sorted(set(printed.values()), reverse=higher_is_better)
    place = {value: min(index + 1, 3) for index, value in enumerate(order)}
    return {name: place[printed[name]] if name in printed else 0 for name in means}


def in_order(values: Mapping[str, float], clips: Sequence[str], source: str) -> np.ndarray:
    """Puts values by clip name into the order of `clips`; NaN where a clip has none.

    Raises:
        MetricError: There is a value for a clip that is not among `clips`.
    """
    unknown = sorted(set(values) - set(clips))
    if unknown:
        raise MetricError(
            f"{source}: holds scores of clips that are not in the set: {', '.join(unknown)}. "
            f"Expected only clips of the set ({len(clips)} clips). Score these results again."
        )
    return np.array([values.get(clip, np.nan) for clip in clips], dtype=np.float64)
