"""Blocks that the VQ autoencoder, CodeFormer and DicFace share.

Shapes: n images (or b·t frames of b windows), c channels, h×w positions, C token width.
Parameter names and shapes are those of the released checkpoints.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def group_norm(channels: int, groups: int) -> nn.GroupNorm:
    """GroupNorm as everywhere in the release: eps 1e-6, affine."""
    return nn.GroupNorm(groups, channels, eps=1e-6)


def conv3x3(channels_in: int, channels_out: int) -> nn.Conv2d:
    """3×3 convolution that keeps the size."""
    return nn.Conv2d(channels_in, channels_out, 3, padding=1)


class ResBlock(nn.Module):
    """GroupNorm → SiLU → conv → GroupNorm → SiLU → conv, plus identity or a 1×1 convolution."""

    def __init__(self, channels_in: int, channels_out: int, groups: int) -> None:
        super().__init__()
        self.norm1 = group_norm(channels_in, groups)
        self.conv1 = conv3x3(channels_in, channels_out)
        self.norm2 = group_norm(channels_out, groups)
        self.conv2 = conv3x3(channels_out, channels_out)
        if channels_in != channels_out:
            self.conv_out = nn.Conv2d(channels_in, channels_out, 1)
        else:
            self.register_module("conv_out", None)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels_in, h, w) → (n, channels_out, h, w)."""
        y = self.conv1(F.silu(self.norm1(x)))
        y = self.conv2(F.silu(self.norm2(y)))
        return y + (x if self.conv_out is None else self.conv_out(x))


class AttnBlock(nn.Module):
    """Single-head self-attention over the h·w positions of an image, scale c^-1/2, residual."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm = group_norm(channels, groups)
        self.q = nn.Conv2d(channels, channels, 1)
        self.k = nn.Conv2d(channels, channels, 1)
        self.v = nn.Conv2d(channels, channels, 1)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) → (n, c, h, w)."""
        y = self.norm(x)
        q, k, v = (p(y).flatten(2).transpose(1, 2) for p in (self.q, self.k, self.v))
        y = F.scaled_dot_product_attention(q, k, v)
        return x + self.proj_out(y.transpose(1, 2).reshape(x.shape))


class Downsample(nn.Module):
    """Halves the size: one zero row below and column right, 3×3 convolution of stride 2."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) → (n, c, h/2, w/2)."""
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Module):
    """Doubles the size: nearest neighbour, then a 3×3 convolution (the paper says transposed)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = conv3x3(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) → (n, c, 2h, 2w)."""
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Attention(nn.Module):
    """Multi-head attention with the parameters of `torch.nn.MultiheadAttention`, through SDPA."""

    def __init__(self, dim: int, n_head: int, dropout: float) -> None:
        super().__init__()
        self.n_head, self.dropout = n_head, dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * dim, dim))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * dim))
        self.out_proj = nn.Linear(dim, dim)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """(n, q, C), (n, k, C), (n, k, C) → (n, q, C)."""
        q, k, v = (
            F.linear(x, weight, bias).unflatten(-1, (self.n_head, -1)).transpose(1, 2)
            for x, weight, bias in zip(
                (query, key, value),
                self.in_proj_weight.chunk(3),
                self.in_proj_bias.chunk(3),
                strict=True,
            )
        )
        dropout = self.dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout)
        return self.out_proj(y.transpose(1, 2).flatten(2))


