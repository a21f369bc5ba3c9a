"""Windows of frames that a training draws: indices of frames, never frames."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from dicface.base.counts import how_many
from dicface.base.errors import ClipError, ConfigError

LandmarkOrder = Literal["frames", "forward"]


@dataclass(frozen=True, kw_only=True)
class WindowSampling:
    """How training windows are drawn; the defaults are the release's but for one quirk.

    Attributes:
        window: Number of consecutive frames.
        reverse_prob: Probability that the frames run backwards in time.
        landmark_order: `frames` takes each frame's own landmarks; `forward` is the release's quirk,
            which takes the landmarks of frame start + k for the k-th frame of a reversed window.
    """

    window: int = 5
    reverse_prob: float = 0.5
    landmark_order: LandmarkOrder = "frames"

    def __post_init__(self) -> None:
        """Checks every field.

        Raises:
            ConfigError: A field is out of its range.
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
        ClipError: The clip is shorter than the window.
    """
    if num_frames < sampling.window:
        raise ClipError(
            f"a clip of {how_many(num_frames, 'frame')} is shorter than the training window of "
            f"{sampling.window}; leave it out of the training set or set a smaller window"
        )
    start = rng.randint(0, num_frames - sampling.window)
    forward = tuple(range(start, start + sampling.window))
    frames = forward[::-1] if rng.random() < sampling.reverse_prob else forward
    own = sampling.landmark_order == "frames"
    return TrainingWindow(frames=frames, landmark_frames=frames if own else forward)
