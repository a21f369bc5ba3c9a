"""KEEP (Feng et al., ECCV 2024): Kalman-inspired feature propagation from frame to frame.

Follows jnjaby/KEEP @ 5c7c472, whose tensor names it keeps: a CodeFormer with a second encoder for
the previous result, a Kalman gain between the two, and attention to the previous frame's decoder
features. Shapes: T frames of a chunk, d×h×w latents, C channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.networks.flow import warp
from baselines.networks.gmflow import GmFlow
from dicface.models import CodeFormer, CodeFormerSettings
from dicface.models.blocks import ResBlock
from dicface.models.vqgan import Encoder

_EXPANSION = 4
_NUM_GAIN_BLOCKS = 3


@dataclass(frozen=True, kw_only=True)
class KeepSettings(CodeFormerSettings):
    """Sizes of KEEP; the defaults are the released network.

    Attributes:
        connect_list: Feature sizes at which encoder skips are fused into the decoder.
        kalman_heads: Heads of the attention that estimates the gain.
        kalman_head_dim: Width of each.
        num_uncertainty_layers: Blocks of that attention.
        cross_fuse_list: Feature sizes, of `connect_list`, that attend to the previous frame's.
        cross_fuse_nhead: Heads of that attention.
        cross_fuse_dim: Width of each.
        flow_channels: Channels of GMFlow's features.
        flow_layers: GMFlow's blocks.
        flow_widths: Channels of GMFlow's stages.
    """

    connect_list: tuple[str, ...] = ("16", "32", "64")
    kalman_heads: int = 8
    kalman_head_dim: int = 48
    num_uncertainty_layers: int = 3
    cross_fuse_list: tuple[str, ...] = ("16", "32")
    cross_fuse_nhead: int = 4
    cross_fuse_dim: int = 256
    flow_channels: int = 128
    flow_layers: int = 6
    flow_widths: tuple[int, int, int] = (64, 96, 128)

    def __post_init__(self) -> None:
        super().__post_init__()
        if set(self.cross_fuse_list) - set(self.connect_list):
            self._refuse("cross_fuse_list", f"some of connect_list = {list(self.connect_list)}")


class _CrossAttention(nn.Module):
    """Multi-head attention of free inner width; q, k and v have no bias."""

    def __init__(self, dim: int, n_head: int, head_dim: int) -> None:
        super().__init__()
        self.n_head = n_head
        inner = n_head * head_dim
        self.to_q, self.to_k, self.to_v = (nn.Linear(dim, inner, bias=False) for _ in range(3))
        self.to_out = nn.ModuleList([nn.Linear(inner, dim)])

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """(n, q, C) asks, (n, k, C) answers → (n, q, C)."""
        q, k, v = (
            y.unflatten(-1, (self.n_head, -1)).transpose(1, 2)
            for y in (self.to_q(x), self.to_k(context), self.to_v(context))
        )
        y = functional.scaled_dot_product_attention(q, k, v)
        return self.to_out[0](y.transpose(1, 2).flatten(2))


class _GeGlu(nn.Module):
    """Linear layer whose second half gates the first through a GELU."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.proj = nn.Linear(dim, 2 * hidden)

    def forward(self, x: Tensor) -> Tensor:
        """(…, C) → (…, hidden)."""
        y, gate = self.proj(x).chunk(2, -1)
        return y * functional.gelu(gate)


