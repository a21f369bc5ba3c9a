"""Whether a number that a network gives says where it errs: ranks, and error against coverage."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

COVERAGES = (0.1, 0.25, 0.5, 0.75, 1.0)


def risk(score: NDArray, error: NDArray, coverages: tuple[float, ...] = COVERAGES) -> NDArray:
    """Mean error of the positions that are kept, the surest first.

    Args:
        score: (n,) smaller is surer; equal ones share their mean error.
        error: (n,).
        coverages: Shares of the positions to keep.

    Returns:
        One mean a coverage.

    >>> risk(np.array([1, 2, 3, 4]), np.array([0.0, 1.0, 2.0, 3.0]), (0.5, 1.0)).tolist()
    [0.5, 1.5]
    """
    means = np.cumsum(_surest_first(score, error)) / np.arange(1, len(error) + 1)
    kept = np.maximum(np.round(np.array(coverages) * len(error)).astype(int), 1)
    return means[kept - 1]


def gain(score: NDArray, error: NDArray) -> float:
    """Area under risk against coverage: 1 as if sorted by the error itself, 0 as if at random.

    Below 0 it is worse than chance; NaN where all errors are equal.

    >>> gain(np.array([1, 2, 3]), np.array([0.1, 0.2, 0.3]))
    1.0
    """
    count = np.arange(1, len(error) + 1)
    areas = [
        (np.cumsum(each) / count).mean() for each in (_surest_first(score, error), np.sort(error))
    ]
    worst = error.mean()
    return float((worst - areas[0]) / (worst - areas[1])) if worst > areas[1] else float("nan")


def _surest_first(score: NDArray, error: NDArray) -> NDArray:
    """Errors in the order of their scores; equal scores say nothing of an order."""
    _, group, size = np.unique(score, return_inverse=True, return_counts=True)
    mean = np.bincount(group, error) / size
    return mean[np.sort(group)]


@dataclass
class Calibration:
    """Gathers, clip by clip, how a score ranks the error; means are over clips."""

    _spearman: list[float] = field(default_factory=list)
    _gain: list[float] = field(default_factory=list)
    _risk: list[NDArray] = field(default_factory=list)

    def add(self, score: NDArray, error: NDArray) -> None:
        """Takes score and error of all positions of a clip, (T, h·w) each."""
        score, error = score.ravel().astype(np.float64), error.ravel().astype(np.float64)
        constant = np.ptp(score) == 0 or np.ptp(error) == 0
        self._spearman.append(np.nan if constant else stats.spearmanr(score, error).statistic)
        self._gain.append(gain(score, error))
        self._risk.append(risk(score, error))

    def numbers(self) -> dict[str, Any]:
        """Returns what was found, as values of JSON; None for what cannot be."""
        found = np.array(self._spearman)[np.isfinite(self._spearman)]
        gains = np.array(self._gain)[np.isfinite(self._gain)]
        risks = np.mean(self._risk, axis=0)
        return {
            "spearman": float(found.mean()) if len(found) else None,
            "spearman_sd": float(found.std(ddof=1)) if len(found) > 1 else None,
            "risk_coverage_gain": float(gains.mean()) if len(gains) else None,
            "error_at_coverage": dict(zip(map(str, COVERAGES), risks.tolist(), strict=True)),
        }
