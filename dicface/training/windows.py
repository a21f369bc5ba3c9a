"""Windows of frames: at inference around every frame, in training at a drawn place.

All functions are pure: they give frame indices, never frames.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import ClipError, ConfigError

OUT_OF_CLIP = -9
"""Stands in `release_windows` for an index beyond the clip."""

LandmarkOrder = Literal["frames", "forward"]


def inference_windows(num_frames: int, window: int = 5) -> NDArray[np.int64]:
    """The window around every frame, ends replicated (the paper, section 3.5).

    Clips shorter than the window work: both ends are replicated as far as needed.

    Args:
        num_frames: T ≥ 1.
        window: L ≥ 1; the output frame is at position L // 2.

    Returns:
        (T, L) frame indices.

    Raises:
        ClipError: the clip is empty.
        ConfigError: the window is empty.

    >>> inference_windows(3, 5).tolist()
    [[0, 0, 0, 1, 2], [0, 0, 1, 2, 2], [0, 1, 2, 2, 2]]
    """
    return np.clip(_raw_windows(num_frames, window), 0, num_frames - 1)


def release_windows(num_frames: int, window: int) -> NDArray[np.int64]:
    """The windows of the DicFace release, which replicates one side of the clip only.

    Where a window starts before the clip its right side is not padded, so that short clips ask for
    frames that do not exist (the release then crashes). Such indices are `OUT_OF_CLIP`. For clips
    of at least ``window - 1`` frames it equals `inference_windows`.

    Raises:
        ClipError: the clip is empty.
        ConfigError: the window is empty.
    """
    raw = _raw_windows(num_frames, window)
    padded_left = raw[:, :1] < 0
    beyond = np.where(padded_left, OUT_OF_CLIP, num_frames - 1)
    return np.where(raw >= num_frames, beyond, np.maximum(raw, 0))


def _raw_windows(num_frames: int, window: int) -> NDArray[np.int64]:
    if num_frames < 1:
        raise ClipError(f"a clip of {num_frames} frames has no windows; expected at least one")
    if window < 1:
        raise ConfigError(f"window: found {window}, expected at least 1; correct the config file")
    return np.arange(num_frames)[:, None] + np.arange(window)[None] - window // 2


@dataclass(frozen=True, kw_only=True)
class WindowSampling:
    """How training windows are drawn; the defaults are the release's but for one quirk.

    Attributes:
        window: consecutive frames.
        reverse_prob: probability that the frames run backwards in time.
        landmark_order: `frames` takes each frame's own landmarks; `forward` is the release's quirk,
            which takes the landmarks of frame start + k for the k-th frame of a reversed window.
    """

    window: int = 5
    reverse_prob: float = 0.5
    landmark_order: LandmarkOrder = "frames"

    def __post_init__(self) -> None:
        """Checks every field.

        Raises:
            ConfigError: a field is out of its range.
        """
        expected = {
            "window": ("a whole number ≥ 1", self.window >= 1),
            "reverse_prob": ("0 to 1", 0 <= self.reverse_prob <= 1),
            "landmark_order": ("frames or forward", self.landmark_order in ("frames", "forward")),
        }
        for field, (wanted, holds) in expected.items():
            if not holds:
                raise ConfigError(
                    f"window setting {field}: found {getattr(self, field)!r}, expected {wanted}; "
                    "correct it in the config file"
                )


@dataclass(frozen=True)
class TrainingWindow:
    """Frame indices of one sample, and the frames whose landmarks align them."""

    frames: tuple[int, ...]
    landmark_frames: tuple[int, ...]


def sample_window(num_frames: int, sampling: WindowSampling, rng: random.Random) -> TrainingWindow:
    """Draws a training window: a uniform start, then whether time runs backwards.

    The start is uniform over 0 … num_frames - window; the release reaches the same distribution by
    redrawing a centre that does not fit.

    Raises:
        ClipError: the clip is shorter than the window.
    """
    if num_frames < sampling.window:
        raise ClipError(
            f"a clip of {num_frames} frames is shorter than the training window of "
            f"{sampling.window}; leave it out of the training set or set a smaller window"
        )
    start = rng.randint(0, num_frames - sampling.window)
    forward = tuple(range(start, start + sampling.window))
    frames = forward[::-1] if rng.random() < sampling.reverse_prob else forward
    own = sampling.landmark_order == "frames"
    return TrainingWindow(frames=frames, landmark_frames=frames if own else forward)
