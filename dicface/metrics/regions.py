"""PSNR by region of an inpainted frame. Card: docs/metrics/regions.md."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import MetricError
from dicface.metrics.facts import FACE_SIZE, check_frames
from dicface.metrics.metric import SingleFrameMetric
from dicface.metrics.psnr import MAX_DB, Psnr
from dicface.metrics.view import FrameView

SEAM_PX = 4
"""How far the seam reaches on either side of a mask's edge, px of a 512-px face."""


def region_psnr(
    restored: NDArray[np.uint8], truth: NDArray[np.uint8], region: NDArray[np.bool_]
) -> float:
    """PSNR over some pixels of a frame: 10 log10(255² / MSE) over their R, G and B.

    Args:
        restored: (H, W, 3) uint8 RGB.
        truth: Likewise.
        region: (H, W), True where pixels count.

    Returns:
        Decibels, at most `MAX_DB`; NaN where no pixel counts.

    Raises:
        MetricError: Frames or region cannot be compared.
    """
    check_frames(restored, truth)
    if region.shape != truth.shape[:2]:
        raise MetricError(
            f"mask: found {region.shape[1]}×{region.shape[0]} px, expected the "
            f"{truth.shape[1]}×{truth.shape[0]} px of the frames."
        )
    if not region.any():
        return math.nan
    squared_error = np.square(restored[region].astype(np.float64) - truth[region]).mean()
    return min(10 * math.log10(255**2 / squared_error), MAX_DB) if squared_error else MAX_DB


def seam(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels within `SEAM_PX` of a mask's edge, in it and around it; (H, W)."""
    reach = max(1, round(SEAM_PX * len(mask) / FACE_SIZE))
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    pixels = mask.astype(np.uint8)
    return (cv2.dilate(pixels, kernel) - cv2.erode(pixels, kernel)).astype(bool)


class PsnrMasked(SingleFrameMetric):
    """PSNR of the pixels that were missing, of every frame."""

    facts = replace(Psnr.facts, id="psnr_masked", name="PSNR masked", in_noise_floor=False)
    says = "PSNR of the pixels that were missing"

    def value(self, view: FrameView) -> float:
        """Decibels; NaN where no pixel counts."""
        if view.mask is None:
            raise MetricError(
                f"{self.facts.name}: found no mask; expected one, as of clips of inpainting."
            )
        return region_psnr(view.restored, view.truth, self.pixels(view.mask))

    @staticmethod
    def pixels(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which pixels count; (H, W)."""
        return mask


class PsnrSeam(PsnrMasked):
    """The same of the pixels on either side of the mask's edge."""

    facts = replace(PsnrMasked.facts, id="psnr_seam", name="PSNR seam")
    says = f"PSNR of the pixels within {SEAM_PX} px (of 512) of the mask's edge, on either side"
    pixels = staticmethod(seam)


class PsnrKnown(PsnrMasked):
    """The same of the pixels that were known."""

    facts = replace(PsnrMasked.facts, id="psnr_known", name="PSNR known")
    says = (
        f"PSNR of the pixels that every method was given: about {MAX_DB:.0f} for one that copies "
        "them, and less for one that makes them again"
    )
    pixels = staticmethod(np.logical_not)


class PsnrComposited(PsnrMasked):
    """PSNR of the whole frame with the known pixels copied into it."""

    facts = replace(PsnrMasked.facts, id="psnr_composited", name="PSNR composited")
    says = "PSNR of the whole frame with known pixels copied into it, for all methods alike"

    def value(self, view: FrameView) -> float:
        """Decibels."""
        inside = super().value(view)
        if math.isnan(inside) or inside == MAX_DB:
            return MAX_DB
        return min(inside - 10 * math.log10(view.mask.mean()), MAX_DB)
