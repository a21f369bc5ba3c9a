"""ArcFace's identity network (Deng et al., CVPR 2019): a ResNet of 50 layers, insightface's layout.

PGDiff compares faces with it where a photograph of the same person guides the restoration.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

SIZE_PX = 112
_STEPS = 16  # the four stages halve the size


class ArcFace(nn.Module):
    """iresnet; the defaults are the 50 layers of the released file.

    Args:
        num_blocks: Residual blocks of the four stages.
        widths: Channels of the four stages.
        size: Side of the faces in pixels, a multiple of 16.
        dim: Length of an identity vector.
    """

    def __init__(
        self,
        *,
        num_blocks: Sequence[int] = (3, 4, 14, 3),
        widths: Sequence[int] = (64, 128, 256, 512),
        size: int = SIZE_PX,
        dim: int = 512,
    ) -> None:
        super().__init__()
        self.conv1 = _conv(3, widths[0], 3)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.prelu = nn.PReLU(widths[0])
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            nn.Sequential(
                _Block(before, width, stride=2), *(_Block(width, width) for _ in range(num - 1))
            )
            for before, width, num in zip((widths[0], *widths), widths, num_blocks, strict=False)
        )
        self.bn2 = nn.BatchNorm2d(widths[-1])
        self.fc = nn.Linear(widths[-1] * (size // _STEPS) ** 2, dim)
        self.features = nn.BatchNorm1d(dim)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, 3, size, size) RGB in [-1, 1] to (n, dim) vectors, not normalised."""
        x = self.prelu(self.bn1(self.conv1(x)))
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        return self.features(self.fc(self.bn2(x).flatten(1)))


class _Block(nn.Module):
    """Normalisation, convolution, normalisation, PReLU, convolution, normalisation; residual."""

    def __init__(self, channels_in: int, channels_out: int, *, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels_in)
        self.conv1 = _conv(channels_in, channels_out, 3)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.prelu = nn.PReLU(channels_out)
        self.conv2 = _conv(channels_out, channels_out, 3, stride)
        self.bn3 = nn.BatchNorm2d(channels_out)
        self.downsample = (
            nn.Identity()
            if stride == 1
            else nn.Sequential(
                _conv(channels_in, channels_out, 1, stride), nn.BatchNorm2d(channels_out)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels_in, h, w) → (n, channels_out, h/stride, w/stride)."""
        y = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        return self.bn3(self.conv2(y)) + self.downsample(x)


def _conv(channels_in: int, channels_out: int, side: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, side, stride=stride, padding=side // 2, bias=False)
