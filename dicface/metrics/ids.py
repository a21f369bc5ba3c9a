"""IDS: identity similarity of restored and true face. Card: docs/metrics/ids.md."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import MetricError
from dicface.metrics.facts import IDENTITY, LANDMARKS, MetricFacts
from dicface.metrics.metric import SingleFrameMetric
from dicface.metrics.protocol import EvaluationProtocol
from dicface.metrics.view import FrameView


def identity_similarity(restored: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """Cosine of the angle between two identity embeddings of one network.

    Args:
        restored: (D,) embedding of the restored face, of any norm but zero.
        truth: (D,) embedding of the true face.

    Returns:
        A number in [-1, 1]; 1 for the same face.

    Raises:
        MetricError: The embeddings differ in length, are zero or not finite.

    >>> identity_similarity(np.array([2.0, 0.0]), np.array([3.0, 0.0]))
    1.0
    """
    lengths = np.linalg.norm(restored), np.linalg.norm(truth)
    if (
        restored.shape != truth.shape
        or restored.ndim != 1
        or not all(0 < n < np.inf for n in lengths)
    ):
        raise MetricError(
            f"identity embeddings: found shapes {restored.shape} and {truth.shape} with norms "
            f"{lengths[0]:.3g} and {lengths[1]:.3g}; expected two finite vectors of one length "
            "from the same network."
        )
    return float(np.clip(np.dot(restored, truth) / (lengths[0] * lengths[1]), -1, 1))


class Ids(SingleFrameMetric):
    """IDS of every frame that the protocol looks at."""

    facts = MetricFacts(
        id="ids",
        name="IDS",
        unit="",
        higher_is_better=True,
        level="frame",
        digits=3,
        in_noise_floor=True,
    )
    needs = (LANDMARKS, IDENTITY)

    def update(self, view: FrameView) -> None:
        """Looks at the clip's next frame, if the protocol does."""
        if view.shows_identity:
            super().update(view)

    def value(self, view: FrameView) -> float:
        """A number in [-1, 1]; NaN where there is no face."""
        if view.box is None:
            return math.nan
        return identity_similarity(view.embedding, view.true_embedding)

    @staticmethod
    def frames(num_frames: int, protocol: EvaluationProtocol) -> range:
        """Every so many frames, as the protocol says."""
        return range(0, num_frames, protocol.identity_stride)
