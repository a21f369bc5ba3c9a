"""How a clip moves: pose, blinks, gaze and speech as functions of time, drawn from its name."""

from dataclasses import dataclass

import numpy as np

from dicface.data.render.draws import Draws
from dicface.data.render.head import BLENDS


@dataclass(frozen=True)
class Motion:
    """One row a frame.

    Attributes:
        angles: (T, 3) yaw, pitch, roll in radians.
        shift: (T, 3) cm.
        blends: (T, 7) weights of `head.BLENDS`.
        lids: (T, 2, 3) closure in [-0.2 (wide open), 1], gaze right and up in radians, of each eye.
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


def liveliness(name: str) -> float:
    """How lively clip `name` is: 0 for two thirds of the clips, else 0.6 to 1."""
    d = Draws("liveliness", name)
    return d.uniform("amount", 0.6, 1.0) if d.chance("lively", 1 / 3) else 0.0


def _blinks(d: Draws, t: np.ndarray, pause: tuple[float, float]) -> np.ndarray:
    """Closure in [0, 1]; the first blink within a second, then one every `pause` s, 0.3 s each."""
    rng = d.rng("blinks")
    closure = np.full(len(t), rng.uniform(0.0, 0.10))
    at = rng.uniform(-0.1, 0.9)
    while at < t[-1] + 1.0:
        away = np.abs(t - at) / 0.075
        closure = np.maximum(closure, np.clip(1.45 - away * 0.8, 0.0, 1.0))
        at += rng.uniform(*pause)
    return closure


def _lids(closure: np.ndarray, right: np.ndarray, up: np.ndarray) -> np.ndarray:
    """(T, 2, 3) lids of both eyes; they follow the gaze's height."""
    lids = np.empty((len(closure), 2, 3))
    lids[..., 0] = np.clip(closure - 0.35 * up * (closure < 0.5), -0.2, 1.0)[:, None]
    lids[..., 1], lids[..., 2] = right[:, None], up[:, None]
    return lids


def motion(name: str, num_frames: int, fps: float, lively: float | None = None) -> Motion:
    """The motion of clip `name`; frame t is the same whatever `num_frames`.

    Yaw stays within 24 degrees, pitch within 11, roll within 8.

    Args:
        name: of the clip.
        num_frames: T.
        fps: frames a second.
        lively: 0 (calm) to 1 (fast turns, nods and speech); by default drawn from the name,
            see `liveliness`.
    """
    if lively is None:
        lively = liveliness(name)
    d = Draws("motion", name)
    t = np.arange(num_frames) / fps
    fast = 1.0 + 2.5 * lively

    def sway(what: str, slow: float, quick: float) -> np.ndarray:
        return _sway(d.rng(what), t, slow * fast, quick * fast)

    wide = 0.50 + 0.30 * lively
    turn = d.uniform("yaw", -0.6, 0.6) * (1.0 - 0.5 * lively) + wide * sway("turn", 0.2, 0.7)
    yaw = np.deg2rad(24.0 * np.clip(turn, -1.0, 1.0))
    nod = (5.0 + 4.0 * lively) * sway("nod", 0.3, 0.9)
    pitch = np.deg2rad(np.clip(d.uniform("pitch", -3.0, 3.0) + nod, -11.0, 11.0))
    lean = (4.0 + 2.5 * lively) * sway("lean", 0.2, 0.7)
    roll = np.deg2rad(np.clip(d.uniform("roll", -2.5, 2.5) + lean, -8.0, 8.0))
    shift = np.stack(
        [
            1.2 * sway("shift x", 0.2, 0.6),
            0.7 * sway("shift y", 0.2, 0.6),
            1.5 * sway("shift z", 0.1, 0.4),
        ],
        axis=1,
    )
    talk = d.uniform("talk", 0.35, 1.0) * (1.0 + 0.3 * lively)
    beat = 1.0 + 0.6 * lively
    syllables = np.clip(0.55 + 0.9 * _sway(d.rng("speech"), t, 2.2 * beat, 4.2 * beat), 0.0, 1.3)
    phrase = np.clip(0.65 + 0.7 * _sway(d.rng("phrase"), t, 0.4, 0.8), 0.0, 1.0)
    jaw = 1.35 * talk * syllables * phrase
    blends = np.zeros((num_frames, len(BLENDS)))
    blends[:, 0] = jaw
    smile = d.uniform("smile", -0.15, 0.75) + 0.35 * sway("smiling", 0.3, 0.8)
    blends[:, 1] = np.clip(smile, -0.2, 1.0)
    blends[:, 2] = np.clip(0.75 * _sway(d.rng("round"), t, 1.0, 2.4) * phrase, 0.0, 0.8) * talk
    brows = d.uniform("brows", -0.5, 0.5) + 0.7 * sway("browing", 0.3, 0.9)
    blends[:, 3] = np.clip(brows, -0.8, 1.0)
    blends[:, 4] = np.clip(jaw, 0.0, 1.0)
    blends[:, 5] = np.clip(0.6 * sway("frown", 0.2, 0.6), 0.0, 0.6)
    blends[:, 6] = np.clip(0.6 * sway("inner", 0.2, 0.6), 0.0, 0.6)
    closure = _blinks(d, t, (1.2 - 0.5 * lively, 3.5 - 1.5 * lively))
    # Gaze half-compensates the head's turn, as eyes on a listener do.
    right = np.clip(0.16 * sway("gaze x", 0.3, 0.9) - 0.55 * yaw, -0.38, 0.38)
    up = np.clip(0.08 * sway("gaze y", 0.3, 0.9) - 0.4 * pitch, -0.2, 0.2)
    lids = np.clip(_lids(closure, right, up), 0.0, None)
    return Motion(np.stack([yaw, pitch, roll], 1), shift, blends, lids)


