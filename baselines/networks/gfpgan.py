"""GFPGAN, "clean" architecture of v1.2 to v1.4 (Wang et al., CVPR 2021, section 3).

A U-Net reads the face; its 4×4 end gives one style for each layer of a StyleGAN2 decoder, and its
upward half gives a scale and a shift for half of the decoder's channels at each level.

Two parts of the released file are carried and not used to restore: `style_mlp` (styles come from
the U-Net) and `toRGB` (images of the levels of the U-Net, for a training loss).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.networks.stylegan2 import (
    NEGATIVE_SLOPE,
    ModulatedConv2d,
    channels_at,
    double_bilinear,
    levels_of,
)


class Gfpgan(nn.Module):
    """U-Net and decoder; the defaults are the released size.

    Args:
        size: Side of input and output in pixels, a power of two from 8 to 1024.
        channel_multiplier: Widens the levels from 64 pixels on.
        narrow: Scales the width of every level.
        style_dim: Width of a style.
        n_mlp: Layers of the decoder's unused mapping network, which the file holds.
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
        levels = levels_of(size)
        # Half of the decoder's width: only half of its channels are modulated.
        widths = {
            resolution: channels_at(resolution, multiplier=channel_multiplier, narrow=narrow / 2)
            for resolution in (4, *levels)
        }
        self.style_dim = style_dim
        self.conv_body_first = nn.Conv2d(3, widths[size], 1)
        self.conv_body_down = nn.ModuleList(
            _ResBlock(widths[level], widths[level // 2], factor=0.5) for level in reversed(levels)
        )
        self.final_conv = nn.Conv2d(widths[4], widths[4], 3, padding=1)
        num_styles = 2 * len(levels) + 2
        self.final_linear = nn.Linear(widths[4] * 16, num_styles * style_dim)
        self.conv_body_up = nn.ModuleList(
            _ResBlock(widths[level // 2], widths[level], factor=2) for level in levels
        )
        self.condition_scale = nn.ModuleList(_condition(widths[level]) for level in levels)
        self.condition_shift = nn.ModuleList(_condition(widths[level]) for level in levels)
        self.toRGB = nn.ModuleList(nn.Conv2d(widths[level], 3, 1) for level in levels)
        self.stylegan_decoder = _Decoder(
            {r: channels_at(r, multiplier=channel_multiplier, narrow=narrow) for r in widths},
            style_dim=style_dim,
            n_mlp=n_mlp,
        )

    def noise_sizes(self) -> list[int]:
        """Sides of the noise images that `forward` takes, in order: 4, 8, 8, …, size, size."""
        return self.stylegan_decoder.noise_sizes

    def forward(self, x: Tensor, noises: Sequence[Tensor] | None = None) -> Tensor:
        """Restores images.

        Args:
            x: (n, 3, size, size) RGB in [-1, 1].
            noises: One (n or 1, 1, r, r) standard normal image for each r of `noise_sizes`; None
                takes those stored with the weights.

        Returns:
            (n, 3, size, size) RGB, around [-1, 1] and not clamped.
        """
        features = []
        x = _leaky(self.conv_body_first(x))
        for block in self.conv_body_down:
            x = block(x)
            features.append(x)
        x = _leaky(self.final_conv(x))
        styles = self.final_linear(x.flatten(1)).unflatten(1, (-1, self.style_dim))
        conditions = []
        for block, feature, scale, shift in zip(
            self.conv_body_up,
            reversed(features),
            self.condition_scale,
            self.condition_shift,
            strict=True,
        ):
            x = block(x + feature)
            conditions.append((scale(x), shift(x)))
        return self.stylegan_decoder(styles, conditions, noises)


class _Decoder(nn.Module):
    """StyleGAN2 generator with bilinear upsampling and spatial feature transforms."""

    def __init__(self, widths: dict[int, int], *, style_dim: int, n_mlp: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Identity()]
        for _ in range(n_mlp):
            layers += [nn.Linear(style_dim, style_dim), nn.LeakyReLU(NEGATIVE_SLOPE)]
        self.style_mlp = nn.Sequential(*layers)
        self.constant_input = _Constant(widths[4])
        self.style_conv1 = _StyleConv(widths[4], widths[4], style_dim)
        self.to_rgb1 = _ToRgb(widths[4], style_dim)
        self.style_convs = nn.ModuleList()
        self.to_rgbs = nn.ModuleList()
        levels = list(widths)[1:]
        for level in levels:
            before, width = widths[level // 2], widths[level]
            self.style_convs.append(_StyleConv(before, width, style_dim, upsample=True))
            self.style_convs.append(_StyleConv(width, width, style_dim))
            self.to_rgbs.append(_ToRgb(width, style_dim))
        self.noise_sizes = [4, *(level for level in levels for _ in range(2))]
        self.noises = nn.Module()
        for number, side in enumerate(self.noise_sizes):
            self.noises.register_buffer(f"noise{number}", torch.randn(1, 1, side, side))

    def forward(
        self,
        styles: Tensor,
        conditions: Sequence[tuple[Tensor, Tensor]],
        noises: Sequence[Tensor] | None,
    ) -> Tensor:
        """(n, layers, s) styles and (scale, shift) of each level → (n, 3, size, size)."""
        noises = list(self.noises.buffers()) if noises is None else noises
        x = self.style_conv1(self.constant_input(len(styles)), styles[:, 0], noises[0])
        image = self.to_rgb1(x, styles[:, 1], None)
        for level, (scale, shift) in enumerate(conditions):
            number = 2 * level + 1
            x = self.style_convs[2 * level](x, styles[:, number], noises[number])
            kept, changed = x.chunk(2, dim=1)
            x = torch.cat([kept, changed * scale + shift], dim=1)
            x = self.style_convs[2 * level + 1](x, styles[:, number + 1], noises[number + 1])
            image = self.to_rgbs[level](x, styles[:, number + 2], image)
        return image


class _Constant(nn.Module):
    """The learned 4×4 start of the decoder."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, channels, 4, 4))

    def forward(self, num: int) -> Tensor:
        """Returns (num, c, 4, 4)."""
        return self.weight.expand(num, -1, -1, -1)


class _StyleConv(nn.Module):
    """Modulated convolution, gain √2, noise, bias, leaky ReLU."""

    def __init__(
        self, channels_in: int, channels_out: int, style_dim: int, *, upsample: bool = False
    ) -> None:
        super().__init__()
        self.modulated_conv = ModulatedConv2d(
            channels_in,
            channels_out,
            3,
            style_dim,
            upsample="bilinear" if upsample else None,
            equalised=False,
        )
        self.weight = nn.Parameter(torch.zeros(1))
        self.bias = nn.Parameter(torch.zeros(1, channels_out, 1, 1))

    def forward(self, x: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        """(n, channels_in, h, w) → (n, channels_out, h, w), doubled if upsampling."""
        x = self.modulated_conv(x, style) * 2**0.5
        return _leaky(x + self.weight * noise + self.bias)


class _ToRgb(nn.Module):
    """One level's share of the image, added to the doubled image of the levels below."""

    def __init__(self, channels: int, style_dim: int) -> None:
        super().__init__()
        self.modulated_conv = ModulatedConv2d(
            channels, 3, 1, style_dim, demodulate=False, equalised=False
        )
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))

    def forward(self, x: Tensor, style: Tensor, image: Tensor | None) -> Tensor:
        """(n, c, h, w), style and an image of half the size → (n, 3, h, w)."""
        own = self.modulated_conv(x, style) + self.bias
        return own if image is None else own + double_bilinear(image)


class _ResBlock(nn.Module):
    """Residual block of the U-Net that halves (0.5) or doubles (2) the size bilinearly."""

    def __init__(self, channels_in: int, channels_out: int, *, factor: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_in, 3, padding=1)
        self.conv2 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.skip = nn.Conv2d(channels_in, channels_out, 1, bias=False)
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels_in, h, w) → (n, channels_out, h·factor, w·factor)."""
        y = self._resize(_leaky(self.conv1(x)))
        return _leaky(self.conv2(y)) + self.skip(self._resize(x))

    def _resize(self, x: Tensor) -> Tensor:
        return functional.interpolate(
            x, scale_factor=self.factor, mode="bilinear", align_corners=False
        )


def _condition(channels: int) -> nn.Sequential:
    """Two 3×3 convolutions that give a level's scale or shift."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.LeakyReLU(NEGATIVE_SLOPE),
        nn.Conv2d(channels, channels, 3, padding=1),
    )


def _leaky(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, NEGATIVE_SLOPE)
