"""EfficientNet-Lite2, from an installed package: real features without a download.

Trainings use Lite0 where they use one of the family: nothing is scored by what it was trained with.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dicface.base.files import sha256_of
from dicface.metrics.backbones.info import BackboneInfo
from dicface.metrics.backbones.video import resized
from dicface.metrics.lpips import lpips_distance
from dicface.models.efficientnet import LiteDistance, unit_length
from dicface.weights.packages import lite_distance, lite_file

NETWORK = "efficientnet_lite2"
NAME = "Lite2"


class _Lite2:
    """The network, read at first use.

    Args:
        device: torch device.
        reason: Why it was chosen.

    Raises:
        WeightsError: The package is not installed.
    """

    def __init__(self, device: str, reason: str) -> None:
        self._device = device
        digest = sha256_of(lite_file(NETWORK))
        self.info = BackboneInfo(name=NAME, sha256=digest, official=False, reason=reason)

    @cached_property
    def network(self) -> LiteDistance:
        """The network, on its device."""
        return lite_distance(NETWORK).eval().requires_grad_(False).to(self._device)


class LitePerceptual(_Lite2):
    """Stands for LPIPS: squared distance of unit-length features, summed over six layers."""

    def distance(
        self, restored: NDArray[np.uint8], truth: NDArray[np.uint8]
    ) -> NDArray[np.float64]:
        """Distance (N,) of frames (N, H, W, 3) uint8 RGB, from 0."""
        return lpips_distance(restored, truth, self._on_device)

    def _on_device(self, restored: Tensor, truth: Tensor) -> Tensor:
        return self.network(truth.to(self._device), restored.to(self._device))


class LiteVideoFeatures(_Lite2):
    """Pooled features of a window's frames, and of what changes from each frame to the next.

    Per layer the unit-length feature maps, averaged over positions and frames, and the root mean
    square of their differences between neighbouring frames: 2 × 328 numbers of six layers.
    """

    FRAME_SIZE = 128

    def prepare(self, frame: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Features of a frame, flat: windows overlap, and each frame passes the network once."""
        image = torch.from_numpy(resized(frame, self.FRAME_SIZE)).to(self._device)
        image = image.permute(2, 0, 1)[None].float() / 127.5 - 1
        with torch.inference_mode():
            maps = [unit_length(m) for m in self.network.features(image)]
        self._shapes = [m.shape[1:] for m in maps]
        return torch.cat([m.flatten() for m in maps]).cpu().numpy()

    def features(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features (656,) of a window of prepared frames."""
        pooled, changes, start = [], [], 0
        for channels, height, width in self._shapes:
            end = start + channels * height * width
            maps = window[:, start:end].reshape(len(window), channels, -1)
            pooled.append(maps.mean((0, 2)))
            changes.append(np.sqrt(np.square(np.diff(maps, axis=0)).mean((0, 2))))
            start = end
        return np.concatenate([*pooled, *changes])
