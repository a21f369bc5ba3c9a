"""What the class of every metric derives from: it is shown a clip frame by frame."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from dicface.metrics.facts import BackboneFacts, MetricFacts
from dicface.metrics.protocol import EvaluationProtocol
from dicface.metrics.truth import TruthAnalysis
from dicface.metrics.view import FrameView


class Metric(ABC):
    """Measures one restored clip; a new one is made for each clip.

    Attributes:
        facts: What tables need to know of it.
        needs: Backbones it is computed with, the one that tables name last; empty for pixels alone.
        says: What its value is and is not, for a footnote; "{reference}" stands for what a restored
            clip is measured beside.
        analysis: Of the clip's truth.
        protocol: How it is measured; `protocol.backbones[...]` gives a backbone that it needs.
    """

    facts: ClassVar[MetricFacts]
    needs: ClassVar[tuple[BackboneFacts, ...]] = ()
    says: ClassVar[str] = ""

    def __init__(self, analysis: TruthAnalysis, protocol: EvaluationProtocol) -> None:
        self.analysis, self.protocol = analysis, protocol

    @classmethod
    def note(cls, reference: str) -> str:
        """What its value is and is not, measured beside the "truth" or the "input"."""
        return cls.says.format(reference=reference)

    @abstractmethod
    def update(self, view: FrameView) -> None:
        """Looks at the clip's next frame."""


class FrameMetric(Metric):
    """A metric with one value a frame, of the frame alone or of it and its neighbours."""

    @abstractmethod
    def values(self) -> NDArray[np.float64]:
        """Values of all frames of `frames`, in order; called once, after the last frame."""

    @staticmethod
    def frames(num_frames: int, protocol: EvaluationProtocol) -> range:
        """Numbers of the frames at which a clip of so many frames has a value."""
        return range(num_frames)


class SingleFrameMetric(FrameMetric):
    """A metric whose value of a frame needs no other frame."""

    def __init__(self, analysis: TruthAnalysis, protocol: EvaluationProtocol) -> None:
        super().__init__(analysis, protocol)
        self._values: list[float] = []

    @abstractmethod
    def value(self, view: FrameView) -> float:
        """Value of a frame; NaN where it has none, which is counted."""

    def update(self, view: FrameView) -> None:
        """Looks at the clip's next frame."""
        self._values.append(self.value(view))

    def values(self) -> NDArray[np.float64]:
        """See `FrameMetric.values`."""
        return np.array(self._values, np.float64)


@dataclass(frozen=True, kw_only=True, eq=False)
class Sides:
    """What was found on a restored clip and on its truth, arrays of one shape."""

    restored: NDArray[np.float32]
    truth: NDArray[np.float32]


class SetMetric(Metric):
    """A metric with one value for all clips together: a distance of two sets of features.

    Attributes:
        features_of: The metric whose features it compares; empty: its own.
    """

    features_of: ClassVar[str] = ""

    @abstractmethod
    def features(self) -> Sides:
        """Features (W, D) float32 of the clip's windows; called once, after its last frame."""

    @staticmethod
    @abstractmethod
    def distance(restored: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
        """The metric's value of the (N, D) features of all clips, N at least 2."""
