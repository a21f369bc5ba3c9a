"""BiSeNet (Yu et al., ECCV 2018) on ResNet-18: the face parser inside PGTFormer.

The same as facexlib's, from where PGTFormer's authors took it, in names of parameters and in every
bit of its results. Shapes: n images; features have 1/8, 1/16 and 1/32 of their sides.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def _conv(channels_in: int, channels_out: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False)


def _mean(x: Tensor) -> Tensor:
    """Mean over all positions, (n, C, 1, 1)."""
    return functional.avg_pool2d(x, x.shape[2:])


class _ConvNorm(nn.Module):
    def __init__(self, channels_in: int, channels_out: int, kernel: int = 3) -> None:
        super().__init__()
        self.conv = _conv(channels_in, channels_out, kernel)
        self.bn = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.bn(self.conv(x)))


class _Block(nn.Module):
    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _conv(channels_in, channels_out, stride=stride)
        self.bn1 = nn.BatchNorm2d(channels_out)
        self.conv2 = _conv(channels_out, channels_out)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.downsample = None
        if stride > 1:
            shortcut = _conv(channels_in, channels_out, 1, stride)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(channels_out))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(y + (x if self.downsample is None else self.downsample(x)))


class _ResNet18(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = _conv(3, 64, 7, 2)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(_Block(64, 64, 1), _Block(64, 64, 1))
        self.layer2 = nn.Sequential(_Block(64, 128, 2), _Block(128, 128, 1))
        self.layer3 = nn.Sequential(_Block(128, 256, 2), _Block(256, 256, 1))
        self.layer4 = nn.Sequential(_Block(256, 512, 2), _Block(512, 512, 1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = functional.max_pool2d(functional.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        eighth = self.layer2(self.layer1(x))
        sixteenth = self.layer3(eighth)
        return eighth, sixteenth, self.layer4(sixteenth)


class _Refinement(nn.Module):
    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = _ConvNorm(channels_in, channels_out)
        self.conv_atten = _conv(channels_out, channels_out, 1)
        self.bn_atten = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x * torch.sigmoid(self.bn_atten(self.conv_atten(_mean(x))))


class _ContextPath(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.resnet = _ResNet18()
        self.arm16 = _Refinement(256, 128)
        self.arm32 = _Refinement(512, 128)
        self.conv_head32 = _ConvNorm(128, 128)
        self.conv_head16 = _ConvNorm(128, 128)
        self.conv_avg = _ConvNorm(512, 128, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features at 1/8; the context at 1/8 and at 1/16."""
        eighth, sixteenth, deep = self.resnet(x)
        context = self.arm32(deep) + self.conv_avg(_mean(deep))
        coarse = self.conv_head32(functional.interpolate(context, sixteenth.shape[2:]))
        context = self.arm16(sixteenth) + coarse
        return eighth, self.conv_head16(functional.interpolate(context, eighth.shape[2:])), coarse


class _Fusion(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convblk = _ConvNorm(channels, channels, 1)
        self.conv1 = _conv(channels, channels // 4, 1)
        self.conv2 = _conv(channels // 4, channels, 1)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        x = self.convblk(torch.cat([x, context], 1))
        return x * torch.sigmoid(self.conv2(functional.relu(self.conv1(_mean(x))))) + x


class _Head(nn.Module):
    def __init__(self, channels: int, hidden: int, num_classes: int) -> None:
        super().__init__()
        self.conv = _ConvNorm(channels, hidden)
        self.conv_out = _conv(hidden, num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_out(self.conv(x))


class BiSeNet(nn.Module):
    """Face parser with one head and two auxiliary ones, all of which PGTFormer reads."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.cp = _ContextPath()
        self.ffm = _Fusion(256)
        self.conv_out = _Head(256, 256, num_classes)
        self.conv_out16 = _Head(128, 64, num_classes)
        self.conv_out32 = _Head(128, 64, num_classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Parses faces.

        Args:
            x: (n, 3, H, W) RGB, normalised by ImageNet's statistics.

        Returns:
            Logits (n, num_classes, h, w) of the three heads, at 1/8, 1/8 and 1/16 of the sides.
        """
        fine, shallow, deep = self.cp(x)
        return (
            self.conv_out(self.ffm(fine, shallow)),
            self.conv_out16(shallow),
            self.conv_out32(deep),
        )
