"""One frame of a restored clip beside its truth, as metrics see it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dicface.faces.dlib_models import Box
from dicface.metrics.facts import IDENTITY, LANDMARKS, NUM_POINTS
from dicface.metrics.protocol import EvaluationProtocol
from dicface.metrics.tracks import face_frame
from dicface.metrics.truth import TruthAnalysis

NO_POINTS = np.full((NUM_POINTS, 2), math.nan)


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameView:
    """A pair of frames; what is found on them is computed at most once, and only if asked for.

    Box and alignment come from the truth: a face that is detected only where restoration is good
    would hide the bad frames.

    Attributes:
        number: Of the frame, from 0.
        restored: (S, S, 3) uint8 RGB.
        truth: (S, S, 3) uint8 RGB.
        analysis: Of the true clip.
        protocol: How it is measured.
        mask: (S, S) which pixels the input lacked; None where that is no question.
    """

    number: int
    restored: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    analysis: TruthAnalysis
    protocol: EvaluationProtocol
    mask: NDArray[np.bool_] | None = None

    @cached_property
    def face(self) -> NDArray[np.uint8]:
        """The restored frame at 512×512 px."""
        return face_frame(self.restored)

    @cached_property
    def true_face(self) -> NDArray[np.uint8]:
        """The true frame at 512×512 px."""
        return face_frame(self.truth)

    @cached_property
    def box(self) -> Box | None:
        """Where the face is in both, px of the 512-px face; None where there is none."""
        return self.analysis.box(self.number)

    @cached_property
    def landmarks(self) -> NDArray[np.float64]:
        """(68, 2) x and y on the restored face, px of it; NaN where there is no face."""
        if self.box is None:
            return NO_POINTS
        return self.protocol.backbones[LANDMARKS].locate(self.face, self.box)

    @property
    def true_landmarks(self) -> NDArray[np.float64]:
        """The same on the true face."""
        return self.analysis.landmarks[self.number]

    @cached_property
    def steady_landmarks(self) -> NDArray[np.float64]:
        """The same in the clip's middle box: one found anew in each frame trembles by itself."""
        return self._steady(self.face)

    @cached_property
    def true_steady_landmarks(self) -> NDArray[np.float64]:
        """The same on the true face."""
        return self._steady(self.true_face)

    def _steady(self, face: NDArray[np.uint8]) -> NDArray[np.float64]:
        if self.box is None:
            return NO_POINTS
        return self.protocol.backbones[LANDMARKS].locate(face, self.analysis.steady_box)

    @property
    def shows_identity(self) -> bool:
        """Whether the protocol looks at the identity of this frame."""
        return self.number % self.protocol.identity_stride == 0

    @cached_property
    def embedding(self) -> NDArray[np.float64]:
        """(D,) identity of the restored face, cut out by the true landmarks; needs a box."""
        return self.protocol.backbones[IDENTITY].embed(self.face, self.true_landmarks)

    @property
    def true_embedding(self) -> NDArray[np.float64]:
        """(D,) identity of the true face; NaN where there is none or it is not looked at."""
        return self.analysis.embeddings[self.number]


@dataclass(frozen=True, kw_only=True, eq=False)
class LandmarkView:
    """A frame of which landmarks alone are known: enough for metrics that need nothing else.

    Attributes:
        landmarks: (L, 2) x and y, px of the 512-px face; NaN where there is no face.
        true_landmarks: (L, 2), likewise.
    """

    landmarks: NDArray[np.float64]
    true_landmarks: NDArray[np.float64]
