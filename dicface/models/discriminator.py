"""PatchGAN discriminator of CodeFormer's stages I and III (built, never trained, by DicFace)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from dicface.config.model import DiscriminatorSettings


class Discriminator(nn.Module):
    """4×4 convolutions, normalised, with LeakyReLU 0.2: one logit a patch, no sigmoid."""

    Settings = DiscriminatorSettings

    def __init__(self, s: DiscriminatorSettings) -> None:
        super().__init__()
        self.settings = s
        batch = s.norm == "batch"

        def conv(width: int, wider: int, stride: int, bias: bool = True) -> nn.Module:
            layer = nn.Conv2d(width, wider, 4, stride, 1, bias=bias)
            return layer if batch else spectral_norm(layer)

        layers: list[nn.Module] = [conv(3, s.ndf, 2), nn.LeakyReLU(0.2)]
        width = s.ndf
        for i in range(1, s.n_layers + 1):
            wider = s.ndf * min(2**i, 8)
            layers.append(conv(width, wider, 2 if i < s.n_layers else 1, bias=not batch))
            layers += [nn.BatchNorm2d(wider)] if batch else []
            layers.append(nn.LeakyReLU(0.2))
            width = wider
        self.main = nn.Sequential(*layers, conv(width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, H, W) in [-1, 1] → logits (n, 1, h, w); 512 px give 30×30, 128 px 6×6."""
        return self.main(x)
