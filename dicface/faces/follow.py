"""One face followed from frame to frame by the flow of its points, between measurements.

Between two frames a face moves as a similarity: the one most of its points agree on. That is exact
and cheap, but adds up its errors; a detector measures where the face is, seldom and with noise. A
`Trail` keeps both, and `Trail.points` joins them: slow motion from the detector, fast from the
flow. Steady motion is thus followed without lag, and noise of the detector is averaged out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from dicface.faces.detect import Face
from dicface.faces.dlib_models import Box
from dicface.faces.track import SMOOTHING_SIGMA_FRAMES, filled_and_smoothed

_CARRIED_SIGMA = 1.2
"""Smoothing of the flow's own noise, frames; little, so that quick motion stays."""
_MAX_POINTS = 40
_FEWEST_POINTS = 8
_SMALLEST_SHARE = 0.5
"""Share of the points that must agree on the motion of a face."""
_LARGEST_ERROR_PX = 1.0
_MOST_GROWTH = 1.15
"""A face does not grow or shrink more from one frame to the next."""


@dataclass(eq=False)
class Trail:
    """Where one face was, frame after frame, until it was lost.

    Attributes:
        first: Its first frame.
        box: Where it is now, px.
        carried: (5, 2) points of each frame, carried by the flow from the first frame on.
        offsets: Of each frame with a measurement, measured minus carried points, (5, 2).
        scores: The detector's confidence of each measurement.
        embeddings: Identity of the face in some of the frames.
        misses: Searches in vain since the last measurement.
        adrift: Frames since its motion was last known.
    """

    first: int
    box: Box
    carried: list[NDArray[np.float64]] = field(default_factory=list)
    offsets: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    scores: list[float] = field(default_factory=list)
    embeddings: list[NDArray[np.float64]] = field(default_factory=list)
    misses: int = 0
    adrift: int = 0
    _features: NDArray[np.float32] | None = None

    @classmethod
    def begin(cls, frame: int, face: Face) -> Trail:
        """A trail that begins with a detected face."""
        trail = cls(first=frame, box=face.box, carried=[face.points])
        trail.measure(frame, face)
        return trail

    @property
    def last(self) -> int:
        """The last frame it was followed to."""
        return self.first + len(self.carried) - 1

    @property
    def last_measured(self) -> int:
        """The last frame in which it was detected."""
        return max(self.offsets)

    @property
    def identity(self) -> NDArray[np.float64] | None:
        """Mean of the embeddings, if there are any."""
        return np.mean(self.embeddings, axis=0) if self.embeddings else None

    def measure(self, frame: int, face: Face) -> None:
        """Takes the face found in the newest frame."""
        self.offsets[frame] = face.points - self.carried[-1]
        self.scores.append(face.score)
        self.box, self.misses, self.adrift = face.box, 0, 0
        self._features = None

    def follow(self, before: NDArray[np.uint8], now: NDArray[np.uint8]) -> None:
        """Goes on by one frame.

        Args:
            before: (H, W) uint8 luma of the frame that the trail has reached.
            now: The next one.
        """
        motion = self._motion(before, now)
        self.adrift = 0 if motion is not None else self.adrift + 1
        if motion is None:
            motion = np.eye(2, 3)
        self.carried.append(_moved(self.carried[-1], motion))
        self.box = _moved_box(self.box, motion)

    def follow_back(self, lumas: list[NDArray[np.uint8]]) -> None:
        """Goes back from its first frame for as long as the motion is known.

        Args:
            lumas: (H, W) uint8 of the first frame, of the one before it, and so on.
        """
        now_at = self.box
        for now, before in pairwise(lumas):
            motion = self._motion(now, before)
            if motion is None:
                break
            self.carried.insert(0, _moved(self.carried[0], motion))
            self.box = _moved_box(self.box, motion)
            self.first -= 1
        self.box, self._features = now_at, None

    def cut(self, last: int) -> None:
        """Forgets the frames after `last`."""
        del self.carried[last - self.first + 1 :]

    def points(self) -> NDArray[np.float64]:
        """(T, 5, 2) px: the carried points, moved by their smoothed distance to the measured."""
        raw = np.full((len(self.carried), 5, 2), np.nan)
        # A detector's slip is alone: the middle one of three neighbours is none.
        offsets = median_filter(list(self.offsets.values()), size=(3, 1, 1), mode="nearest")
        raw[np.array(list(self.offsets)) - self.first] = offsets
        # Motion is in the carried points: here, the ends need no extrapolation of noise.
        smooth = filled_and_smoothed(raw, sigma_frames=SMOOTHING_SIGMA_FRAMES, ends="reflect")
        carried = filled_and_smoothed(
            np.array(self.carried), sigma_frames=_CARRIED_SIGMA, ends="extrapolate"
        )
        return carried + smooth

    def _motion(
        self, before: NDArray[np.uint8], now: NDArray[np.uint8]
    ) -> NDArray[np.float64] | None:
        """Similarity (2, 3) from the last frame's px to the next one's; None if it is not known."""
        # A face moves little from frame to frame: what is near is all that is looked at.
        left, top, right, bottom = region(self.box, 0.5, *before.shape)
        if right - left < 16 or bottom - top < 16:
            return None
        corner = np.array([left, top])
        old, new = before[top:bottom, left:right], now[top:bottom, left:right]
        if self._features is None or len(self._features) < _MAX_POINTS // 2:
            self._features = _features(before, self.box)
        if len(self._features) < _FEWEST_POINTS:
            return None
        points = (self._features - corner).astype(np.float32)[:, None]
        how = {"winSize": (15, 15), "maxLevel": 2}
        there, found, _ = cv2.calcOpticalFlowPyrLK(old, new, points, None, **how)
        back, returned, _ = cv2.calcOpticalFlowPyrLK(new, old, there, None, **how)
        error = np.linalg.norm(back - points, axis=2)[:, 0]
        good = (found[:, 0] > 0) & (returned[:, 0] > 0) & (error < _LARGEST_ERROR_PX)
        total = len(points)
        if good.sum() < max(_FEWEST_POINTS, _SMALLEST_SHARE * total):
            self._features = None
            return None
        a, b = points[good, 0] + corner, there[good, 0] + corner
        motion, agree = cv2.estimateAffinePartial2D(
            a, b, method=cv2.RANSAC, ransacReprojThreshold=1.0
        )
        if motion is None or agree.sum() < max(_FEWEST_POINTS, _SMALLEST_SHARE * total):
            self._features = None
            return None
        growth = float(np.hypot(motion[0, 0], motion[1, 0]))
        if not 1 / _MOST_GROWTH < growth < _MOST_GROWTH:
            return None
        self._features = b[agree[:, 0] > 0].astype(np.float32)
        return motion


