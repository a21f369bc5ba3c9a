"""CodeFormer: codes of a clean face predicted from a degraded one, frame by frame.

The paper's stage II and III networks (section 4.1) and its main baseline. Parameter names and
shapes are those of the released checkpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn

from dicface.base.errors import ConfigError
from dicface.config.model import CodeFormerSettings
from dicface.models.blocks import SFTFusion, TransformerLayer, adain
from dicface.models.vqgan import VQGAN


class CodeFormer(VQGAN):
    """Encoder → spatial Transformer → code logits → hard codes → decoder with encoder skips."""

    Settings = CodeFormerSettings
    settings: CodeFormerSettings

    def __init__(self, s: CodeFormerSettings) -> None:
        super().__init__(s)
        tokens = s.latent_size**2
        self.position_emb = nn.Parameter(
            torch.zeros(tokens, s.dim_embd), requires_grad=s.train_position_emb
        )
        self.feat_emb = nn.Linear(s.emb_dim, s.dim_embd)
        self.ft_layers = self._layers()
        self.idx_pred_layer = nn.Sequential(
            nn.LayerNorm(s.dim_embd), nn.Linear(s.dim_embd, s.codebook_size, bias=False)
        )
        self.fuse_convs_dict = nn.ModuleDict(
            {size: SFTFusion(s.level_channels[int(size)], s.norm_groups) for size in s.connect_list}
        )

    def _layers(self) -> nn.ModuleList:
        s = self.settings
        return nn.ModuleList(
            TransformerLayer(s.dim_embd, s.n_head, s.dim_mlp, s.dropout) for _ in range(s.n_layers)
        )

    def encode(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Encodes frames, each on its own.

        Args:
            x: (n, 3, S, S) in [-1, 1], S = `resolution`.

        Returns:
            lq_feat (n, d, h, w), and the skips by feature size as in `connect_list`.

        Raises:
            ConfigError: The frames have another size.
        """
        self._check(x)
        lq_feat, skips = self.encoder(x, [int(size) for size in self.settings.connect_list])
        return lq_feat, {str(size): skip for size, skip in skips.items()}

    def embed(self, lq_feat: Tensor) -> Tensor:
        """(n, d, h, w) → tokens (n, h·w, C), row by row."""
        return self.feat_emb(lq_feat.flatten(2).transpose(1, 2))

    def spatial(self, i: int, tokens: Tensor) -> Tensor:
        """Spatial attention layer i among the tokens of each frame: (n, h·w, C) → same."""
        return self.ft_layers[i](tokens, self.position_emb)

    def logits(self, lq_feat: Tensor) -> Tensor:
        """Code logits of every position: (n, d, h, w) → (n, h·w, N)."""
        tokens = self.embed(lq_feat)
        for i in range(self.settings.n_layers):
            tokens = self.spatial(i, tokens)
        return self.idx_pred_layer(tokens)

    def quantise(self, logits: Tensor) -> Tensor:
        """Rows of the codebook with the largest logit: (n, h·w, N) → (n, d, h, w)."""
        size = self.settings.latent_size
        return self.quantize.lookup(logits.argmax(-1).view(-1, size, size))

    def decode(self, quant: Tensor, skips: Mapping[str, Tensor], w: float = 1.0) -> Tensor:
        """Decodes a latent, with the encoder's skips fused in.

        Args:
            quant: (n, d, h, w).
            skips: As from `encode`. They are detached: the encoder learns through lq_feat alone.
            w: Weight of the skips; 0 leaves them out.

        Returns:
            (n, 3, S, S), unclamped.
        """
        if w <= 0:
            return self.generator(quant)
        fuse = {
            int(size): partial(self.fuse_convs_dict[size], skips[size].detach(), w=w)
            for size in self.settings.connect_list
        }
        return self.generator(quant, fuse)

    def forward(
        self,
        x: Tensor,
        w: float = 0.0,
        detach_16: bool = True,
        code_only: bool = False,
        adain: bool = False,
    ) -> tuple[Tensor, ...]:
        """Restores frames, each on its own.

        Args:
            x: (n, 3, S, S) in [-1, 1].
            w: Weight of the skips (release: 0.5 blind restoration, 0 colour, 1 inpainting).
            detach_16: Stops the image's gradient at the quantised latent.
            code_only: Stops after the logits (stage II).
            adain: Gives the quantised latent the channel statistics of lq_feat.

        Returns:
            The image (n, 3, S, S), unclamped; logits (n, h·w, N); lq_feat (n, d, h, w). With
            `code_only`: logits and lq_feat.
        """
        lq_feat, skips = self.encode(x)
        logits = self.logits(lq_feat)
        if code_only:
            return logits, lq_feat
        quant = self.quantise(logits)
        quant = quant.detach() if detach_16 else quant
        quant = _adain(quant, lq_feat) if adain else quant
        return self.decode(quant, skips, w), logits, lq_feat

    def _check(self, x: Tensor) -> None:
        size = self.settings.resolution
        if x.ndim != 4 or x.shape[1:] != (3, size, size):
            raise ConfigError(
                f"{type(self).__name__}: got frames of shape {tuple(x.shape)}, expected "
                f"(n, 3, {size}, {size}). Resize them or build the network with another resolution."
            )


_adain = adain
