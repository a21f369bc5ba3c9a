"""PGTFormer (Xu et al., IJCAI 2024): three frames together, guided by a face parser.

Follows kepengxu/PGTFormer @ e78a26c, whose tensor names it keeps. A window is t = 3 frames; b
windows come folded as (b·t, …), window after window. What the release computes for a window splits
into what each frame needs alone (`frame_features`: encoder down to 128 px and face parser) and what
depends on its neighbours (`window`), so that a sliding window computes the former once a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.networks.bisenet import BiSeNet
from baselines.networks.pgtformer_blocks import (
    NUM_FRAMES,
    Level,
    Middle,
    PgtFormerSettings,
    TemporalFusion,
)
from dicface.models.blocks import (
    Downsample,
    TransformerLayer,
    Upsample,
    adain,
    conv3x3,
    group_norm,
)

NUM_PARSING_CLASSES = 19


class _Encoder(nn.Module):
    """One residual block a level; its two methods together are a forward pass."""

    def __init__(self, s: PgtFormerSettings) -> None:
        super().__init__()
        self.num_plain = s.num_plain_levels
        self.conv_in = conv3x3(3, s.nf)
        self.down = nn.ModuleList()
        width, last = s.nf, len(s.ch_mult) - 1
        for i, channels in enumerate(s.level_channels):
            level = Level(width, channels, s, blocks=1, attend=i >= s.num_plain_levels)
            if i < last:
                level.downsample = Downsample(channels)
            self.down.append(level)
            width = channels
        self.mid = Middle(width, s)
        self.norm_out = group_norm(width, s.norm_groups)
        self.conv_out = conv3x3(width, s.z_channels)

    def before_attention(self, x: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """Frames (n, 3, S, S) → what the first attention gets, and features by size."""
        skips = {}
        x = self.conv_in(x)
        for level in self.down[: self.num_plain]:
            x = skips[x.shape[-1]] = level(x)
            x = level.downsample(x)
        return self.down[self.num_plain].block[0](x), skips

    def from_attention(self, x: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """The former for whole windows → (b·t, z_channels, h, w), and features by size."""
        skips = {}
        for i, level in enumerate(self.down[self.num_plain :]):
            x = level.attn[0](level.block[0](x) if i else x)
            skips[x.shape[-1]] = x
            if hasattr(level, "downsample"):
                x = level.downsample(x)
        return self.conv_out(functional.silu(self.norm_out(self.mid(x)))), skips


class _Decoder(nn.Module):
    """Two residual blocks a level, from the smallest features to the picture."""

    def __init__(self, s: PgtFormerSettings) -> None:
        super().__init__()
        width = s.level_channels[-1]
        self.conv_in = conv3x3(s.z_channels, width)
        self.mid = Middle(width, s)
        levels = []
        for i in reversed(range(len(s.ch_mult))):
            channels = s.level_channels[i]
            level = Level(width, channels, s, blocks=2, attend=i >= s.num_plain_levels)
            if i > 0:
                level.upsample = Upsample(channels)
            levels.append(level)
            width = channels
        self.up = nn.ModuleList(reversed(levels))
        self.norm_out = group_norm(width, s.norm_groups)
        self.conv_out = conv3x3(width, 3)

    def forward(self, x: Tensor, fuse: Mapping[int, Callable[[Tensor], Tensor]]) -> Tensor:
        """(b·t, z_channels, h, w) → (n, 3, S, S), unclamped; n is what the fusions leave."""
        x = self.mid(self.conv_in(x))
        for level in reversed(self.up):
            x = level(x)
            if x.shape[-1] in fuse:
                x = fuse[x.shape[-1]](x)
            if hasattr(level, "upsample"):
                x = level.upsample(x)
        return self.conv_out(functional.silu(self.norm_out(x)))


class _Codebook(nn.Embedding):
    """N codes, a row that is never looked up, and the averages that training keeps."""

    def __init__(self, codebook_size: int, dim: int) -> None:
        super().__init__(codebook_size + 1, dim, padding_idx=codebook_size)
        self.register_buffer("cluster_size_ema", torch.zeros(codebook_size))
        self.register_buffer("embed_ema", self.weight[:-1].detach().clone())


class PgtFormer(nn.Module):
    """Encoder and face parser → codes of all frames of a window → decoder with temporal fusion."""

    mean: Tensor
    std: Tensor

    def __init__(self, settings: PgtFormerSettings | None = None) -> None:
        """Builds the network."""
        super().__init__()
        self.settings = s = settings or PgtFormerSettings()
        self.encoder, self.decoder = _Encoder(s), _Decoder(s)
        self.quantizer = nn.ModuleDict(
            {"codebooks": nn.ModuleList([_Codebook(s.codebook_size, s.dim_embd)])}
        )
        self.quant_conv = nn.Conv2d(s.z_channels, s.dim_embd, 1)
        self.post_quant_conv = nn.Conv2d(s.dim_embd, s.z_channels, 1)
        self.conditionnet = BiSeNet(NUM_PARSING_CLASSES)
        self.convpos = nn.Conv2d(3 * NUM_PARSING_CLASSES, s.dim_embd, 1)
        self.feat_emb = nn.Linear(s.dim_embd, s.dim_embd)
        self.ft_layers = nn.ModuleList(
            TransformerLayer(s.dim_embd, s.n_head, s.dim_mlp, 0.0) for _ in range(s.n_layers)
        )
        self.idx_pred_layer = nn.Sequential(
            nn.LayerNorm(s.dim_embd), nn.Linear(s.dim_embd, s.codebook_size, bias=False)
        )
        channels = dict(zip(s.level_sizes, s.level_channels, strict=True))
        self.fuse_convs_dict = nn.ModuleDict(
            {str(size): TemporalFusion(channels[size], s) for size in s.connect_list}
        )
        for name, values in (("mean", (0.485, 0.456, 0.406)), ("std", (0.229, 0.224, 0.225))):
            self.register_buffer(name, torch.tensor(values).reshape(1, 3, 1, 1), persistent=False)

    def frame_features(self, x: Tensor) -> tuple[Tensor, ...]:
        """Computes what a frame needs of itself, whatever its neighbours.

        Args:
            x: (n, 3, S, S) RGB in [0, 1], S = `settings.resolution`.

        Returns:
            Tensors of n frames each: what the first attention gets, the parser's position
            embedding, and the encoder features that are ready, by `settings.plain_skips`.

        Raises:
            ValueError: The frames have another size.
        """
        side = self.settings.resolution
        if x.shape[1:] != (3, side, side):
            raise ValueError(f"frames are (n, 3, {side}, {side}), not {tuple(x.shape)}")
        hidden, skips = self.encoder.before_attention(x)
        position = self.convpos(self.parse(x))
        return hidden, position, *(skips[size] for size in self.settings.plain_skips)

    def parse(self, x: Tensor) -> Tensor:
        """Logits of the parser's three heads: (n, 3, S, S) in [0, 1] → (n, 57, h, w)."""
        heads = self.conditionnet((x - self.mean) / self.std)
        size = (self.settings.latent_size,) * 2
        return torch.cat(
            [functional.interpolate(y, size, mode="bilinear", align_corners=True) for y in heads], 1
        )

    def window(
        self, features: Sequence[Tensor], w: float = 1.0, *, centre: bool = False
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Restores windows of three frames.

        Args:
            features: As from `frame_features`, of b·t frames.
            w: Weight ≥ 0 of the fusion with the encoder; the release uses 1.
            centre: Whether to decode the middle frame of each window alone, which is cheaper.

        Returns:
            The picture (b·t, 3, S, S), or (b, 3, S, S) with `centre`, unclamped; logits
            (b·t, h·w, N) and encoder latent (b·t, dim_embd, h, w) of all frames.
        """
        hidden, position, *own = features
        z, skips = self.encoder.from_attention(hidden)
        skips |= dict(zip(self.settings.plain_skips, own, strict=True))
        lq_feat = self.quant_conv(z)
        logits = self.logits(lq_feat, position)
        return self.decode(logits.argmax(-1), lq_feat, skips, w, centre=centre), logits, lq_feat

    def logits(self, lq_feat: Tensor, position: Tensor) -> Tensor:
        """Code logits, all tokens of a window attending to one another.

        Args:
            lq_feat: (b·t, dim_embd, h, w).
            position: Position embedding, same shape.

        Returns:
            (b·t, h·w, N).
        """

        def joined(tokens: Tensor) -> Tensor:
            return tokens.unflatten(0, (-1, NUM_FRAMES)).flatten(1, 2)

        tokens = joined(self.feat_emb(lq_feat.flatten(2).transpose(1, 2)))
        position = joined(position.flatten(2).transpose(1, 2))
        for layer in self.ft_layers:
            tokens = layer(tokens, position)
        return self.idx_pred_layer(tokens).unflatten(1, (NUM_FRAMES, -1)).flatten(0, 1)

    def decode(
        self,
        codes: Tensor,
        lq_feat: Tensor,
        skips: Mapping[int, Tensor],
        w: float = 1.0,
        *,
        centre: bool = False,
    ) -> Tensor:
        """Decodes code numbers.

        Args:
            codes: (b·t, h·w), integers below N.
            lq_feat: (b·t, dim_embd, h, w), whose channel statistics the codes take.
            skips: Encoder features (b·t, C, s, s) by size s, for every s of `connect_list`.
            w: As in `window`.
            centre: As in `window`.

        Returns:
            (b·t, 3, S, S), or (b, 3, S, S) with `centre`, unclamped.
        """
        quant = self.quantizer["codebooks"][0](codes).transpose(1, 2).reshape(lq_feat.shape)
        # The last fusion mixes frames for the last time.
        last = max(self.settings.connect_list)
        fuse = {
            size: partial(
                self.fuse_convs_dict[str(size)], skips[size], w=w, centre=centre and size == last
            )
            for size in self.settings.connect_list
        }
        return self.decoder(self.post_quant_conv(adain(quant, lq_feat)), fuse)

    def forward(self, x: Tensor, w: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
        """Restores all frames of windows (b·t, 3, S, S) in [0, 1]; see `window`."""
        return self.window(self.frame_features(x), w)
