"""Perceptual distances as training losses.

LPIPS (the paper, eq. 11, in its calibrated form as in the release), which needs VGG16's file, and a
distance on EfficientNet-Lite0's features, which needs a small package and no download.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from dicface.base.errors import ConfigError, WeightsError
from dicface.models.efficientnet import LiteDistance

if TYPE_CHECKING:
    import lpips  # it imports torchvision's models, two seconds that most trainings do not need


class PerceptualLoss(nn.Module):
    """A perceptual distance, mean over images; frozen, always in evaluation mode.

    Args:
        network: An `lpips.LPIPS` (VGG16, v0.1) or a `LiteDistance`; it scales inputs in [-1, 1] to
            the statistics it was trained with itself.
        normalise: "once" leaves it at that; "twice" (release) applies the ImageNet mean and
            deviation to (x + 1) / 2 first, on top of which the network scales again.

    Attributes:
        term: Its name among loss terms.
    """

    def __init__(
        self, network: lpips.LPIPS | LiteDistance, normalise: Literal["once", "twice"] = "once"
    ) -> None:
        super().__init__()
        if normalise not in ("once", "twice"):
            raise ConfigError(f"LPIPS: normalise = {normalise!r}; it must be 'once' or 'twice'.")
        self.normalise = normalise
        self.term = "perceptual" if isinstance(network, LiteDistance) else "lpips"
        self.perceptual = network.requires_grad_(False).eval()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

    def train(self, mode: bool = True) -> PerceptualLoss:
        """Keeps the network's dropout off whatever the mode."""
        return super().train(False)

    def forward(self, pred: Tensor, y: Tensor) -> Tensor:
        """(n, 3, H, W) twice → scalar; the gradient reaches `pred` alone."""
        if self.normalise == "twice":
            pred, y = (((x + 1) / 2 - self.mean) / self.std for x in (pred, y))
        return self.perceptual(y.detach(), pred).mean()


def perceptual_network(backbone: Path | None = None) -> lpips.LPIPS:
    """LPIPS v0.1 from torchvision's VGG16 file and the linear layers that the package carries.

    Args:
        backbone: `vgg16-397923af.pth`; looked up in the weights registry if None.

    Raises:
        WeightsError: The file is missing, or holds another network.
    """
    import lpips

    # Here, so that losses can be computed where torch alone is installed.
    from dicface.weights import registry
    from dicface.weights.convert import read_checkpoint

    backbone = backbone or registry.find("vgg16")
    if backbone is None:
        raise WeightsError(f"{registry.where_to_get('vgg16')}; or set lambda2 to 0.")
    network = untrained_network()
    lins = Path(lpips.__file__).parent / "weights" / "v0.1" / "vgg.pth"
    network.load_state_dict(read_checkpoint(lins), strict=False)
    vgg = read_checkpoint(backbone)
    try:
        for name, parameter in network.net.named_parameters():  # slice3.10.weight
            parameter.data.copy_(vgg["features." + name.split(".", 1)[1]])
    except (KeyError, RuntimeError) as error:
        raise WeightsError(f"{backbone}: not torchvision's VGG16 ({error}).") from error
    return network


def untrained_network() -> lpips.LPIPS:
    """LPIPS's VGG16 network with random weights; nothing is downloaded."""
    import lpips

    with warnings.catch_warnings():  # lpips calls torchvision in a deprecated way
        warnings.simplefilter("ignore", UserWarning)
        return lpips.LPIPS(net="vgg", pretrained=False, pnet_rand=True, verbose=False)
