"""TLME: temporal landmark motion error. Card: docs/metrics/tlme.md."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dicface.metrics.facts import LANDMARKS, MetricFacts, check_landmarks
from dicface.metrics.metric import FrameMetric
from dicface.metrics.protocol import EvaluationProtocol
from dicface.metrics.truth import TruthAnalysis
from dicface.metrics.view import FrameView, LandmarkView


def landmark_motion_error(
    restored: NDArray[np.floating], truth: NDArray[np.floating]
) -> NDArray[np.float64]:
    """How far landmarks of the restored clip move otherwise than those of the truth.

    Own definition (none is published): for t ≥ 1 the mean over landmarks of
    ‖(p_t − p_{t−1}) − (g_t − g_{t−1})‖₂, p restored, g truth.

    Args:
        restored: (T, L, 2) x and y on the restored frames, px of a 512-px face.
        truth: (T, L, 2) x and y on the true frames by the same detector, same unit.

    Returns:
        (T − 1,) float64, px of a 512-px face a frame: the values of frames 1 to T − 1; NaN where
        a frame or the one before it has no landmarks. A constant offset of a clip costs nothing.

    Raises:
        MetricError: The shapes differ.

    >>> still = np.zeros((3, 68, 2))
    >>> landmark_motion_error(still + [3, 4], still)
    array([0., 0.])
    """
    check_landmarks(restored, truth)
    difference = np.diff(restored - truth, axis=0)
    return np.linalg.norm(difference, axis=-1).mean(axis=-1)


class Tlme(FrameMetric):
    """TLME of every frame but the first; landmarks of the clip are kept, a kilobyte a frame."""

    facts = MetricFacts(
        id="tlme",
        name="TLME",
        unit="px",
        higher_is_better=False,
        level="clip",
        digits=3,
        in_noise_floor=True,
    )
    needs = (LANDMARKS,)

    def __init__(self, analysis: TruthAnalysis, protocol: EvaluationProtocol) -> None:
        super().__init__(analysis, protocol)
        self._restored: list[NDArray[np.floating]] = []
        self._truth: list[NDArray[np.floating]] = []

    def update(self, view: FrameView | LandmarkView) -> None:
        """Looks at the clip's next frame."""
        self._restored.append(view.landmarks)
        self._truth.append(view.true_landmarks)

    def values(self) -> NDArray[np.float64]:
        """Pixels of a 512-px face a frame, of frames 1 to T − 1."""
        return landmark_motion_error(np.stack(self._restored), np.stack(self._truth))

    @staticmethod
    def frames(num_frames: int, protocol: EvaluationProtocol) -> range:
        """Every frame that has one before it."""
        return range(1, num_frames)
