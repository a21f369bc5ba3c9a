"""What the measures of a picture's quality have in common: each looks at single frames alone."""

from __future__ import annotations

from dicface.metrics.metric import SingleFrameMetric
from dicface.metrics.protocol import EvaluationProtocol
from dicface.metrics.view import FrameView

STRIDE = 4
"""Every so many frames are looked at: neighbours look alike, and the networks are slow."""


class QualityMetric(SingleFrameMetric):
    """Quality of every fourth frame, as a 512-px face, by the backbone that it needs."""

    def update(self, view: FrameView) -> None:
        """Looks at the clip's next frame, if it is one of those."""
        if view.number % STRIDE == 0:
            super().update(view)

    def value(self, view: FrameView) -> float:
        """What the backbone says of the frame."""
        return self.protocol.backbones[self.needs[-1]].quality(view.face)

    @staticmethod
    def frames(num_frames: int, protocol: EvaluationProtocol) -> range:
        """Every fourth frame."""
        return range(0, num_frames, STRIDE)
