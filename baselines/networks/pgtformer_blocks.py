"""Blocks of PGTFormer: sizes, window attention over three frames, levels, temporal fusion.

Shapes: b windows of t = 3 frames, folded as (b·t, …), window after window; C channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.networks.windows import merge, partition, shift_mask
from dicface.models.blocks import ResBlock, SFTFusion

NUM_FRAMES = 3
_WINDOW = (4, 4)
_BLOCKS_PER_LAYER = 2


@dataclass(frozen=True, kw_only=True)
class PgtFormerSettings:
    """Sizes of the network; the defaults are the released one.

    Attributes:
        resolution: S, side of the frames, px; the latent grid is S/16, a multiple of 4.
        nf: Channels of the first level.
        ch_mult: Channels of the five levels in units of `nf`; each but the last halves the size.
        num_plain_levels: Levels before the first window attention; all later ones have it.
        norm_groups: Groups of every GroupNorm.
        window_heads: Heads of the window attention.
        z_channels: Channels between encoder or decoder and the codes.
        dim_embd: Width of a code and of a token.
        codebook_size: N, the number of codes.
        n_head: Heads of the code predictor.
        n_layers: Layers of the code predictor.
        dim_mlp: Hidden width of their MLP.
        connect_list: Feature sizes at which the decoder is fused with the encoder.
        fusion_width: Channels a frame brings into the temporal part of a fusion.
    """

    resolution: int = 512
    nf: int = 64
    ch_mult: tuple[int, int, int, int, int] = (1, 2, 4, 4, 8)
    num_plain_levels: int = 2
    norm_groups: int = 32
    window_heads: int = 8
    z_channels: int = 256
    dim_embd: int = 512
    codebook_size: int = 1024
    n_head: int = 8
    n_layers: int = 9
    dim_mlp: int = 1024
    connect_list: tuple[int, ...] = (32, 64, 128, 256)
    fusion_width: int = 32

    @property
    def level_sizes(self) -> tuple[int, ...]:
        """Feature size of each level, largest first."""
        return tuple(self.resolution >> i for i in range(len(self.ch_mult)))

    @property
    def level_channels(self) -> tuple[int, ...]:
        """Channels of each level."""
        return tuple(self.nf * mult for mult in self.ch_mult)

    @property
    def latent_size(self) -> int:
        """Side of the latent grid."""
        return self.level_sizes[-1]

    @property
    def plain_skips(self) -> tuple[int, ...]:
        """Sizes of the encoder features that a frame has of its own, among `connect_list`."""
        return tuple(s for s in self.level_sizes[: self.num_plain_levels] if s in self.connect_list)


class _ResBlock(ResBlock):
    """`ResBlock` whose 1×1 shortcut has the name that it has in this release."""

    def __init__(self, channels_in: int, channels_out: int, groups: int) -> None:
        super().__init__(channels_in, channels_out, groups)
        self.register_module("nin_shortcut", self._modules.pop("conv_out"))

    @property
    def conv_out(self) -> nn.Module | None:
        return self.nin_shortcut


class WindowAttention(nn.Module):
    """Attention among the 3·4·4 tokens of a window, with a learned bias for each offset."""

    relative_position_index: Tensor

    def __init__(self, dim: int, n_head: int) -> None:
        super().__init__()
        self.n_head = n_head
        self.q = nn.Linear(dim, dim)
        self.kv = nn.Linear(dim, 2 * dim)
        self.proj = nn.Linear(dim, dim)
        sides = (NUM_FRAMES, *_WINDOW)
        spans = [2 * side - 1 for side in sides]
        tokens = torch.cartesian_prod(*(torch.arange(side) for side in sides))
        steps = torch.tensor([spans[1] * spans[2], spans[2], 1])
        offset = tokens[:, None] - tokens[None] + torch.tensor([side - 1 for side in sides])
        self.register_buffer("relative_position_index", (offset * steps).sum(-1))
        num_offsets = spans[0] * spans[1] * spans[2]
        self.relative_position_bias_table = nn.Parameter(torch.zeros(num_offsets, n_head))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """(n·windows, 48, C), mask (windows, 48, 48) or None → (n·windows, 48, C)."""
        q, k, v = (
            y.unflatten(-1, (self.n_head, -1)).transpose(1, 2)
            for y in (self.q(x), *self.kv(x).chunk(2, -1))
        )
        bias = self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)
        if mask is not None:
            bias = (bias + mask[:, None]).repeat(len(x) // len(mask), 1, 1, 1)
        y = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype))
        return self.proj(y.transpose(1, 2).flatten(2))


class _WindowBlock(nn.Module):
    """Pre-norm window attention and MLP, on windows that are shifted in space or not."""

    def __init__(self, dim: int, n_head: int, shift: tuple[int, int] | None) -> None:
        super().__init__()
        self.shift = shift
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn = WindowAttention(dim, n_head)
        self.mlp = nn.ModuleDict({name: nn.Linear(dim, dim) for name in ("fc1", "fc2")})

    def forward(self, x: Tensor) -> Tensor:
        """(b, H, W, t, C) → same."""
        x = x + self._attend(self.norm1(x))
        return x + self.mlp["fc2"](functional.gelu(self.mlp["fc1"](self.norm2(x))))

    def _attend(self, x: Tensor) -> Tensor:
        grid, mask = tuple(x.shape[1:3]), None
        if self.shift:
            x = x.roll([-by for by in self.shift], (1, 2))
            mask = shift_mask(grid, _WINDOW, self.shift, x.device)
            mask = mask.repeat(1, NUM_FRAMES, NUM_FRAMES)  # frames are not shifted
        tokens = partition(x, _WINDOW).transpose(1, 2).flatten(1, 2)  # in the order (t, h, w)
        tokens = self.attn(tokens, mask).unflatten(1, (NUM_FRAMES, -1)).transpose(1, 2)
        x = merge(tokens, _WINDOW, grid)
        return x.roll(self.shift, (1, 2)) if self.shift else x


class WindowLayer(nn.Module):
    """Two blocks, the second with windows shifted by half."""

    def __init__(self, dim: int, s: PgtFormerSettings) -> None:
        super().__init__()
        half = (_WINDOW[0] // 2, _WINDOW[1] // 2)
        self.blocks = nn.ModuleList(
            _WindowBlock(dim, s.window_heads, half if i % 2 else None)
            for i in range(_BLOCKS_PER_LAYER)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(b·t, C, H, W) → same."""
        x = x.unflatten(0, (-1, NUM_FRAMES)).permute(0, 3, 4, 1, 2)
        for block in self.blocks:
            x = block(x)
        return x.permute(0, 3, 4, 1, 2).flatten(0, 1)


