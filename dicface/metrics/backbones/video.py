"""Features of windows for FVD: I3D (Kinetics-400) or a seeded random 3-D ResNet-18 offline."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from dicface.base.errors import WeightsError
from dicface.base.files import sha256_of
from dicface.metrics.backbones.info import BackboneInfo
from dicface.metrics.backbones.random_weights import draw_weights
from dicface.metrics.facts import VIDEO
from dicface.metrics.fvd import WINDOW
from dicface.metrics.tracks import resize
from dicface.weights.convert import read_script

RANDOM_NAME = "random-r3d18"
I3D_DIM = 400


def resized(frame: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resizes a frame to size × size: bilinear up, area mean down."""
    if frame.shape[0] == frame.shape[1] and frame.shape[0] >= size:
        return resize(frame, size)
    return cv2.resize(frame, (size, size), interpolation=cv2.INTER_LINEAR)


class VideoFeatures(ABC):
    """What FVD is computed with."""

    info: BackboneInfo
    frame_size: int

    def prepare(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Resizes a frame to the side the network takes."""
        return resized(frame, self.frame_size)

    def features(self, window: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Features (D,) of one window (16, side, side, 3) uint8 RGB of prepared frames."""
        clip = torch.from_numpy(window).to(self._device).permute(3, 0, 1, 2)[None]
        with torch.inference_mode():
            return self._forward(clip.float() / 127.5 - 1)[0].float().cpu().numpy()

    @abstractmethod
    def _forward(self, clip_BCTHW: torch.Tensor) -> torch.Tensor:  # noqa: N803 - shape suffix
        """Features (1, D) of one window, (1, 3, 16, side, side) in [-1, 1]."""


class I3DFeatures(VideoFeatures):
    """The TorchScript I3D of StyleGAN-V: 400 logits, frames at 224 px in [-1, 1]."""

    frame_size = 224

    def __init__(self, path: Path, device: str) -> None:
        """Takes the TorchScript file; it is read at first use."""
        self._path, self._device = path, device
        self.info = BackboneInfo(
            name="i3d",
            sha256=sha256_of(path),
            official=True,
            reason=f"{path.name} is on this machine",
        )

    @cached_property
    def _network(self) -> torch.jit.ScriptModule:
        return read_script(self._path, VIDEO.file, self._device)

    def _forward(self, clip_BCTHW: torch.Tensor) -> torch.Tensor:  # noqa: N803
        # Frames are resized and in [-1, 1] already; the script would do either on request.
        found = self._network(clip_BCTHW, rescale=False, resize=False, return_features=True)
        if found.shape != (1, I3D_DIM):
            raise WeightsError(
                f"{self._path}: gives features of shape {tuple(found.shape)}, expected "
                f"(1, {I3D_DIM}). It is another network: delete it and get it again."
            )
        return found


class RandomVideoFeatures(VideoFeatures):
    """Seeded random r3d_18 (torchvision), 512 pooled features, frames at 112 px."""

    frame_size = 112

    def __init__(self, device: str, reason: str) -> None:
        """Takes a device and why this network; weights are drawn at first use."""
        self._device, self._reason = device, reason

    @cached_property
    def _drawn(self) -> tuple[nn.Module, str]:
        # Here: torchvision brings torch's compiler along, as much time again as torch itself.
        from torchvision.models.video import r3d_18

        with torch.device("meta"):
            network = r3d_18(weights=None)
        network.fc = nn.Identity()
        digest = draw_weights(network, RANDOM_NAME)
        fused = _fuse_normalisation(network.requires_grad_(False).eval())
        # The layout in which CPUs and GPUs alike compute 3-D convolutions fastest.
        return fused.to(self._device, memory_format=torch.channels_last_3d), digest

    @property
    def info(self) -> BackboneInfo:
        """Name and digest of the drawn weights."""
        return BackboneInfo(
            name=RANDOM_NAME,
            sha256=self._drawn[1],
            official=False,
            reason=self._reason,
        )

    def _forward(self, clip_BCTHW: torch.Tensor) -> torch.Tensor:  # noqa: N803
        assert clip_BCTHW.shape[2] == WINDOW
        return self._drawn[0](clip_BCTHW.contiguous(memory_format=torch.channels_last_3d))


def _fuse_normalisation(network: nn.Module) -> nn.Module:
    """Multiplies each normalisation into the convolution before it: one pass less over the maps."""
    for part in network.modules():
        if (
            isinstance(part, nn.Sequential)
            and len(part) > 1
            and isinstance(part[1], nn.BatchNorm3d)
        ):
            part[0] = fuse_conv_bn_eval(part[0], part[1])
            part[1] = nn.Identity()
    return network
