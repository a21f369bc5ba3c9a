"""IDS of embeddings whose angle is known."""

import numpy as np
import pytest

from dicface.base.errors import MetricError
from dicface.metrics.ids import identity_similarity


def test_identity_similarity_is_the_cosine_whatever_the_norms() -> None:
    a = np.array([1.0, 0, 0])
    assert identity_similarity(7 * a, a) == 1
    assert identity_similarity(-a, a) == -1
    assert identity_similarity(np.array([1.0, 1, 0]), a) == pytest.approx(np.sqrt(0.5))
    for bad in (np.zeros(3), np.ones(4), np.array([1.0, np.nan, 0])):
        with pytest.raises(MetricError, match="identity embeddings"):
            identity_similarity(bad, a)
