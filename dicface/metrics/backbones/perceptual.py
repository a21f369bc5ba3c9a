"""LPIPS networks: VGG-16 or AlexNet with the published heads; seeded random VGG-16 offline."""

from __future__ import annotations

import warnings
from functools import cached_property
from pathlib import Path

import lpips
import numpy as np
import torch
from numpy.typing import NDArray

from dicface.base.errors import WeightsError
from dicface.base.files import sha256_of
from dicface.metrics.backbones.info import BackboneInfo
from dicface.metrics.backbones.random_weights import draw_weights
from dicface.metrics.lpips import lpips_distance
from dicface.weights.convert import read_checkpoint

RANDOM_NAME = "random-vgg16"


def _empty_lpips(net: str, heads: bool) -> lpips.LPIPS:
    """An `lpips.LPIPS` whose backbone has no values yet: its own start draws 138 M numbers."""
    with warnings.catch_warnings(), torch.device("meta"):
        # lpips still passes torchvision's old `pretrained=False`.
        warnings.simplefilter("ignore", UserWarning)
        network = lpips.LPIPS(net=net, lpips=heads, pretrained=False, pnet_rand=True, verbose=False)
    return network.requires_grad_(False).eval()


class Perceptual:
    """What LPIPS is computed with."""

    info: BackboneInfo
    network: lpips.LPIPS

    def distance(
        self, restored: NDArray[np.uint8], truth: NDArray[np.uint8]
    ) -> NDArray[np.float64]:
        """LPIPS (N,) of frames (N, H, W, 3) uint8 RGB."""
        return lpips_distance(restored, truth, self._on_device)

    def _on_device(self, restored: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        device = next(self.network.parameters()).device
        return self.network(restored.to(device), truth.to(device))


class OfficialPerceptual(Perceptual):
    """VGG-16: ImageNet features under the linear heads (v0.1) that the lpips package ships."""

    name = "lpips-vgg16"
    net = "vgg"
    """What the lpips package calls it."""

    def __init__(self, path: Path, device: str) -> None:
        """Takes torchvision's checkpoint of the network; it is read at first use."""
        self._path, self._device = path, device
        self.info = BackboneInfo(
            name=self.name,
            sha256=sha256_of(path),
            official=True,
            reason=f"{path.name} is on this machine",
        )

    @cached_property
    def network(self) -> lpips.LPIPS:
        """The network, on its device."""
        network = _empty_lpips(self.net, heads=True)
        released = read_checkpoint(self._path)
        heads = Path(lpips.__file__).parent / "weights" / "v0.1" / f"{self.net}.pth"
        state = read_checkpoint(heads)
        for key in network.net.state_dict():
            # lpips cuts torchvision's `features` into slices and keeps the layers' numbers.
            layer, kind = key.split(".")[1:]
            source = f"features.{layer}.{kind}"
            if source not in released:
                raise WeightsError(
                    f"{self._path}: has no '{source}'; expected torchvision's checkpoint for "
                    f"LPIPS ({self.net}). Delete it and get it again."
                )
            state[f"net.{key}"] = released[source]
        state |= {f"scaling_layer.{k}": v for k, v in network.scaling_layer.state_dict().items()}
        # lins repeats lin0 … lin4 under a second name.
        for key in [key for key in state if key.startswith("lin")]:
            state[f"lins.{key[3:]}"] = state[key]
        network.load_state_dict(state, assign=True)
        return network.requires_grad_(False).to(self._device)


class AlexPerceptual(OfficialPerceptual):
    """The same on AlexNet."""

    name, net = "lpips-alexnet", "alex"


class RandomPerceptual(Perceptual):
    """Seeded random VGG-16; no heads: channels of random features have no meaning to weigh."""

    def __init__(self, device: str, reason: str) -> None:
        """Takes a device and why this network; weights are drawn at first use."""
        self._device, self._reason = device, reason

    @cached_property
    def _drawn(self) -> tuple[lpips.LPIPS, str]:
        network = _empty_lpips("vgg", heads=False)
        digest = draw_weights(network.net, RANDOM_NAME)
        return network.requires_grad_(False).to(self._device), digest

    @property
    def network(self) -> lpips.LPIPS:
        """The network, on its device."""
        return self._drawn[0]

    @property
    def info(self) -> BackboneInfo:
        """Name and digest of the drawn weights."""
        return BackboneInfo(
            name=RANDOM_NAME,
            sha256=self._drawn[1],
            official=False,
            reason=self._reason,
        )
