"""One face in one shot of a film: where it is in each frame, and its smoothed alignment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from dicface.faces.align import estimate_affine, template
from dicface.faces.track import SMOOTHING_SIGMA_FRAMES

_TEMPLATE_SIZE = 512
_PLAIN = ("number", "person", "shot", "first", "enters", "leaves")


@dataclass(frozen=True, kw_only=True, eq=False)
class Track:
    """One face in one shot.

    Attributes:
        number: 1, 2, …: tracks are sorted by size times time on screen.
        person: Number of the person, 1, 2, …, in the same order; the same over all shots.
        shot: Number of the shot, from 0.
        first: First frame.
        points: (T, 5, 2) float64, smoothed, px of the film's frames.
        detected: (T,) bool, whether a detector found the face in that frame; elsewhere it was
            followed.
        enters: Whether it appears within its shot, and not with its first frame.
        leaves: Whether it goes within its shot.
    """

    number: int
    person: int
    shot: int
    first: int
    points: NDArray[np.float64]
    detected: NDArray[np.bool_]
    enters: bool = False
    leaves: bool = False

    @property
    def frames(self) -> range:
        """The frames it is seen in."""
        return range(self.first, self.first + len(self.points))

    @property
    def face_px(self) -> float:
        """Median side of the square that is cut out, px of the film."""
        scales = np.hypot(self._affines[:, 0, 0], self._affines[:, 1, 0])
        return float(_TEMPLATE_SIZE / np.median(scales))

    def affine(self, frame_index: int, size: int = _TEMPLATE_SIZE) -> NDArray[np.float64]:
        """(2, 3) float64, px of frame `frame_index` of the film → px of the aligned face.

        Raises:
            IndexError: The face is not in that frame.
        """
        if frame_index not in self.frames:
            raise IndexError(f"track {self.number}: no frame {frame_index}, it has {self.frames}")
        return self._affines[frame_index - self.first] * (size / _TEMPLATE_SIZE)

    @cached_property
    def _affines(self) -> NDArray[np.float64]:
        """(T, 2, 3) similarities to the template of 512 px.

        `estimate_affine` drops a point that does not fit, now this one, now that. The change it
        makes to the least-squares similarity is therefore smoothed; that one is as smooth as the
        points.
        """
        plain = np.stack([_least_squares(points) for points in self.points])
        robust = np.stack([estimate_affine(points) for points in self.points])
        change = _compose(robust, _inverse(plain))
        change = gaussian_filter1d(change, SMOOTHING_SIGMA_FRAMES, axis=0, mode="nearest")
        return _compose(change, plain)

    def to_dict(self) -> dict[str, Any]:
        """The track in types of JSON."""
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            "points": self.points.tolist(),
            "detected": self.detected.tolist(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Track:
        """The track that `to_dict` gave, bit for bit."""
        arrays = {
            "points": np.array(values["points"], np.float64).reshape(-1, 5, 2),
            "detected": np.array(values["detected"], bool),
        }
        return cls(**{name: values[name] for name in _PLAIN}, **arrays)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What `PeopleFinder` found: the shots, which together are all frames, and the tracks."""

    shots: list[range]
    tracks: list[Track]


def _least_squares(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The similarity (2, 3) that takes all five points to the template best."""
    source = points[:, 0] + 1j * points[:, 1]
    target = template() @ np.array([1, 1j])
    a, b = source - source.mean(), target - target.mean()
    turn = (np.conj(a) @ b) / (np.conj(a) @ a).real
    shift = target.mean() - turn * source.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def _inverse(affines: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = np.linalg.inv(affines[..., :2])
    return np.concatenate([linear, -linear @ affines[..., 2:]], axis=-1)


def _compose(second: NDArray[np.float64], first: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = second[..., :2] @ first[..., :2]
    return np.concatenate([linear, second[..., :2] @ first[..., 2:] + second[..., 2:]], axis=-1)
