"""GMFlow, optical flow as global matching (Xu et al., CVPR 2022), as it is inside KEEP.

Follows haofeixu/gmflow @ b512343, whose tensor names it keeps, with the settings of KEEP: one scale
at 1/8 of the size, 2×2 windows, global matching and global propagation, convex enlargement.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.networks.windows import merge, partition, shift_mask

SCALE = 8
MULTIPLE_PX = 2 * SCALE
_WINDOWS_A_SIDE = 2
_NEIGHBOURS = 3


class _ResBlock(nn.Module):
    """Two 3×3 convolutions with instance norm and ReLU, plus a shortcut; ReLU after the sum."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.InstanceNorm2d(channels)
        if stride > 1 or channels_in != channels:
            conv = nn.Conv2d(channels_in, channels, 1, stride)
            self.downsample = nn.Sequential(conv, nn.InstanceNorm2d(channels))
        else:
            self.downsample = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels_in, h, w) → (n, channels, h/stride, w/stride)."""
        y = functional.relu(self.norm(self.conv1(x)), inplace=True)
        y = functional.relu(self.norm(self.conv2(y)), inplace=True)
        return functional.relu(self.downsample(x) + y)


class _Backbone(nn.Module):
    """Image → features at 1/8 of its size."""

    def __init__(self, channels: int, widths: tuple[int, int, int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 7, 2, padding=3, bias=False)
        self.norm1 = nn.InstanceNorm2d(widths[0])
        width = widths[0]
        for number, (wider, stride) in enumerate(zip(widths, (1, 2, 2), strict=True), start=1):
            blocks = _ResBlock(width, wider, stride), _ResBlock(wider, wider, 1)
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
            width = wider
        self.conv2 = nn.Conv2d(width, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, H, W) → (n, C, H/8, W/8)."""
        x = functional.relu(self.norm1(self.conv1(x)), inplace=True)
        return self.conv2(self.layer3(self.layer2(self.layer1(x))))


