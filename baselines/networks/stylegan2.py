"""StyleGAN2 layers that GPEN and GFPGAN share (Karras et al., CVPR 2020, section 2).

The two releases differ in three ways, which are settings here: GPEN keeps the equalised learning
rate (weights are stored unscaled and multiplied by their He constant when used), upsamples by a
transposed convolution and a blur, and has a gain of √2 after each activation; GFPGAN's "clean"
decoder stores weights ready to use and upsamples bilinearly.

Shapes: n images, c channels, h×w positions, s style width.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

NEGATIVE_SLOPE = 0.2
_EPSILON = 1e-8
_BLUR = (1.0, 3.0, 3.0, 1.0)
# Channels at a resolution before `multiplier` and `narrow`; up to 32 the multiplier does nothing.
_CHANNELS = {64: 256, 128: 128, 256: 64, 512: 32, 1024: 16}


def channels_at(resolution: int, *, multiplier: int, narrow: float) -> int:
    """Width of a StyleGAN2 at one resolution.

    >>> [channels_at(r, multiplier=2, narrow=1) for r in (4, 64, 128, 512)]
    [512, 512, 256, 64]
    """
    full = _CHANNELS[resolution] * multiplier if resolution in _CHANNELS else 512
    return int(full * narrow)


def levels_of(size: int) -> list[int]:
    """Resolutions above 4 up to `size`.

    >>> levels_of(32)
    [8, 16, 32]

    Raises:
        ValueError: `size` is no power of two from 8 to 1024.
    """
    levels = [
        resolution for resolution in (8, 16, 32, 64, 128, 256, 512, 1024) if resolution <= size
    ]
    if not levels or levels[-1] != size:
        raise ValueError(f"size is {size}; expected a power of two from 8 to 1024")
    return levels


def fused_leaky_relu(x: Tensor, bias: Tensor) -> Tensor:
    """Adds a bias along axis 1, then leaky ReLU (slope 0.2) with gain √2."""
    shape = (1, -1, *(1,) * (x.dim() - 2))
    return functional.leaky_relu(x + bias.view(shape), NEGATIVE_SLOPE, inplace=True) * math.sqrt(2)


def blur_kernel(gain: float = 1.0) -> Tensor:
    """The 4×4 binomial kernel, of sum `gain`."""
    row = torch.tensor(_BLUR)
    kernel = torch.outer(row, row)
    return kernel * (gain / kernel.sum())


class FusedLeakyReLU(nn.Module):
    """A learned bias, then leaky ReLU with gain √2."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, …) → the same shape."""
        return fused_leaky_relu(x, self.bias)


class PixelNorm(nn.Module):
    """Scales each vector to a mean square of 1."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, s) → (n, s)."""
        return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + _EPSILON)


class EqualLinear(nn.Module):
    """Linear layer with equalised learning rate, optionally followed by the fused activation.

    Weights and bias are stored divided by `lr_mul` and used as weight·lr_mul/√in and bias·lr_mul.
    """

    def __init__(
        self,
        features_in: int,
        features_out: int,
        *,
        lr_mul: float = 1.0,
        bias_init: float = 0.0,
        activate: bool = False,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(features_out, features_in) / lr_mul)
        self.bias = nn.Parameter(torch.full((features_out,), bias_init))
        self.lr_mul = lr_mul
        self.scale = lr_mul / math.sqrt(features_in)
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:
        """(n, features_in) → (n, features_out)."""
        weight, bias = self.weight * self.scale, self.bias * self.lr_mul
        if self.activate:
            return fused_leaky_relu(functional.linear(x, weight), bias)
        return functional.linear(x, weight, bias)


