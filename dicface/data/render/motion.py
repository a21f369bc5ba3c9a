"""How a clip moves: pose, blinks, gaze and speech as functions of time, drawn from its name."""

from dataclasses import dataclass

import numpy as np

from dicface.base.seeds import numpy_rng
from dicface.data.render.head import BLENDS


@dataclass(frozen=True)
class Motion:
    """One row a frame.

    Attributes:
        angles: (T, 3) yaw, pitch, roll in radians.
        shift: (T, 3) cm.
        blends: (T, 5) weights of `head.BLENDS`.
        lids: (T, 2, 3) closure in [0, 1], gaze right and up in radians, of each eye.
    """

    angles: np.ndarray
    shift: np.ndarray
    blends: np.ndarray
    lids: np.ndarray


def _sway(rng: np.random.Generator, t: np.ndarray, slow: float, fast: float) -> np.ndarray:
    """Smooth wandering in about [-1, 1] with frequencies (Hz) between `slow` and `fast`."""
    total = np.zeros_like(t)
    weights = np.array([1.0, 0.55, 0.3])
    for weight, f in zip(weights, rng.uniform(slow, fast, 3), strict=True):
        total += weight * np.sin(2 * np.pi * (f * t + rng.random()))
    return total / weights.sum()


def motion(name: str, num_frames: int, fps: float) -> Motion:
    """The motion of clip `name`; frame t is the same whatever `num_frames`.

    Yaw stays within 20 degrees, pitch within 9, roll within 7.
    """
    rng = numpy_rng("motion", name)
    t = np.arange(num_frames) / fps
    turn = rng.uniform(-0.65, 0.65) + 0.55 * _sway(rng, t, 0.2, 0.7)
    yaw = np.deg2rad(20.0 * np.clip(turn, -1.0, 1.0))
    pitch = np.deg2rad(rng.uniform(-3.0, 3.0) + 5.0 * _sway(rng, t, 0.3, 0.9))
    roll = np.deg2rad(rng.uniform(-2.5, 2.5) + 4.0 * _sway(rng, t, 0.2, 0.7))
    shift = np.stack(
        [
            1.2 * _sway(rng, t, 0.2, 0.6),
            0.7 * _sway(rng, t, 0.2, 0.6),
            1.5 * _sway(rng, t, 0.1, 0.4),
        ],
        axis=1,
    )
    talk = rng.uniform(0.35, 1.0)
    syllables = np.clip(0.55 + 0.9 * _sway(rng, t, 2.2, 4.2), 0.0, 1.3)
    phrase = np.clip(0.65 + 0.7 * _sway(rng, t, 0.4, 0.8), 0.0, 1.0)
    jaw = 1.35 * talk * syllables * phrase
    blends = np.zeros((num_frames, len(BLENDS)))
    blends[:, 0] = jaw
    blends[:, 1] = np.clip(rng.uniform(-0.15, 0.75) + 0.35 * _sway(rng, t, 0.3, 0.8), -0.2, 1.0)
    blends[:, 2] = np.clip(0.75 * _sway(rng, t, 1.0, 2.4) * phrase, 0.0, 0.8) * talk
    blends[:, 3] = np.clip(rng.uniform(-0.5, 0.5) + 0.7 * _sway(rng, t, 0.3, 0.9), -0.8, 1.0)
    blends[:, 4] = np.clip(jaw, 0.0, 1.0)
    closure = np.full(num_frames, rng.uniform(0.0, 0.10))
    # Blinks: the first within a second, then every 1.2 to 3.5 s; 0.3 s each.
    at = rng.uniform(-0.1, 0.9)
    while at < num_frames / fps + 1.0:
        d = (t - at) / 0.075
        closure = np.maximum(closure, np.clip(1.45 - np.abs(d) * 0.8, 0.0, 1.0))
        at += rng.uniform(1.2, 3.5)
    lids = np.zeros((num_frames, 2, 3))
    # Gaze half-compensates the head's turn, as eyes on a listener do.
    right = np.clip(0.16 * _sway(rng, t, 0.3, 0.9) - 0.55 * yaw, -0.38, 0.38)
    up = np.clip(0.08 * _sway(rng, t, 0.3, 0.9) - 0.4 * pitch, -0.2, 0.2)
    for eye in range(2):
        lids[:, eye, 0] = np.clip(closure - 0.35 * up * (closure < 0.5), 0.0, 1.0)
        lids[:, eye, 1] = right
        lids[:, eye, 2] = up
    return Motion(np.stack([yaw, pitch, roll], 1), shift, blends, lids)
