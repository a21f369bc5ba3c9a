"""The diffusion prior of PGDiff: an unconditional U-Net that predicts noise and its variance.

The network of improved diffusion (Nichol and Dhariwal, ICML 2021) on faces of 512 pixels, trained
by the authors of DifFace. Unlike in its ancestors, the sizes at which it attends are sizes of
features in pixels, counted from `image_size`; that is why `image_size` stays 512 whatever is fed.

Shapes: n images, c channels, h×w positions, e width of the time embedding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from dicface.models.blocks import Upsample

_NUM_GROUPS = 32


def timestep_embedding(timesteps: Tensor, dim: int) -> Tensor:
    """Sinusoids of time steps: dim/2 cosines, then dim/2 sines, frequencies 10000^(-i/(dim/2)).

    Args:
        timesteps: (n,) steps of the full process, 0 to 999.
        dim: Even number of features.

    Returns:
        (n, dim) float32.
    """
    half = dim // 2
    # Multiplied before it is divided: at step 700 the last bit of a frequency shows in its cosine.
    exponents = torch.arange(half, dtype=torch.float32, device=timesteps.device) * -math.log(10000)
    angles = timesteps.float()[:, None] * torch.exp(exponents / half)
    return torch.cat([angles.cos(), angles.sin()], 1)


class PgdiffUnet(nn.Module):
    """The U-Net; the defaults are the released size.

    Args:
        image_size: Side of the images that it was made for, in pixels; decides which levels attend.
        model_channels: Width of the first level, a multiple of 32.
        channel_mult: Width of each level, as a multiple of the first one's.
        num_res_blocks: Residual blocks of each level going down; there is one more going up.
        attention_sizes: Sizes of features, in pixels, at which each block is followed by attention.
        head_channels: Width of an attention head.
    """

    def __init__(
        self,
        *,
        image_size: int = 512,
        model_channels: int = 32,
        channel_mult: Sequence[int] = (1, 2, 4, 8, 8, 16, 16),
        num_res_blocks: Sequence[int] = (1, 2, 2, 2, 2, 3, 4),
        attention_sizes: Sequence[int] = (32, 16, 8),
        head_channels: int = 64,
    ) -> None:
        super().__init__()
        self.image_size = image_size
        self.model_channels = model_channels
        dim_emb = 4 * model_channels
        last = len(channel_mult) - 1

        def block(channels_in: int, channels_out: int, size: int) -> list[nn.Module]:
            layers: list[nn.Module] = [_ResBlock(channels_in, channels_out, dim_emb)]
            if size in attention_sizes:
                layers.append(_Attention(channels_out, head_channels))
            return layers

        self.time_embed = nn.Sequential(
            nn.Linear(model_channels, dim_emb), nn.SiLU(), nn.Linear(dim_emb, dim_emb)
        )
        channels, size = model_channels * channel_mult[0], image_size
        self.input_blocks = nn.ModuleList([_Timed(nn.Conv2d(3, channels, 3, padding=1))])
        skips = [channels]
        for level, (multiple, num_blocks) in enumerate(
            zip(channel_mult, num_res_blocks, strict=True)
        ):
            for _ in range(num_blocks):
                self.input_blocks.append(_Timed(*block(channels, model_channels * multiple, size)))
                channels = model_channels * multiple
                skips.append(channels)
            if level != last:
                self.input_blocks.append(_Timed(_Downsample(channels)))
                skips.append(channels)
                size //= 2
        self.middle_block = _Timed(
            _ResBlock(channels, channels, dim_emb),
            _Attention(channels, head_channels),
            _ResBlock(channels, channels, dim_emb),
        )
        self.output_blocks = nn.ModuleList()
        for level in range(last, -1, -1):
            width = model_channels * channel_mult[level]
            for number in range(num_res_blocks[level] + 1):
                layers = block(channels + skips.pop(), width, size)
                channels = width
                if level and number == num_res_blocks[level]:
                    layers.append(Upsample(channels))
                    size *= 2
                self.output_blocks.append(_Timed(*layers))
        self.out = nn.Sequential(
            _group_norm(channels), nn.SiLU(), nn.Conv2d(channels, 6, 3, padding=1)
        )

    def forward(self, x: Tensor, timesteps: Tensor) -> Tensor:
        """Predicts the noise in images.

        Args:
            x: (n, 3, h, w) noisy images; sides that the number of halvings divides.
            timesteps: (n,) steps of the full process, 0 to 999.

        Returns:
            (n, 6, h, w): the noise of the three channels, then where their variance lies between
            its bounds (-1: lower, 1: upper).
        """
        embedding = self.time_embed(timestep_embedding(timesteps, self.model_channels))
        skips = []
        for block in self.input_blocks:
            x = block(x, embedding)
            skips.append(x)
        x = self.middle_block(x, embedding)
        for block in self.output_blocks:
            x = block(torch.cat([x, skips.pop()], 1), embedding)
        return self.out(x)


class _Timed(nn.Sequential):
    """Layers in a row, of which residual blocks are told the time."""

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """(n, c, h, w) and (n, e) → what the last layer gives."""
        for layer in self:
            x = layer(x, embedding) if isinstance(layer, _ResBlock) else layer(x)
        return x


class _ResBlock(nn.Module):
    """Two convolutions; the time scales and shifts what the second normalisation gives."""

    def __init__(self, channels_in: int, channels_out: int, dim_emb: int) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(
            _group_norm(channels_in), nn.SiLU(), nn.Conv2d(channels_in, channels_out, 3, padding=1)
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(dim_emb, 2 * channels_out))
        # The third place is dropout's, which is 0 in the released network.
        self.out_layers = nn.Sequential(
            _group_norm(channels_out),
            nn.SiLU(),
            nn.Identity(),
            nn.Conv2d(channels_out, channels_out, 3, padding=1),
        )
        self.skip_connection = (
            nn.Identity()
            if channels_in == channels_out
            else nn.Conv2d(channels_in, channels_out, 1)
        )

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """(n, channels_in, h, w) and (n, e) → (n, channels_out, h, w)."""
        scale, shift = self.emb_layers(embedding)[..., None, None].chunk(2, 1)
        norm, *rest = self.out_layers
        y = norm(self.in_layers(x)) * (1 + scale) + shift
        for layer in rest:
            y = layer(y)
        return self.skip_connection(x) + y


class _Attention(nn.Module):
    """Multi-head self-attention over the positions; each head holds its own query, key, value."""

    def __init__(self, channels: int, head_channels: int) -> None:
        super().__init__()
        self.num_heads = channels // head_channels
        self.norm = _group_norm(channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) → the same."""
        tokens = x.flatten(2)
        heads = self.qkv(self.norm(tokens)).unflatten(1, (self.num_heads, -1))
        q, k, v = heads.transpose(2, 3).chunk(3, 3)
        mixed = functional.scaled_dot_product_attention(q, k, v).transpose(2, 3).flatten(1, 2)
        return (tokens + self.proj_out(mixed)).view_as(x)


class _Downsample(nn.Module):
    """Halves the size: 3×3 convolution of stride 2, zeros on all sides."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) → (n, c, h/2, w/2)."""
        return self.op(x)


def _group_norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(_NUM_GROUPS, channels)
