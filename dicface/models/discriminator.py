"""PatchGAN discriminator of CodeFormer's stages I and III (built, never trained, by DicFace)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class DiscriminatorSettings:
    """Sizes of the discriminator; the defaults are the released network.

    Attributes:
        ndf: Channels after the first convolution; doubled by each further one, at most 8 · ndf.
        n_layers: Convolutions of stride 2.
    """

    ndf: int = 64
    n_layers: int = 4


class Discriminator(nn.Module):
    """4×4 convolutions with BatchNorm and LeakyReLU 0.2: one logit a patch, no sigmoid."""

    Settings = DiscriminatorSettings

    def __init__(self, s: DiscriminatorSettings) -> None:
        super().__init__()
        self.settings = s
        layers: list[nn.Module] = [nn.Conv2d(3, s.ndf, 4, 2, 1), nn.LeakyReLU(0.2)]
        width = s.ndf
        for i in range(1, s.n_layers + 1):
            wider = s.ndf * min(2**i, 8)
            stride = 2 if i < s.n_layers else 1
            layers += [
                nn.Conv2d(width, wider, 4, stride, 1, bias=False),
                nn.BatchNorm2d(wider),
                nn.LeakyReLU(0.2),
            ]
            width = wider
        self.main = nn.Sequential(*layers, nn.Conv2d(width, 1, 4, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, H, W) in [-1, 1] → logits (n, 1, h, w); 512 px give 30×30, 128 px 6×6."""
        return self.main(x)