class _Attention(nn.Module):
    """One head of attention among the positions of each window, and an MLP where it is used."""

    def __init__(self, dim: int, *, mlp_ratio: int | None) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.merge = (
            nn.Linear(dim, dim, bias=False) for _ in range(4)
        )
        self.norm1 = nn.LayerNorm(dim)
        self.mlp = None
        if mlp_ratio is not None:
            hidden = 2 * dim * mlp_ratio
            self.mlp = nn.Sequential(
                nn.Linear(2 * dim, hidden, bias=False),
                nn.GELU(),
                nn.Linear(hidden, dim, bias=False),
            )
            self.norm2 = nn.LayerNorm(dim)

    def forward(self, source: Tensor, target: Tensor, shifted: bool, mask: Tensor) -> Tensor:
        """Source asks, target answers.

        Args:
            source: (n, h, w, C).
            target: Same shape.
            shifted: Whether windows are shifted by half.
            mask: As from `shift_mask`, for shifted windows.

        Returns:
            (n, h, w, C).
        """
        grid = tuple(source.shape[1:3])
        size = tuple(side // _WINDOWS_A_SIDE for side in grid)
        shift = [side // 2 for side in size]
        q, k, v = self.q_proj(source), self.k_proj(target), self.v_proj(target)
        if shifted:
            q, k, v = (y.roll([-by for by in shift], (1, 2)) for y in (q, k, v))
        bias = mask.to(q.dtype).repeat(len(source), 1, 1) if shifted else None
        q, k, v = (partition(y, size) for y in (q, k, v))
        y = merge(functional.scaled_dot_product_attention(q, k, v, attn_mask=bias), size, grid)
        y = y.roll(shift, (1, 2)) if shifted else y
        y = self.norm1(self.merge(y))
        if self.mlp is not None:
            y = self.norm2(self.mlp(torch.cat((source, y), -1)))
        return source + y


class _Block(nn.Module):
    """An image's features attend to themselves, then to the other image's."""

    def __init__(self, dim: int, mlp_ratio: int) -> None:
        super().__init__()
        self.self_attn = _Attention(dim, mlp_ratio=None)
        self.cross_attn_ffn = _Attention(dim, mlp_ratio=mlp_ratio)

    def forward(self, source: Tensor, target: Tensor, shifted: bool, mask: Tensor) -> Tensor:
        """(n, h, w, C) twice → the source's, updated; see `_Attention.forward`."""
        source = self.self_attn(source, source, shifted, mask)
        return self.cross_attn_ffn(source, target, shifted, mask)


class GmFlow(nn.Module):
    """Optical flow by matching every position of one frame with all positions of another."""

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        channels: int = 128,
        num_layers: int = 6,
        *,
        widths: tuple[int, int, int] = (64, 96, 128),
        mlp_ratio: int = 4,
    ) -> None:
        """Builds the network.

        Args:
            channels: C of the features, a multiple of 4.
            num_layers: Blocks of self- and cross-attention.
            widths: Channels of the backbone's three stages.
            mlp_ratio: Hidden width of the MLPs in units of 2C.
        """
        super().__init__()
        self.backbone = _Backbone(channels, widths)
        layers = nn.ModuleList(_Block(channels, mlp_ratio) for _ in range(num_layers))
        self.transformer = nn.ModuleDict({"layers": layers})
        self.feature_flow_attn = nn.ModuleDict(
            {name: nn.Linear(channels, channels) for name in ("q_proj", "k_proj")}
        )
        self.upsampler = nn.Sequential(
            nn.Conv2d(2 + channels, 2 * channels, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(2 * channels, SCALE**2 * _NEIGHBOURS**2, 1),
        )
        for name, values in (("mean", (0.485, 0.456, 0.406)), ("std", (0.229, 0.224, 0.225))):
            self.register_buffer(name, torch.tensor(values).reshape(1, 3, 1, 1), persistent=False)

    def features(self, frames: Tensor) -> Tensor:
        """Computes what a frame brings into any match.

        Args:
            frames: (n, 3, H, W) RGB in [0, 1]; H and W are multiples of 16.

        Returns:
            (n, C, H/8, W/8).

        Raises:
            ValueError: A side is no multiple of 16.
        """
        if any(side % MULTIPLE_PX for side in frames.shape[-2:]):
            raise ValueError(
                f"sides of frames are multiples of {MULTIPLE_PX}, not {tuple(frames.shape[-2:])}"
            )
        return self.backbone((frames - self.mean) / self.std)

    def match(self, features: Tensor, neighbours: Tensor) -> Tensor:
        """Computes the flow that warps the neighbours onto the frames.

        Args:
            features: Of n frames, as from `features`.
            neighbours: The same of their neighbours.

        Returns:
            (n, 2, H, W), pixels, (x, y), on the grid of the frames.
        """
        features, neighbours = self._attended(features, neighbours)
        tokens = features.flatten(2).transpose(1, 2)
        grid = _positions(features)
        matched = functional.scaled_dot_product_attention(
            tokens, neighbours.flatten(2).transpose(1, 2), grid
        )
        query = self.feature_flow_attn["q_proj"](tokens)
        # The release's slip, part of its weights: keys are made from queries, not from features.
        key = self.feature_flow_attn["k_proj"](query)
        flow = functional.scaled_dot_product_attention(query, key, matched - grid)
        return self._enlarged(flow.transpose(1, 2).unflatten(2, features.shape[2:]), features)

    def forward(self, frames: Tensor, neighbours: Tensor) -> Tensor:
        """Flow between frames (n, 3, H, W) in [0, 1]; see `features` and `match`."""
        return self.match(self.features(frames), self.features(neighbours))

    def _attended(self, features: Tensor, neighbours: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.cat((features, neighbours)).permute(0, 2, 3, 1)
        grid = tuple(x.shape[1:3])
        size = tuple(side // _WINDOWS_A_SIDE for side in grid)
        mask = shift_mask(grid, size, tuple(side // 2 for side in size), x.device)
        # Positions count from the corner of each window.
        embedding = _sine_embedding(size, x.shape[-1], x.device).to(x.dtype)
        x = x + embedding.repeat(_WINDOWS_A_SIDE, _WINDOWS_A_SIDE, 1)
        for number, layer in enumerate(self.transformer["layers"]):
            x = layer(x, torch.cat(x.chunk(2)[::-1]), number % 2 == 1, mask)
        return x.permute(0, 3, 1, 2).chunk(2)

    def _enlarged(self, flow: Tensor, features: Tensor) -> Tensor:
        """Each fine position takes a convex combination of nine coarse ones."""
        n, _, height, width = flow.shape
        weights = self.upsampler(torch.cat((flow, features), 1))
        weights = weights.view(n, 1, _NEIGHBOURS**2, SCALE, SCALE, height, width).softmax(2)
        coarse = functional.unfold(SCALE * flow, _NEIGHBOURS, padding=1)
        coarse = coarse.view(n, 2, _NEIGHBOURS**2, 1, 1, height, width)
        fine = (weights * coarse).sum(2).permute(0, 1, 4, 2, 5, 3)
        return fine.reshape(n, 2, SCALE * height, SCALE * width)


def _positions(features: Tensor) -> Tensor:
    """(x, y) of every position of (n, C, h, w), (n, h·w, 2)."""
    y, x = (torch.arange(side, device=features.device) for side in features.shape[2:])
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).flatten(0, 1)
    return grid.to(features.dtype).expand(len(features), -1, -1)


def _sine_embedding(size: tuple[int, int], channels: int, device: torch.device) -> Tensor:
    """Sines and cosines of the row, then of the column, at C/4 wavelengths; (h, w, C)."""
    half = channels // 2
    wavelength = 10000 ** (2 * (torch.arange(half, device=device) // 2) / half)

    def embedded(side: int) -> Tensor:
        position = torch.arange(1, side + 1, device=device, dtype=torch.float32)
        phase = (position / (side + 1e-6) * 2 * math.pi)[:, None] / wavelength
        return torch.stack((phase[:, 0::2].sin(), phase[:, 1::2].cos()), -1).flatten(1)

    rows, columns = (embedded(side) for side in size)
    grid = (*size, half)
    return torch.cat((rows[:, None].expand(grid), columns[None].expand(grid)), -1)