class Level(nn.Module):
    """Residual blocks of one feature size, each followed by window attention where it is used."""

    def __init__(
        self, channels_in: int, channels: int, s: PgtFormerSettings, *, blocks: int, attend: bool
    ) -> None:
        super().__init__()
        self.block = nn.ModuleList(
            _ResBlock(channels if i else channels_in, channels, s.norm_groups)
            for i in range(blocks)
        )
        self.attn = nn.ModuleList(WindowLayer(channels, s) for _ in range(blocks if attend else 0))

    def forward(self, x: Tensor) -> Tensor:
        """(b·t, channels_in, H, W) → (b·t, channels, H, W)."""
        for i, block in enumerate(self.block):
            x = block(x)
            if self.attn:
                x = self.attn[i](x)
        return x


class Middle(nn.Module):
    """Residual block, window attention, residual block at the latent size."""

    def __init__(self, channels: int, s: PgtFormerSettings) -> None:
        super().__init__()
        self.block_1 = _ResBlock(channels, channels, s.norm_groups)
        self.attn_1 = WindowLayer(channels, s)
        self.block_2 = _ResBlock(channels, channels, s.norm_groups)

    def forward(self, x: Tensor) -> Tensor:
        """(b·t, C, h, w) → same."""
        return self.block_2(self.attn_1(self.block_1(x)))


class TemporalFusion(SFTFusion):
    """Spatial feature transform whose condition has seen encoder and decoder of all frames."""

    def __init__(self, channels: int, s: PgtFormerSettings) -> None:
        """Builds the fusion for features of `channels` channels."""
        super().__init__(channels, s.norm_groups)
        width, together = s.fusion_width, NUM_FRAMES * s.fusion_width
        self.encode_enc = ResBlock(2 * channels + width, channels, s.norm_groups)
        self.tconvenc, self.tconvdec = (nn.Conv2d(channels, width, 1) for _ in range(2))
        self.tfusion0 = nn.Conv2d(2 * together, together, 1)
        self.tfusion1 = nn.Conv2d(width, width, 1)

    def forward(self, skip: Tensor, x: Tensor, w: float, *, centre: bool = False) -> Tensor:
        """Fuses a decoder feature with the encoder's.

        Args:
            skip: Encoder feature, (b·t, C, h, w).
            x: Decoder feature, same shape.
            w: Weight ≥ 0 of the change.
            centre: Whether to go on with the middle frame of each window alone.

        Returns:
            (b·t, C, h, w), or (b, C, h, w) with `centre`.
        """
        frames = [
            y.unflatten(0, (-1, NUM_FRAMES)).flatten(1, 2)
            for y in (self.tconvenc(skip), self.tconvdec(x))
        ]
        mixed = self.tfusion0(torch.cat(frames, 1)).unflatten(1, (NUM_FRAMES, -1)).flatten(0, 1)
        parts = (skip, x, mixed)
        if centre:
            skip, x, mixed = (part[NUM_FRAMES // 2 :: NUM_FRAMES] for part in parts)
        e = self.encode_enc(torch.cat((skip, x, self.tfusion1(mixed)), 1))
        return x + w * (x * self.scale(e) + self.shift(e))