def still(name: str) -> Motion:
    """Pose and expression of the single frame `name`: wider and more varied than in a clip.

    Yaw stays within 40 degrees, pitch within 16, roll within 10.
    """
    d = Draws("still", name)
    yaw = np.deg2rad(np.clip(d.normal("yaw", 17.0), -40.0, 40.0))
    pitch = np.deg2rad(np.clip(d.normal("pitch", 7.0), -16.0, 16.0))
    roll = np.deg2rad(np.clip(d.normal("roll", 4.0), -10.0, 10.0))
    shift = np.array([d.normal("x", 0.6), d.normal("y", 0.4), d.normal("z", 0.8)])
    faces = {
        # Jaw, smile, round, brows, upper lip, frown, inner brows; closure of the lids.
        "rest": (0.0, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.03),
        "talk": (0.8, 0.1, 0.3, 0.2, 0.5, 0.1, 0.1, 0.03),
        "smile": (0.15, 1.1, 0.0, 0.2, 0.4, 0.0, 0.0, 0.10),
        "grin": (0.9, 1.3, 0.0, 0.4, 1.3, 0.0, 0.0, 0.18),
        "laugh": (1.9, 1.2, 0.0, 0.5, 1.5, 0.0, 0.2, 0.40),
        "surprise": (1.5, 0.0, 0.4, 1.3, 0.5, 0.0, 0.3, -0.18),
        "sad": (0.0, -0.6, 0.1, 0.0, 0.0, 0.1, 1.2, 0.12),
        "angry": (0.2, -0.4, 0.1, -0.6, 0.4, 1.3, 0.0, 0.08),
        "pout": (0.1, -0.2, 1.0, 0.0, 0.2, 0.2, 0.0, 0.03),
        "doubt": (0.1, -0.1, 0.2, -0.3, 0.0, 0.7, 0.5, 0.20),
        "shout": (2.2, 0.2, 0.3, 0.4, 1.0, 0.4, 0.3, 0.02),
    }
    often = dict.fromkeys(faces, 1.0) | {"rest": 3.0, "talk": 3.0, "smile": 3.0, "grin": 1.5}
    face = np.array(faces[d.weighted("face", often)])
    other = np.array(faces[d.weighted("second face", often)])
    face = face * d.uniform("strength", 0.6, 1.1) + (other - face) * d.uniform("blend", 0.0, 0.3)
    face[:7] += d.rng("jitter").normal(0.0, 0.08, 7)
    face[0] = max(face[0], 0.0)
    face[4:7] = np.maximum(face[4:7], 0.0)
    blinks = d.weighted("blink", {0.0: 90.0, 0.5: 5.0, 1.0: 5.0})
    right = np.clip(d.normal("gaze x", 0.14) - d.uniform("follow", 0.0, 0.9) * yaw, -0.45, 0.45)
    up = np.clip(d.normal("gaze y", 0.07) - 0.4 * pitch, -0.22, 0.22)
    closure = np.clip(max(face[7], blinks) + d.normal("lids", 0.03), -0.2, 1.0)
    lids = _lids(np.array([closure]), np.array([right]), np.array([up]))
    if d.chance("wink", 0.015):
        lids[0, int(d.choice("winking", (0, 1))), 0] = 1.0
    return Motion(np.array([[yaw, pitch, roll]]), shift[None], face[None, :7], lids)