class TransformerLayer(nn.Module):
    """One attention block of the Transformer (the paper, eq. 12, as released).

    Pre-norm with eight heads and an MLP, where the paper writes attention and residual alone; the
    position embedding is added to query and key only.
    """

    def __init__(self, dim: int, n_head: int, dim_mlp: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = Attention(dim, n_head, dropout)
        self.linear1 = nn.Linear(dim, dim_mlp)
        self.linear2 = nn.Linear(dim_mlp, dim)
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)

    def start_from_zero(self) -> None:
        """Makes it return its input until it learns."""
        for last in (self.self_attn.out_proj, self.linear2):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def start_from_gaussian(self, deviation: float = 0.02) -> None:
        """Draws its matrices from N(0, deviation²); biases are 0."""
        for part in (self.self_attn, self.linear1, self.linear2):
            for name, parameter in part.named_parameters():
                if name.endswith("bias"):
                    nn.init.zeros_(parameter)
                else:
                    nn.init.normal_(parameter, std=deviation)

    def forward(self, x: Tensor, position: Tensor, query: slice = slice(None)) -> Tensor:
        """Attends over the tokens of each sequence.

        Args:
            x: (n, tokens, C).
            position: Position embedding, (tokens, C).
            query: The tokens to compute; all tokens are attended to.

        Returns:
            (n, tokens in `query`, C).
        """
        value = self.norm1(x)
        key = value + position
        x = x[:, query] + self.dropout(self.self_attn(key[:, query], key, value))
        y = self.linear2(self.dropout(F.gelu(self.linear1(self.norm2(x)))))
        return x + self.dropout(y)


def sinusoids(positions: int, width: int) -> Tensor:
    """Sinusoidal embeddings of positions 0, 1, …: (positions, width).

    Sine and cosine of position / 10000^(2i / width) in turns (Vaswani et al., 2017). Positions of a
    grid are counted row by row.
    """
    rates = 10000.0 ** (-torch.arange(0, width, 2) / width)
    angles = torch.arange(positions)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)[:, :width]


class SFTFusion(nn.Module):
    """Spatial feature transform of a decoder feature by an encoder skip (release only).

    e = ResBlock([skip, x]); x ← x + w·(x·scale(e) + shift(e)).
    """

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.encode_enc = ResBlock(2 * channels, channels, groups)
        self.scale, self.shift = (
            nn.Sequential(
                conv3x3(channels, channels), nn.LeakyReLU(0.2), conv3x3(channels, channels)
            )
            for _ in range(2)
        )

    def forward(self, skip: Tensor, x: Tensor, w: float) -> Tensor:
        """(n, c, h, w) twice and the weight w ≥ 0 → (n, c, h, w)."""
        e = self.encode_enc(torch.cat([skip, x], 1))
        return x + w * (x * self.scale(e) + self.shift(e))


class MultiScaleFusion(nn.Module):
    """Encoder features at 4×, 2× and 1× the latent grid, folded onto it and mixed (release only).

    Args:
        channels: Feature size → channels, for the levels that exist among 4×, 2× and 1×.
        latent_size: Side of the latent grid.
        emb_dim: Width of the latent.
    """

    def __init__(self, channels: dict[int, int], latent_size: int, emb_dim: int) -> None:
        super().__init__()
        self.latent_size = latent_size
        self.sizes = sorted(channels, reverse=True)
        for size in self.sizes:
            folded = channels[size] * (size // latent_size) ** 2
            self.add_module(f"s{size}_conv", nn.Conv2d(folded, emb_dim, 1))
        self.out = conv3x3(len(self.sizes) * emb_dim, emb_dim)

    def forward(self, features: dict[int, Tensor]) -> Tensor:
        """Feature size → (n, c, size, size); returns (n, emb_dim, latent_size, latent_size)."""
        scales = [
            self.get_submodule(f"s{size}_conv")(
                F.pixel_unshuffle(features[size], size // self.latent_size)
            )
            for size in self.sizes
        ]
        return self.out(torch.cat(scales, 1))


def adain(content: Tensor, style: Tensor) -> Tensor:
    """Gives `content` the mean and standard deviation of `style`, channel by channel.

    Args:
        content: (n, c, h, w).
        style: (n, c, h, w).

    Returns:
        (n, c, h, w). Variances are unbiased, plus 1e-5 (CodeFormer release).
    """
    var_c, mean_c = torch.var_mean(content, (2, 3), keepdim=True)
    var_s, mean_s = torch.var_mean(style, (2, 3), keepdim=True)
    return (content - mean_c) * ((var_s + 1e-5) / (var_c + 1e-5)).sqrt() + mean_s