def _features(luma: NDArray[np.uint8], box: Box) -> NDArray[np.float32]:
    """(N, 2) places of the face that can be found again in the next frame."""
    left, top, right, bottom = region(box, -0.08, *luma.shape)
    if right - left < 8 or bottom - top < 8:
        return np.empty((0, 2), np.float32)
    apart = max(3.0, (right - left) / 16)
    found = cv2.goodFeaturesToTrack(luma[top:bottom, left:right], _MAX_POINTS, 0.01, apart)
    if found is None:
        return np.empty((0, 2), np.float32)
    return found[:, 0] + np.float32([left, top])


def region(box: Box, grown: float, height: int, width: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of a box grown by a share of its size, inside the frame."""
    x, y = grown * box.width, grown * box.height
    return (
        int(np.clip(box.left - x, 0, width)),
        int(np.clip(box.top - y, 0, height)),
        int(np.clip(box.right + x, 0, width)),
        int(np.clip(box.bottom + y, 0, height)),
    )


def _moved_box(box: Box, motion: NDArray[np.floating]) -> Box:
    x, y = _moved(np.array([box.centre]), motion)[0]
    growth = float(np.hypot(motion[0, 0], motion[1, 0]))
    half_width, half_height = box.width * growth / 2, box.height * growth / 2
    return Box(x - half_width, y - half_height, x + half_width, y + half_height)


def _moved(points: NDArray[np.floating], motion: NDArray[np.floating]) -> NDArray[np.float64]:
    return points @ motion[:, :2].T + motion[:, 2]
