"""Landmark jitter. Card: docs/metrics/jitter.md."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dicface.metrics.facts import LANDMARKS, MetricFacts, check_landmarks
from dicface.metrics.high_pass import MIN_FRAMES, high_pass, low_pass
from dicface.metrics.metric import FrameMetric
from dicface.metrics.protocol import EvaluationProtocol
from dicface.metrics.truth import TruthAnalysis
from dicface.metrics.view import FrameView


def landmark_jitter(
    restored: NDArray[np.floating], degraded: NDArray[np.floating]
) -> NDArray[np.float64]:
    """How far landmarks tremble about the path that the input's landmarks take.

    Own definition: the mean over landmarks of ‖H(p − L(g))‖₂, p restored, g input, L a Gaussian
    low pass along time and H what it takes away (`dicface.metrics.high_pass`). The input's path is
    smoothed, as landmarks of degraded frames tremble by themselves. A constant offset costs
    nothing, and neither does steady motion. A truth may stand in the input's place.

    Args:
        restored: (T, L, 2) x and y on the restored frames, px of a 512-px face.
        degraded: (T, L, 2) on the input's frames by the same detector, same unit.

    Returns:
        (T,) px of a 512-px face; NaN where a frame, or its run of frames with a face, is too short
        to be split.

    Raises:
        MetricError: The shapes differ.
    """
    check_landmarks(restored, degraded)
    trembling = high_pass(restored - low_pass(degraded))
    return np.linalg.norm(trembling, axis=-1).mean(axis=-1)


class Jitter(FrameMetric):
    """Landmark jitter of every frame; landmarks of the clip are kept, a kilobyte a frame."""

    facts = MetricFacts(
        id="jitter",
        name="Jitter",
        unit="px",
        higher_is_better=False,
        level="clip",
        digits=3,
    )
    needs = (LANDMARKS,)
    says = (
        "how far 68 landmarks tremble about the smoothed path of the {reference}'s; fast true "
        "motion, as of lips, counts as well, so that its least value is not 0"
    )

    def __init__(self, analysis: TruthAnalysis, protocol: EvaluationProtocol) -> None:
        super().__init__(analysis, protocol)
        self._restored: list[NDArray[np.floating]] = []
        self._degraded: list[NDArray[np.floating]] = []

    def update(self, view: FrameView) -> None:
        """Looks at the clip's next frame."""
        self._restored.append(view.steady_landmarks)
        self._degraded.append(view.true_steady_landmarks)

    def values(self) -> NDArray[np.float64]:
        """Pixels of a 512-px face."""
        restored, degraded = np.stack(self._restored), np.stack(self._degraded)
        return self.of_tracks(restored, degraded)[: len(self.frames(len(restored), self.protocol))]

    @staticmethod
    def of_tracks(
        restored: NDArray[np.floating], degraded: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Values of all frames from both tracks."""
        return landmark_jitter(restored, degraded)

    @staticmethod
    def frames(num_frames: int, protocol: EvaluationProtocol) -> range:
        """Every frame; none of a clip that is too short to be split."""
        return range(num_frames if num_frames >= MIN_FRAMES else 0)
