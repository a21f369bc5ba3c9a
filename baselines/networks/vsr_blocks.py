"""Blocks that BasicVSR, RealBasicVSR and BasicVSR++ share; keys as in open-mmlab/mmagic."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

SCALE = 4


class ResidualBlock(nn.Module):
    """x + conv(ReLU(conv(x))), without normalisation."""

    def __init__(self, channels: int) -> None:
        """Builds the two convolutions for `channels` channels."""
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) to the same shape."""
        return x + self.conv2(functional.relu(self.conv1(x), inplace=True))


class ResidualStack(nn.Module):
    """Input convolution, LeakyReLU, then residual blocks."""

    def __init__(self, channels_in: int, channels: int, num_blocks: int) -> None:
        """Builds the stack.

        Args:
            channels_in: Channels of the input.
            channels: Channels inside and of the result.
            num_blocks: Number of residual blocks.
        """
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(channels_in, channels, 3, padding=1),
            nn.LeakyReLU(0.1, inplace=True),
            nn.Sequential(*(ResidualBlock(channels) for _ in range(num_blocks))),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, channels_in, H, W) to (N, channels, H, W)."""
        return self.main(x)


class _Shuffle(nn.Module):
    """Doubles the size: convolution to four times the channels, pixel shuffle."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.upsample_conv = nn.Conv2d(channels_in, 4 * channels_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.pixel_shuffle(self.upsample_conv(x), 2)


class Enlarger(nn.Module):
    """Base of the networks: the layers that turn a frame's features into its picture."""

    def __init__(self, channels: int, channels_hr: int = 64) -> None:
        """Builds the layers.

        Args:
            channels: Channels of the features.
            channels_hr: Channels at full size.
        """
        super().__init__()
        self.upsample1 = _Shuffle(channels, channels)
        self.upsample2 = _Shuffle(channels, channels_hr)
        self.conv_hr = nn.Conv2d(channels_hr, channels_hr, 3, padding=1)
        self.conv_last = nn.Conv2d(channels_hr, 3, 3, padding=1)

    def picture_residue(self, features: Tensor) -> Tensor:
        """Maps features (N, C, h, w) to what is added to the base picture, (N, 3, 4h, 4w)."""
        for layer in (self.upsample1, self.upsample2, self.conv_hr):
            features = functional.leaky_relu(layer(features), 0.1, inplace=True)
        return self.conv_last(features)


def enlarge(frames: Tensor) -> Tensor:
    """Enlarges (N, C, h, w) four times, bilinearly (half-pixel centres)."""
    return functional.interpolate(frames, scale_factor=SCALE, mode="bilinear", align_corners=False)
