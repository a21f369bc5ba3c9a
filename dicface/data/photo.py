"""A clip from one real photograph: scikit-image's public-domain portrait of Eileen Collins (NASA).

The picture is part of the scikit-image wheel (`skimage.data.astronaut`, 512 × 512); nothing is
downloaded. A smooth seeded camera motion animates it, so there is no change of expression.
"""

import cv2
import numpy as np
from skimage import data

from dicface.base.errors import ClipError
from dicface.base.seeds import numpy_rng
from dicface.data.render.clip import TEMPLATE, VIRTUAL

FACE_POINTS = np.array(
    [
        [203.27, 101.55],
        [246.64, 103.85],
        [224.81, 127.19],
        [200.52, 139.23],
        [245.56, 140.98],
    ]
)
"""Eye centres, nose tip and mouth corners in the photograph, px (dlib's 68 points, averaged)."""
MOTION = 1
"""Number of the camera motion, raised whenever the clip gets other frames."""

_OVERSAMPLE = 4


def _wander(rng: np.random.Generator, t: np.ndarray) -> np.ndarray:
    """Smooth motion in [-1, 1] of periods between 1.4 and 5 seconds."""
    waves = [np.sin(2 * np.pi * (f * t + rng.random())) for f in rng.uniform(0.2, 0.7, 3)]
    return np.mean(waves, axis=0)


def astronaut_clip(
    num_frames: int, size: int, *, aligned: bool = True, fps: float = 25
) -> np.ndarray:
    """The photograph under camera motion.

    Args:
        num_frames: T.
        size: S, px a side.
        aligned: Frames the face as an aligned face, with the small motion that alignment leaves
            (zoom 4 %, shift 2 %, roll 3 degrees); otherwise frame head and shoulders, with half as
            much motion again.
        fps: Frames a second.

    Returns:
        (T, S, S, 3) uint8 RGB; the same bytes on every call.

    Raises:
        ClipError: Less than one frame or 16 px is asked for.
    """
    if num_frames < 1 or size < 16:
        raise ClipError(
            f"astronaut_clip: found num_frames={num_frames}, size={size}; expected at least 1 "
            "frame and 16 px; correct the settings"
        )
    photo = data.astronaut()
    target = TEMPLATE
    if not aligned:
        target = (TEMPLATE - VIRTUAL / 2) * 0.6 + VIRTUAL * np.array([0.5, 0.30])
    base = cv2.estimateAffinePartial2D(FACE_POINTS, target, method=cv2.LMEDS)[0]
    rng = numpy_rng("photo", "astronaut")
    t = np.arange(num_frames) / fps
    gain = 1.0 if aligned else 1.5
    zoom = 1.0 + 0.04 * gain * _wander(rng, t)
    roll = np.deg2rad(3.0) * gain * _wander(rng, t)
    pan = 0.02 * gain * VIRTUAL * np.stack([_wander(rng, t), _wander(rng, t)], axis=1)
    side = size * _OVERSAMPLE
    scale = side / VIRTUAL
    frames = np.empty((num_frames, size, size, 3), np.uint8)
    middle = np.full(2, VIRTUAL / 2)
    for n in range(num_frames):
        c, s = zoom[n] * np.cos(roll[n]), zoom[n] * np.sin(roll[n])
        turn = np.array([[c, -s], [s, c]])
        matrix = np.empty((2, 3))
        matrix[:, :2] = turn @ base[:, :2]
        matrix[:, 2] = turn @ (base[:, 2] - middle) + middle + pan[n]
        matrix *= scale
        matrix[:, 2] += 0.5 * scale - 0.5
        large = cv2.warpAffine(
            photo, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
        )
        frames[n] = cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA)
    return frames
