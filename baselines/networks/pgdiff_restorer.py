"""The restorer whose result guides PGDiff's blind restoration.

The generator of Real-ESRGAN at equal size (Wang et al., ICCVW 2021), given the noisy image of a
diffusion step, the degraded image and the step.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.networks.pgdiff_unet import timestep_embedding

_NEGATIVE_SLOPE = 0.2
_RESIDUAL_SCALE = 0.2
_DIM_TIME = 100
_FOLD = 4


class PgdiffRestorer(nn.Module):
    """Generator and time embedding; the defaults are the released size.

    Args:
        channels: Width of the features.
        num_blocks: Number of residual-in-residual dense blocks.
        growth_channels: What each convolution of a dense block adds.
    """

    def __init__(
        self, *, channels: int = 64, num_blocks: int = 23, growth_channels: int = 32
    ) -> None:
        super().__init__()
        self.generator = _Generator(channels, num_blocks, growth_channels)
        self.time_embed = nn.Sequential(nn.Linear(_DIM_TIME, 3), nn.SiLU(), nn.Linear(3, 3))

    def forward(self, x: Tensor, degraded: Tensor, timesteps: Tensor) -> Tensor:
        """Restores images.

        Args:
            x: (n, 3, h, w) noisy images of a diffusion step; sides that 4 divides.
            degraded: (n, 3, h, w) RGB in [-1, 1].
            timesteps: (n,) steps of the full process, 0 to 999.

        Returns:
            (n, 3, h, w) RGB, around [-1, 1] and not clamped.
        """
        time = self.time_embed(timestep_embedding(timesteps, _DIM_TIME))
        return self.generator(torch.cat([x, degraded, time[..., None, None].expand_as(x)], 1))


class _Generator(nn.Module):
    """Works at a quarter of the size, which it folds into channels."""

    def __init__(self, channels: int, num_blocks: int, growth_channels: int) -> None:
        super().__init__()
        self.conv_first = nn.Conv2d(9 * _FOLD**2, channels, 3, padding=1)
        self.body = nn.Sequential(
            *(_ResidualDenseBlocks(channels, growth_channels) for _ in range(num_blocks))
        )
        self.conv_body, self.conv_up1, self.conv_up2, self.conv_hr = (
            nn.Conv2d(channels, channels, 3, padding=1) for _ in range(4)
        )
        self.conv_last = nn.Conv2d(channels, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 9, h, w) → (n, 3, h, w)."""
        x = self.conv_first(functional.pixel_unshuffle(x, _FOLD))
        x = x + self.conv_body(self.body(x))
        for conv in (self.conv_up1, self.conv_up2):
            x = _leaky(conv(functional.interpolate(x, scale_factor=2.0, mode="nearest")))
        return self.conv_last(_leaky(self.conv_hr(x)))


class _ResidualDenseBlocks(nn.Module):
    """Three dense blocks inside a scaled residual connection."""

    def __init__(self, channels: int, growth_channels: int) -> None:
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (_DenseBlock(channels, growth_channels) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) → the same."""
        return x + _RESIDUAL_SCALE * self.rdb3(self.rdb2(self.rdb1(x)))


class _DenseBlock(nn.Module):
    """Five convolutions, each of which sees all features before it."""

    def __init__(self, channels: int, growth_channels: int) -> None:
        super().__init__()
        for i in range(4):
            conv = nn.Conv2d(channels + i * growth_channels, growth_channels, 3, padding=1)
            self.add_module(f"conv{i + 1}", conv)
        self.conv5 = nn.Conv2d(channels + 4 * growth_channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) → the same."""
        features = x
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            features = torch.cat([features, _leaky(conv(features))], 1)
        return x + _RESIDUAL_SCALE * self.conv5(features)


def _leaky(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, _NEGATIVE_SLOPE)
