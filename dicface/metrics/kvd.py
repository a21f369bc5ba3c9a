"""KVD: kernel distance between features of restored and true windows. Card: docs/metrics/kvd.md."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import MetricError
from dicface.metrics.facts import MetricFacts
from dicface.metrics.fvd import Fvd

SCALE = 1000
"""Values are printed in thousandths, as those of KID are."""


def kernel_distance(restored: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """Squared maximum mean discrepancy with the cubic kernel (x·y / D + 1)³, unbiased.

    Binkowski et al., ICLR 2018. Windows are paired, so that the estimate is the U-statistic over
    pairs i ≠ j of k(x_i, x_j) + k(y_i, y_j) − k(x_i, y_j) − k(x_j, y_i) (Gretton et al., JMLR 2012,
    eq. 4): exactly 0 for equal features, and unlike the Fréchet distance unbiased however few
    windows there are.

    Args:
        restored: (n, D) features, n ≥ 2.
        truth: (n, D) features of the same network and windows.

    Returns:
        Thousandths; may be slightly negative where both sides are alike.

    Raises:
        MetricError: Fewer than two windows, other shapes, or features that are not finite.
    """
    finite = np.isfinite(restored).all() and np.isfinite(truth).all()
    if restored.shape != truth.shape or restored.ndim != 2 or len(truth) < 2 or not finite:
        raise MetricError(
            f"KVD features: found shapes {restored.shape} (restored) and {truth.shape} (truth)"
            f"{'' if finite else ' with values that are not finite'}; expected the same (windows, "
            "features), finite, of at least two windows. Score more clips."
        )
    x, y = restored.astype(np.float64), truth.astype(np.float64)
    dimension, n = x.shape[1], len(x)
    cross = (x @ y.T / dimension + 1) ** 3
    total = (x @ x.T / dimension + 1) ** 3 + (y @ y.T / dimension + 1) ** 3 - cross - cross.T
    return float(SCALE * (total.sum() - np.trace(total)) / (n * (n - 1)))


class Kvd(Fvd):
    """The features of FVD's windows, compared by a kernel."""

    facts = MetricFacts(
        id="kvd",
        name="KVD",
        unit="10⁻³",
        higher_is_better=False,
        level="set",
        digits=2,
    )
    features_of = Fvd.facts.id
    distance = staticmethod(kernel_distance)
