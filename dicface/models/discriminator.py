"""PatchGAN discriminator of CodeFormer's stages I and III (built, never trained, by DicFace)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from dicface.base.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class DiscriminatorSettings:
    """Sizes of the discriminator; the defaults are the released network.

    Attributes:
        ndf: Channels after the first convolution; doubled by each further one, at most 8 · ndf.
        n_layers: Convolutions of stride 2.
        norm: "batch" is the release's batch normalisation; "spectral" divides every weight by its
            largest singular value in its place, which bounds the slope of the logits.
    """

    ndf: int = 64
    n_layers: int = 4
    norm: Literal["batch", "spectral"] = "batch"

    def __post_init__(self) -> None:
        if self.norm not in ("batch", "spectral"):
            raise ConfigError(
                f"DiscriminatorSettings: norm = {self.norm!r}; it must be 'batch' or 'spectral'."
            )


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