class _FeedForward(nn.Module):
    """Gated MLP."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        hidden = _EXPANSION * dim
        # The release has a dropout of 0 in between; its place in the names is kept.
        self.net = nn.Sequential(_GeGlu(dim, hidden), nn.Identity(), nn.Linear(hidden, dim))

    def forward(self, x: Tensor) -> Tensor:
        """(…, C) → same."""
        return self.net(x)


class _UncertaintyBlock(nn.Module):
    """Attention to the first and the previous frame, gated MLP, attention over time."""

    def __init__(self, dim: int, n_head: int, head_dim: int) -> None:
        super().__init__()
        self.attn1, self.attn_temp = (_CrossAttention(dim, n_head, head_dim) for _ in range(2))
        self.ff = _FeedForward(dim)
        self.norm1, self.norm3, self.norm_temp = (nn.LayerNorm(dim) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """Tokens of consecutive frames (T, h·w, d) → same."""
        y = self.norm1(x)
        previous = torch.cat((y[:1], y[:-1]))
        x = x + self.attn1(y, torch.cat((y[:1].expand_as(y), previous), 1))
        x = x + self.ff(self.norm3(x))
        y = self.norm_temp(x).transpose(0, 1)
        return x + self.attn_temp(y, y).transpose(0, 1)


class KalmanFilter(nn.Module):
    """Estimates how much each latent position takes from the previous result."""

    def __init__(self, s: KeepSettings) -> None:
        """Builds the filter for latents of `s.emb_dim` channels."""
        super().__init__()
        dim = s.emb_dim
        self.uncertainty_estimator = nn.ModuleList(
            _UncertaintyBlock(dim, s.kalman_heads, s.kalman_head_dim)
            for _ in range(s.num_uncertainty_layers)
        )
        self.kalman_gain_calculator = nn.Sequential(
            *(ResBlock(dim, dim, s.norm_groups) for _ in range(_NUM_GAIN_BLOCKS)),
            nn.Conv2d(dim, 1, 1),
            nn.Sigmoid(),
        )

    def forward(self, z: Tensor) -> Tensor:
        """Latents of a whole chunk (T, d, h, w) → gains in (0, 1), (T, 1, h, w)."""
        x = z.flatten(2).transpose(1, 2)
        for block in self.uncertainty_estimator:
            x = block(x)
        return self.kalman_gain_calculator(x.transpose(1, 2).reshape(z.shape))


class CrossFrameFusion(nn.Module):
    """Attention of a frame's features to the previous frame's; norms follow each layer."""

    def __init__(self, channels: int, n_head: int, head_dim: int) -> None:
        """Builds the fusion for features of `channels` channels."""
        super().__init__()
        self.attn = _CrossAttention(channels, n_head, head_dim)
        self.ff = _FeedForward(channels)
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)

    def forward(self, x: Tensor, previous: Tensor) -> Tensor:
        """(n, C, h, w) twice → (n, C, h, w)."""
        tokens, others = (y.flatten(2).transpose(1, 2) for y in (x, previous))
        tokens = tokens + self.norm1(self.attn(tokens, others))
        tokens = tokens + self.norm2(self.ff(tokens))
        return tokens.transpose(1, 2).reshape(x.shape)


class Keep(CodeFormer):
    """A chunk of frames restored one after the other, each with the help of the one before."""

    Settings = KeepSettings
    settings: KeepSettings

    def __init__(self, s: KeepSettings | None = None) -> None:
        """Builds the network."""
        s = s or KeepSettings()
        super().__init__(s)
        # CodeFormer fuses after the first residual block of a size; KEEP, at the latent size,
        # after the last.
        blocks_a_step = 2 if s.latent_size in s.attn_resolutions else 1
        self.generator.taps[s.latent_size] += blocks_a_step * (s.num_res_blocks - 1)
        self.hq_encoder = Encoder(s)
        flow = GmFlow(s.flow_channels, s.flow_layers, widths=s.flow_widths)
        self.flownet = nn.ModuleDict({"model": flow})
        self.kalman_filter = KalmanFilter(s)
        self.cross_fuse = nn.ModuleDict(
            {
                size: CrossFrameFusion(
                    s.level_channels[int(size)], s.cross_fuse_nhead, s.cross_fuse_dim
                )
                for size in s.cross_fuse_list
            }
        )

    def flows(self, frames: Tensor) -> Tensor:
        """Flow from each frame but the first to the one before.

        Pair by pair, so that memory is that of one pair.

        Args:
            frames: (T, 3, S, S) RGB in [-1, 1].

        Returns:
            (T - 1, 2, S, S), pixels, (x, y), on the grid of the later frame.
        """
        if len(frames) < 2:
            return frames.new_empty(0, 2, *frames.shape[2:])
        flownet = self.flownet["model"]
        features = [flownet.features((frame + 1) / 2) for frame in frames.split(1)]
        return torch.cat(
            [flownet.match(features[t], features[t - 1]) for t in range(1, len(features))]
        )

    def forward(self, frames: Tensor) -> Tensor:
        """Restores a chunk of consecutive frames; nothing is known of what came before.

        Args:
            frames: (T, 3, S, S) RGB in [-1, 1], T ≥ 1, S = `resolution`.

        Returns:
            (T, 3, S, S), unclamped.

        Raises:
            ConfigError: The frames have another size.
        """
        encoded = [self.encode(frame) for frame in frames.split(1)]
        z = torch.cat([latent for latent, _ in encoded])
        gains, flows = self.kalman_filter(z), self.flows(frames)
        restored: list[Tensor] = []
        state: dict[str, Tensor] = {}
        for t, (latent, skips) in enumerate(encoded):
            if t > 0:
                warped = warp(restored[-1], flows[t - 1 : t])
                prior, _ = self.hq_encoder(warped)
                gain = gains[t : t + 1]
                latent = (1 - gain) * latent + gain * prior
            quant = self.quantise(self.logits(latent))
            restored.append(self._decode_next(quant, skips, state))
        return torch.cat(restored)

    def _decode_next(
        self, quant: Tensor, skips: Mapping[str, Tensor], state: dict[str, Tensor]
    ) -> Tensor:
        """Decodes a frame; `state` holds the previous frame's features and gets this one's."""

        def fuse(size: str, x: Tensor) -> Tensor:
            x = self.fuse_convs_dict[size](skips[size], x, 1.0)
            if size in self.cross_fuse:
                x = self.cross_fuse[size](x, state[size]) if size in state else x
                state[size] = x
            return x

        sizes = self.settings.connect_list
        return self.generator(quant, {int(size): partial(fuse, size) for size in sizes})
