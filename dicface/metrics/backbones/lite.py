"""EfficientNet-Lite2, from an installed package: real features without a download.

Trainings use Lite0 where they use one of the family: nothing is scored by what it was trained with.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dicface.base.files import sha256_of
from dicface.metrics.backbones.info import BackboneInfo
from dicface.metrics.backbones.video import resized
from dicface.metrics.lpips import check_pairs
from dicface.models.efficientnet import unit_length
from dicface.weights.packages import lite_distance, lite_file

NETWORK = "efficientnet_lite2"
NAME = "Lite2"


class _Seen:
    """The network with its maps of the last pictures: what one metric has looked at, others need.

    LPIPS compares the frames whose features FVD takes.
    """

    NUM_KEPT = 10

    def __init__(self, device: str) -> None:
        self._device = device
        network = lite_distance(NETWORK).eval().requires_grad_(False).features
        self._features = network.to(device, memory_format=torch.channels_last)
        self._maps: OrderedDict[bytes, list[Tensor]] = OrderedDict()

    def __call__(self, frames: NDArray[np.uint8]) -> list[list[Tensor]]:
        """Six maps (c, h, w) of unit-length features of each frame, (N, H, W, 3) uint8 RGB."""
        keys = [hashlib.sha256(f"{f.shape}".encode() + f.tobytes()).digest() for f in frames]
        found = {key: self._maps[key] for key in keys if key in self._maps}
        new = {key: frame for key, frame in zip(keys, frames, strict=True) if key not in found}
        if new:
            images = torch.from_numpy(np.stack(list(new.values()))).to(self._device)
            with torch.inference_mode():
                maps = self._features(images.permute(0, 3, 1, 2).float() / 127.5 - 1)
                each = zip(*(unit_length(m).unbind() for m in maps), strict=True)
            found |= {key: list(own) for key, own in zip(new, each, strict=True)}
        self._maps |= found
        for key in keys:  # Asked for last, kept longest: a true frame serves several results.
            self._maps.move_to_end(key)
        while len(self._maps) > self.NUM_KEPT:
            self._maps.popitem(last=False)
        return [found[key] for key in keys]


_seen = cache(_Seen)


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

    def maps(self, frames: NDArray[np.uint8]) -> list[list[Tensor]]:
        """Six maps (c, h, w) of unit-length features of each frame, (N, H, W, 3) uint8 RGB."""
        return _seen(self._device)(frames)


class LitePerceptual(_Lite2):
    """Stands for LPIPS: squared distance of unit-length features, summed over six layers."""

    def distance(
        self, restored: NDArray[np.uint8], truth: NDArray[np.uint8]
    ) -> NDArray[np.float64]:
        """Distance (N,) of frames (N, H, W, 3) uint8 RGB, from 0."""
        check_pairs(restored, truth)
        # Not in one batch: alone, a frame's maps are those that FVD takes, to the bit.
        pairs = zip(self.maps(truth), self.maps(restored), strict=True)
        return np.array(
            [
                sum(float((a - b).square().sum(0).mean()) for a, b in zip(*pair, strict=True))
                for pair in pairs
            ]
        )


class LiteVideoFeatures(_Lite2):
    """Pooled features of a window's frames, and of what changes from each frame to the next.

    Per layer the unit-length feature maps, averaged over positions and frames, and the root mean
    square of their differences between neighbouring frames: 2 × 328 numbers of six layers.
    """

    FRAME_SIZE = 128

    def prepare(self, frame: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Features of a frame, flat: windows overlap, and each frame passes the network once."""
        (maps,) = self.maps(resized(frame, self.FRAME_SIZE)[None])
        self._shapes = [m.shape for m in maps]
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
