"""Identity between neighbouring frames. Card: docs/metrics/identity_steps.md."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dicface.metrics.facts import IDENTITY, LANDMARKS, MetricFacts
from dicface.metrics.ids import identity_similarity
from dicface.metrics.metric import FrameMetric
from dicface.metrics.protocol import EvaluationProtocol
from dicface.metrics.truth import TruthAnalysis
from dicface.metrics.view import FrameView


class IdentitySteps(FrameMetric):
    """Similarity of the faces of each frame and of the one before."""

    facts = MetricFacts(
        id="identity_steps",
        name="IDS steps",
        unit="",
        higher_is_better=True,
        level="clip",
        digits=4,
    )
    needs = (LANDMARKS, IDENTITY)
    says = (
        "identity similarity of neighbouring frames: whether the face stays one person, not "
        "whether it is the right one"
    )

    def __init__(self, analysis: TruthAnalysis, protocol: EvaluationProtocol) -> None:
        super().__init__(analysis, protocol)
        self._before: NDArray[np.float64] | None = None
        self._values: list[float] = []

    def update(self, view: FrameView) -> None:
        """Looks at the clip's next frame."""
        now = None if view.box is None else view.embedding
        known = now is not None and self._before is not None
        self._values.append(identity_similarity(now, self._before) if known else math.nan)
        self._before = now

    def values(self) -> NDArray[np.float64]:
        """Numbers in [-1, 1] of frames 1 to T − 1; NaN where either has no face."""
        return np.array(self._values[1:], np.float64)

    @staticmethod
    def frames(num_frames: int, protocol: EvaluationProtocol) -> range:
        """Every frame that has one before it."""
        return range(1, num_frames)
