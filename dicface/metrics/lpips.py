"""LPIPS: learned perceptual distance of frames. Card: docs/metrics/lpips.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from dicface.errors import MetricError
from dicface.metrics._facts import MetricFacts, check_frames

if TYPE_CHECKING:
    import torch

FACTS = MetricFacts(
    id="lpips",
    name="LPIPS",
    unit="",
    higher_is_better=False,
    level="frame",
    digits=3,
    needs=("perceptual",),
)

MIN_SIZE = 32
"""Smallest side: the deepest features of VGG-16 are at 1/16 of it."""


class PerceptualNetwork(Protocol):
    """A network that compares two batches of images, like `lpips.LPIPS`."""

    def __call__(self, restored: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) RGB in [-1, 1], twice -> (N, 1, 1, 1)."""


def lpips_distance(
    restored: NDArray[np.uint8], truth: NDArray[np.uint8], network: PerceptualNetwork
) -> float:
    """LPIPS of one frame (Zhang et al., CVPR 2018) at the frame's own size.

    uint8 is mapped to [-1, 1] exactly once, as the network expects.

    Args:
        restored: (H, W, 3) uint8 RGB, H and W at least 32.
        truth: (H, W, 3) uint8 RGB.
        network: What measures, on the device of its parameters, see `Backbones.perceptual`.

    Returns:
        A number from 0 (identical frames).

    Raises:
        MetricError: The frames are not uint8 RGB, differ in size or are too small.
    """
    # Here and below, so that tables can read the facts of all metrics without loading torch.
    import torch

    check_frames(restored, truth)
    if min(truth.shape[:2]) < MIN_SIZE:
        raise MetricError(
            f"frames are {truth.shape[1]}×{truth.shape[0]} px; LPIPS needs at least "
            f"{MIN_SIZE}×{MIN_SIZE}. Score larger frames."
        )
    with torch.inference_mode():
        return float(network(_to_unit_range(restored), _to_unit_range(truth)))


def _to_unit_range(frame: NDArray[np.uint8]) -> torch.Tensor:
    import torch

    image = torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None]
    return image.float() / 127.5 - 1
