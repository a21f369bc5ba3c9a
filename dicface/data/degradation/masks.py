"""Inputs of the other two tasks: inpainting (brush masks) and colourisation.

DicFace release @ df08bb7; the masks are those of GPEN's code, which it uses.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dicface.base.seeds import seed_of
from dicface.config.degradation import BrushMask


def mask_rng(*seed_names: str | int) -> np.random.RandomState:
    """The generator of masks: the legacy one, whose draws the release uses, seeded by names."""
    return np.random.RandomState(np.random.MT19937(np.random.SeedSequence(seed_of(*seed_names))))


def brush_mask(
    rng: np.random.RandomState, height: int, width: int, settings: BrushMask | None = None
) -> NDArray[np.bool_]:
    """Draws a mask of brush strokes that wander with alternating turns.

    Step lengths scale with the picture (mean: an eighth of its diagonal); widths do not.

    Args:
        rng: Legacy generator; all draws come from it, in the release's order.
        height: H, px.
        width: W, px.
        settings: Ranges of what is drawn; those of the release by default.

    Returns:
        (H, W) bool, True where painted.
    """
    settings = settings or BrushMask()
    radius = np.hypot(height, width) / 8
    picture = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.randint(*settings.num_strokes)):
        num_vertices = rng.randint(*settings.num_vertices)
        low = settings.mean_angle_rad - rng.uniform(0, settings.angle_range_rad)
        high = settings.mean_angle_rad + rng.uniform(0, settings.angle_range_rad)
        angles = [rng.uniform(low, high) for _ in range(num_vertices)]
        angles[::2] = [2 * np.pi - angle for angle in angles[::2]]
        vertices = [(int(rng.randint(0, width)), int(rng.randint(0, height)))]
        for angle in angles:
            step = np.clip(rng.normal(radius, radius // 2), 0, 2 * radius)
            x = np.clip(vertices[-1][0] + step * np.cos(angle), 0, width)
            y = np.clip(vertices[-1][1] + step * np.sin(angle), 0, height)
            vertices.append((int(x), int(y)))
        stroke_width = int(rng.uniform(*settings.width_px))
        draw.line(vertices, fill=255, width=stroke_width)
        half = stroke_width // 2
        for x, y in vertices:
            draw.ellipse((x - half, y - half, x + half, y + half), fill=255)
    return np.asarray(picture) > 0


def inpainting_input(frame: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Paints the mask white on a frame; known pixels of pure white lose one level.

    Methods take the mask from there: white teeth or walls must never be taken for missing.

    Args:
        frame: (H, W, 3) or (T, H, W, 3) uint8.
        mask: (H, W) bool.

    Returns:
        A copy of ``frame`` with 255 in all channels under the mask.
    """
    known = frame - (frame == 255).all(axis=-1, keepdims=True).astype(np.uint8)
    return np.where(mask[..., None], np.uint8(255), known)


def white_of(frame: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The pure white pixels of an inpainting input (H, W, 3), which are missing; (H, W)."""
    return (frame == 255).all(axis=-1)


def colorization_input(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The grey version of an RGB frame in three equal channels (OpenCV's uint8 weights).

    Args:
        frame: (H, W, 3) uint8 RGB.

    Returns:
        (H, W, 3) uint8.
    """
    return cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