class EqualConv2d(nn.Module):
    """Convolution without bias, with equalised learning rate."""

    def __init__(
        self, channels_in: int, channels_out: int, kernel_size: int, *, stride: int = 1
    ) -> None:
        super().__init__()
        shape = (channels_out, channels_in, kernel_size, kernel_size)
        self.weight = nn.Parameter(torch.randn(shape))
        self.scale = 1 / math.sqrt(channels_in * kernel_size**2)
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels_in, h, w) → (n, channels_out, h′, w′); no padding."""
        return functional.conv2d(x, self.weight * self.scale, stride=self.stride)


class Blur(nn.Module):
    """Convolves every channel with the 4×4 binomial kernel after zero padding on each side."""

    kernel: Tensor

    def __init__(self, *, pad: int, gain: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("kernel", blur_kernel(gain))
        self.pad = pad

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) → (n, c, h + 2·pad − 3, w + 2·pad − 3)."""
        channels = x.shape[1]
        # A true convolution: functional.conv2d correlates, hence the flip.
        kernel = self.kernel.flip(0, 1).expand(channels, 1, -1, -1)
        return functional.conv2d(x, kernel, padding=self.pad, groups=channels)


class Upsample(nn.Module):
    """Doubles the size: zeros between the samples, then the 4×4 binomial kernel."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", blur_kernel(gain=4.0))

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) → (n, c, 2h, 2w)."""
        channels = x.shape[1]
        # Inserting zeros, padding by (2, 1) and convolving is this transposed convolution.
        kernel = self.kernel.expand(channels, 1, -1, -1)
        return functional.conv_transpose2d(x, kernel, stride=2, padding=1, groups=channels)


def double_bilinear(x: Tensor) -> Tensor:
    """(n, c, h, w) → (n, c, 2h, 2w), bilinear, pixel centres aligned."""
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class ModulatedConv2d(nn.Module):
    """Convolution whose input channels are scaled by a style, its weights renormalised after.

    Args:
        channels_in: Channels of the input.
        channels_out: Channels of the output.
        kernel_size: Odd; the size of the image is kept.
        style_dim: Width of the style, mapped to one factor an input channel.
        demodulate: Whether each output channel's weights are scaled to unit norm.
        upsample: How the image is doubled: "blur" by a transposed convolution and a blur,
            "bilinear" before the convolution; None keeps its size.
        equalised: Whether weights and style layer have an equalised learning rate.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel_size: int,
        style_dim: int,
        *,
        demodulate: bool = True,
        upsample: Literal["blur", "bilinear"] | None = None,
        equalised: bool,
    ) -> None:
        super().__init__()
        he = 1 / math.sqrt(channels_in * kernel_size**2)
        weight = torch.randn(1, channels_out, channels_in, kernel_size, kernel_size)
        self.weight = nn.Parameter(weight if equalised else weight * he)
        self.scale = he if equalised else 1.0
        self.modulation: nn.Module
        if equalised:
            self.modulation = EqualLinear(style_dim, channels_in, bias_init=1.0)
        else:
            self.modulation = nn.Linear(style_dim, channels_in)
            nn.init.ones_(self.modulation.bias)
        if upsample == "blur":
            self.blur = Blur(pad=1, gain=4.0)
        self.demodulate = demodulate
        self.upsample = upsample
        self.padding = kernel_size // 2

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """(n, channels_in, h, w), (n, s) → (n, channels_out, h, w), doubled if upsampling."""
        num = x.shape[0]
        factors = self.modulation(style).view(num, 1, -1, 1, 1)
        weight = self.scale * self.weight * factors
        if self.demodulate:
            norm = weight.square().sum(dim=(2, 3, 4), keepdim=True)
            weight = weight * torch.rsqrt(norm + _EPSILON)
        if self.upsample == "blur":
            return self.blur(self._transposed(x, weight))
        if self.upsample == "bilinear":
            x = double_bilinear(x)
        # Every image has its own weights: they are the groups of one convolution.
        y = x.reshape(1, -1, *x.shape[2:])
        y = functional.conv2d(y, weight.flatten(0, 1), padding=self.padding, groups=num)
        return y.view(num, -1, *y.shape[2:])

    @staticmethod
    def _transposed(x: Tensor, weight: Tensor) -> Tensor:
        num = x.shape[0]
        y = x.reshape(1, -1, *x.shape[2:])
        y = functional.conv_transpose2d(
            y, weight.transpose(1, 2).flatten(0, 1), stride=2, groups=num
        )
        return y.view(num, -1, *y.shape[2:])
