"""KVD: known answers of the kernel distance, and that it reads FVD's features."""

import numpy as np
import pytest

from dicface.base.errors import MetricError
from dicface.metrics import METRICS, features_of
from dicface.metrics.kvd import SCALE, kernel_distance


def test_by_hand() -> None:
    x, y = np.array([[1.0], [2.0]]), np.array([[0.0], [1.0]])
    # Pairs i ≠ j: k(1, 2) + k(0, 1) − k(1, 1) − k(2, 0), twice, over n (n − 1) = 2.
    assert kernel_distance(x, y) == pytest.approx(SCALE * (27 + 1 - 8 - 1))


def test_equal_features_cost_nothing() -> None:
    features = np.random.default_rng(0).normal(size=(12, 8))
    # To the rounding of a matrix product, whose order of sums is the processor's.
    assert kernel_distance(features, features) == pytest.approx(0, abs=1e-10)


def test_the_mean_over_draws_does_not_depend_on_the_number_of_windows() -> None:
    rng = np.random.default_rng(1)

    def mean(windows: int) -> float:
        draws = rng.normal(scale=0.2, size=(2, 2000, windows, 4))
        return float(np.mean([kernel_distance(x + 0.3, y) for x, y in zip(*draws, strict=True)]))

    assert mean(4) == pytest.approx(mean(16), rel=0.05)


def test_it_compares_the_features_of_fvd_and_ranks_however_few_windows() -> None:
    assert features_of("kvd") == features_of("fvd") == "fvd"
    assert METRICS["kvd"].min_windows == 0
    assert METRICS["fvd"].min_windows == 64


@pytest.mark.parametrize("shapes", [((1, 4), (1, 4)), ((4, 4), (5, 4)), ((4,), (4,))])
def test_features_that_do_not_fit_are_refused(shapes: tuple) -> None:
    with pytest.raises(MetricError, match="expected the same"):
        kernel_distance(*(np.zeros(shape) for shape in shapes))
    with pytest.raises(MetricError, match="not finite"):
        kernel_distance(np.full((3, 2), np.nan), np.zeros((3, 2)))
