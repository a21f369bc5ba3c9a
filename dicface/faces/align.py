"""Five-point alignment to the 512-px face template (DicFace release, inference and training)."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import FaceError

TEMPLATE_512 = np.array(
    [
        [192.98138, 239.94708],
        [318.90277, 240.1936],
        [256.63416, 314.01935],
        [201.26117, 371.41043],
        [313.08905, 371.15118],
    ]
)
"""Left eye, right eye, nose tip, left and right mouth corner in a 512-px face, px."""

Border = Literal["trainer", "helper"]

BORDERS_RGB: dict[Border, tuple[int, int, int]] = {
    "trainer": (135, 133, 132),
    "helper": (132, 133, 135),
}
"""Colour outside the source. The release's trainer and its inference helper give one constant in
opposite channel orders; the trainer's is what the networks saw, and the default here."""


def template(size: int = 512) -> NDArray[np.float64]:
    """The five target points in an aligned face of `size` px, (5, 2)."""
    return TEMPLATE_512 * (size / 512)


def estimate_affine(points: NDArray[np.floating], size: int = 512) -> NDArray[np.float64]:
    """The similarity that takes five points to the template, by least median of squares.

    Robust: a point that does not fit is dropped before the last least-squares fit.

    Args:
        points: (5, 2) x and y in the source, px.
        size: Side of the aligned face, px.

    Returns:
        (2, 3) float64, source px → aligned px.

    Raises:
        FaceError: The points are not finite or coincide.
    """
    if np.shape(points) == (5, 2) and np.isfinite(points).all():
        affine, _ = cv2.estimateAffinePartial2D(points, template(size), method=cv2.LMEDS)
        if affine is not None and np.isfinite(affine).all() and _scale_of(affine) > 0:
            return affine
    raise FaceError(
        f"landmarks {np.round(points, 1).tolist()}: no similarity takes them to the face template; "
        "expected five distinct finite (x, y) points"
    )


def warp(
    frame: NDArray[np.uint8],
    affine: NDArray[np.floating],
    size: int = 512,
    *,
    border: Border = "trainer",
    antialias: bool = False,
) -> NDArray[np.uint8]:
    """The aligned face, by bilinear interpolation.

    Without `antialias` this is the release's warp, which skips pixels where it reduces. With it the
    face is first warped k times as large, k the whole number nearest to the reduction, on a grid
    whose k×k cells are centred on the aligned pixels, and then averaged over the cells. Both agree
    where nothing is reduced (k = 1).

    Args:
        frame: (H, W, 3) uint8 RGB.
        affine: (2, 3) source px → aligned px.
        size: Side of the aligned face, px.
        border: Colour outside the frame.
        antialias: Whether to average pixels instead of skipping some.

    Returns:
        (size, size, 3) uint8 RGB.
    """
    factor = max(1, round(1 / _scale_of(affine))) if antialias else 1
    # Aligned pixel i is the mean of large pixels k·i … k·i + k - 1, whose centre is k·i + (k-1)/2.
    large = np.asarray(affine, dtype=np.float64) * factor
    large[:, 2] += (factor - 1) / 2
    face = cv2.warpAffine(
        frame,
        large,
        (size * factor, size * factor),
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=BORDERS_RGB[border],
    )
    return cv2.resize(face, (size, size), interpolation=cv2.INTER_AREA) if factor > 1 else face


def enlarge_small(frame: NDArray[np.uint8], short_side_px: int = 512) -> NDArray[np.uint8]:
    """Bilinear enlargement to a short side of at least `short_side_px`; larger frames are kept.

    The release reads pictures so before it detects faces in them.

    Args:
        frame: (H, W, 3) uint8.
        short_side_px: Smallest short side, px.

    Returns:
        (H', W', 3) uint8.
    """
    height, width = frame.shape[:2]
    scale = short_side_px / min(height, width)
    if scale <= 1:
        return frame
    size = (int(width * scale), int(height * scale))
    return cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR)


def grey_of(frame: NDArray[np.floating]) -> NDArray[np.floating]:
    """Luma 0.2989 R + 0.5870 G + 0.1140 B in three equal channels.

    The release applies it to restored faces of grey inputs.

    Args:
        frame: (H, W, 3) float RGB.
    """
    luma = 0.2989 * frame[..., 0] + 0.5870 * frame[..., 1] + 0.1140 * frame[..., 2]
    return np.repeat(luma[..., None], 3, axis=-1)


def _scale_of(affine: NDArray[np.floating]) -> float:
    return float(np.hypot(affine[0, 0], affine[1, 0]))
