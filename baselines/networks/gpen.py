"""GPEN: an encoder whose features take the place of a StyleGAN2's noise (Yang et al., CVPR 2021).

One class serves all released sizes; `VARIANTS` names their settings. The network takes no random
noise: the same input gives the same output.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn

from baselines.networks.stylegan2 import (
    Blur,
    EqualConv2d,
    EqualLinear,
    FusedLeakyReLU,
    ModulatedConv2d,
    PixelNorm,
    Upsample,
    channels_at,
    levels_of,
)

# Released files and the settings they were trained with; inpainting and colorization share one.
VARIANTS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "GPEN-BFR-512": {"size": 512, "channel_multiplier": 2, "narrow": 1},
        "GPEN-BFR-256": {"size": 256, "channel_multiplier": 1, "narrow": 0.5},
        "GPEN-Inpainting-1024": {"size": 1024, "channel_multiplier": 2, "narrow": 1},
        "GPEN-Colorization-1024": {"size": 1024, "channel_multiplier": 2, "narrow": 1},
    }
)
_MLP_LR = 0.01


class Gpen(nn.Module):
    """Encoder, style and generator.

    Args:
        size: Side of input and output in pixels, a power of two from 8 to 1024.
        channel_multiplier: Widens the levels from 64 pixels on.
        narrow: Scales the width of every level.
        style_dim: Width of the style.
        n_mlp: Layers that map the encoder's last vector to the style.
    """

    def __init__(
        self,
        size: int = 512,
        *,
        channel_multiplier: int = 2,
        narrow: float = 1,
        style_dim: int = 512,
        n_mlp: int = 8,
    ) -> None:
        super().__init__()
        self.size = size
        resolutions = [4, *levels_of(size)]
        widths = {
            resolution: channels_at(resolution, multiplier=channel_multiplier, narrow=narrow)
            for resolution in resolutions
        }
        self.num_encoders = len(resolutions)
        # The release numbers its encoder's levels in their names instead of keeping a list.
        self.ecd0 = nn.Sequential(
            nn.Sequential(EqualConv2d(3, widths[size], 1), FusedLeakyReLU(widths[size]))
        )
        for number, resolution in enumerate(reversed(resolutions[:-1]), start=1):
            self.add_module(
                f"ecd{number}", nn.Sequential(_down(widths[2 * resolution], widths[resolution]))
            )
        self.final_linear = nn.Sequential(EqualLinear(widths[4] * 16, style_dim, activate=True))
        self.generator = _Generator(widths, style_dim=style_dim, n_mlp=n_mlp)

    def forward(self, x: Tensor) -> Tensor:
        """Restores images.

        Args:
            x: (n, 3, size, size) RGB in [-1, 1].

        Returns:
            (n, 3, size, size) RGB, around [-1, 1] and not clamped.
        """
        features = []
        for number in range(self.num_encoders):
            x = self.get_submodule(f"ecd{number}")(x)
            features.append(x)
        return self.generator(self.final_linear(x.flatten(1)), features[::-1])


class _Generator(nn.Module):
    """StyleGAN2 generator whose layers append encoder features instead of adding noise."""

    def __init__(self, widths: Mapping[int, int], *, style_dim: int, n_mlp: int) -> None:
        super().__init__()
        layers = (
            EqualLinear(style_dim, style_dim, lr_mul=_MLP_LR, activate=True) for _ in range(n_mlp)
        )
        self.style = nn.Sequential(PixelNorm(), *layers)
        self.input = _Constant(widths[4])
        self.conv1 = _StyledConv(widths[4], widths[4], style_dim)
        self.to_rgb1 = _ToRgb(2 * widths[4], style_dim, upsample=False)
        self.convs = nn.ModuleList()
        self.to_rgbs = nn.ModuleList()
        before = widths[4]
        for width in list(widths.values())[1:]:
            # A layer's output is its own channels and as many of the encoder's.
            self.convs.append(_StyledConv(2 * before, width, style_dim, upsample=True))
            self.convs.append(_StyledConv(2 * width, width, style_dim))
            self.to_rgbs.append(_ToRgb(2 * width, style_dim, upsample=True))
            before = width

    def forward(self, code: Tensor, features: list[Tensor]) -> Tensor:
        """(n, s) and encoder features from 4×4 up → (n, 3, size, size)."""
        style = self.style(code)
        x = self.conv1(self.input(code.shape[0]), style, features[0])
        image = self.to_rgb1(x, style, None)
        for level, feature in enumerate(features[1:]):
            x = self.convs[2 * level](x, style, feature)
            x = self.convs[2 * level + 1](x, style, feature)
            image = self.to_rgbs[level](x, style, image)
        return image


class _Constant(nn.Module):
    """The learned 4×4 start of the generator."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, channels, 4, 4))

    def forward(self, num: int) -> Tensor:
        """Returns (num, c, 4, 4)."""
        return self.input.expand(num, -1, -1, -1)


class _Weighted(nn.Module):
    """One learned factor, applied to an encoder's feature."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, feature: Tensor) -> Tensor:
        """Any shape → the same."""
        return self.weight * feature


class _StyledConv(nn.Module):
    """Modulated convolution, the encoder's feature appended to its output, activation."""

    def __init__(
        self, channels_in: int, channels_out: int, style_dim: int, *, upsample: bool = False
    ) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(
            channels_in,
            channels_out,
            3,
            style_dim,
            upsample="blur" if upsample else None,
            equalised=True,
        )
        self.noise = _Weighted()
        self.activate = FusedLeakyReLU(2 * channels_out)

    def forward(self, x: Tensor, style: Tensor, feature: Tensor) -> Tensor:
        """(n, channels_in, h, w), style and feature → (n, 2·channels_out, h, w) or doubled."""
        return self.activate(torch.cat([self.conv(x, style), self.noise(feature)], dim=1))


class _ToRgb(nn.Module):
    """One level's share of the image, added to the upsampled image of the levels below."""

    def __init__(self, channels: int, style_dim: int, *, upsample: bool) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(channels, 3, 1, style_dim, demodulate=False, equalised=True)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        if upsample:
            self.upsample = Upsample()

    def forward(self, x: Tensor, style: Tensor, image: Tensor | None) -> Tensor:
        """(n, c, h, w), style and an image of half the size → (n, 3, h, w)."""
        own = self.conv(x, style) + self.bias
        return own if image is None else own + self.upsample(image)


def _down(channels_in: int, channels_out: int) -> nn.Sequential:
    """Blur, 3×3 convolution with stride 2, activation: half the size."""
    return nn.Sequential(
        Blur(pad=2),
        EqualConv2d(channels_in, channels_out, 3, stride=2),
        FusedLeakyReLU(channels_out),
    )
