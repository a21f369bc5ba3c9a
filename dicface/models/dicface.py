"""DicFace: Dirichlet-distributed codebook weights from a spatio-temporal Transformer.

The paper, sections 3.2 to 3.5, with the released architecture where the two differ. Shapes: frames
come folded as (b·t, …), window after window; h·w positions of the latent grid; N codes.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from dicface.base.errors import ConfigError
from dicface.config.model import DicFaceSettings, check_aggregation, check_samples
from dicface.models import dirichlet
from dicface.models.blocks import MultiScaleFusion, sinusoids
from dicface.models.blocks import adain as _adain
from dicface.models.codeformer import CodeFormer

Frames = Literal["all", "centre"]


class DicFace(CodeFormer):
    """x → E → fusion → Transformer → α̂ → ŵ → ŵᵀc → D (the paper, fig. 2)."""

    Settings = DicFaceSettings
    settings: DicFaceSettings

    def __init__(self, s: DicFaceSettings) -> None:
        super().__init__(s)
        if s.multiscale:
            channels = {
                size: s.level_channels[size]
                for size in (4 * s.latent_size, 2 * s.latent_size)
                if size in s.level_channels
            }
            self.multiscale = MultiScaleFusion(
                channels | {s.latent_size: s.emb_dim}, s.latent_size, s.emb_dim
            )
        if s.temporal:
            self.position_emb_temporal = nn.Parameter(torch.zeros(s.frame_length, s.dim_embd))
            self.dir_dist_layers = self._layers()
            for layer in self.dir_dist_layers:
                if s.temporal_start == "zero":
                    layer.start_from_zero()
                elif s.temporal_start == "gaussian":
                    layer.start_from_gaussian()
        self.place_sinusoids()

    def place_sinusoids(self) -> None:
        """Writes sinusoids into the tables of positions, where the settings ask for them.

        A training asks again once it has read the weights that it starts from.
        """
        if self.settings.positions == "learned":
            return
        for table in (self.position_emb, getattr(self, "position_emb_temporal", None)):
            if table is not None:
                table.requires_grad_(False).copy_(sinusoids(*table.shape))

    def centre(self, x: Tensor) -> Tensor:
        """Centre frame of each window: (b·t, …) → (b, …)."""
        t = self.settings.frame_length
        return x[t // 2 :: t]

    def encode(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Encodes frames, each on its own (E_L and the multi-scale fusion).

        Args:
            x: (n, 3, S, S) in [-1, 1], S = `resolution`; n is free.

        Returns:
            lq_feat (n, d, h, w), and the skips by feature size as in `connect_list`.

        Raises:
            ConfigError: The frames have another size.
        """
        self._check(x)
        s = self.settings
        connected = {int(size) for size in s.connect_list}
        fused = set(self.multiscale.sizes) - {s.latent_size} if s.multiscale else set()
        lq_feat, features = self.encoder(x, connected | fused)
        skips = {size: features[int(size)] for size in s.connect_list}
        if s.multiscale:
            lq_feat = self.multiscale(features | {s.latent_size: lq_feat})
        return lq_feat, skips

    def temporal(self, i: int, tokens: Tensor, output: Frames = "all") -> Tensor:
        """Temporal attention layer i among the frames of a window at each position.

        Args:
            i: Layer, from 0.
            tokens: (b·t, h·w, C).
            output: "centre" computes the centre frames alone, from all frames of their windows.

        Returns:
            (b·t, h·w, C), or (b, h·w, C) for "centre".
        """
        t = self.settings.frame_length
        hw = tokens.shape[1]
        tokens = tokens.unflatten(0, (-1, t)).transpose(1, 2).flatten(0, 1)  # (b·h·w, t, C)
        query = slice(t // 2, t // 2 + 1) if output == "centre" else slice(None)
        tokens = self.dir_dist_layers[i](tokens, self.position_emb_temporal, query)
        return tokens.unflatten(0, (-1, hw)).transpose(1, 2).flatten(0, 1)

    def head(self, tokens: Tensor) -> Tensor:
        """Logits of every code: (n, h·w, C) → (n, h·w, N)."""
        return self.idx_pred_layer(tokens)

    def logits(self, lq_feat: Tensor, output: Frames = "all") -> Tensor:
        """H alternating spatial and temporal layers and the head (the paper, eq. 12).

        Args:
            lq_feat: (b·t, d, h, w).
            output: "all", or "centre" for the centre frames alone, which is cheaper.

        Returns:
            (b·t, h·w, N), or (b, h·w, N) for "centre".

        Raises:
            ConfigError: The number of frames is not a multiple of `frame_length`.
        """
        self._check_windows(lq_feat)
        s = self.settings
        if not s.temporal and output == "centre":
            lq_feat = self.centre(lq_feat)
        tokens = self.embed(lq_feat)
        for i in range(s.n_layers):
            tokens = self.spatial(i, tokens)
            if s.temporal:
                tokens = self.temporal(i, tokens, output if i == s.n_layers - 1 else "all")
        return self.head(tokens)

    def alpha(self, logits: Tensor) -> Tensor:
        """α̂ of logits (…, N): `concentration` for "dirichlet"; softmax, summing to 1, otherwise.

        In every case α̂ / Σ α̂ are the expected weights. float32, also under autocast.
        """
        if self.settings.aggregation == "dirichlet":
            return dirichlet.concentration(
                logits, self.settings.alpha_floor, self.settings.alpha_sum
            )
        return dirichlet.full_precision(logits).softmax(-1)

    def predict(self, lq_feat: Tensor, output: Frames = "all") -> Tensor:
        """α̂ of every position: `alpha` of `logits`, with their arguments, shapes and errors."""
        return self.alpha(self.logits(lq_feat, output))

    def weights(
        self,
        alpha: Tensor,
        aggregation: str | None = None,
        samples: int | Literal["mean"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Weights ŵ of the codes (the paper, eq. 4 and 5); arguments as in `quantise`.

        Returns:
            ŵ ≥ 0, Σ ŵ = 1, (n, h·w, N).
        """
        s = self.settings
        aggregation = s.aggregation if aggregation is None else aggregation
        samples = (s.train_samples if self.training else s.samples) if samples is None else samples
        check_aggregation(aggregation, s.codebook_size)
        check_samples(samples)
        mean = dirichlet.mean(alpha)
        if aggregation == "dirichlet" and samples != "mean":
            draws = (dirichlet.rsample(alpha, generator) for _ in range(samples))
            return sum(draws) / samples
        if aggregation in ("dirichlet", "average"):
            return mean
        best = mean.topk(1 if self.training else int(aggregation[3:]), -1)
        kept = best.values / best.values.sum(-1, keepdim=True)
        w = torch.zeros_like(mean).scatter(-1, best.indices, kept)
        return w.detach() + mean - mean.detach() if self.training else w

    def quantise(
        self,
        alpha: Tensor,
        aggregation: str | None = None,
        samples: int | Literal["mean"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Convex combination of the codes, v̂ = ŵᵀc (the paper, eq. 4).

        The average over L draws is taken here, of v̂; `draws` gives an image of each, to average
        the loss over them (the expectation of the paper, eq. 9).

        Args:
            alpha: α̂ as from `predict`, (n, h·w, N); n need not be whole windows.
            aggregation: "dirichlet", "average" or "topK"; the setting if None.
            samples: "mean" or L, for "dirichlet"; `train_samples` in training and `samples`
                otherwise if None.
            generator: Source of the draws, on the device of `alpha`.

        Returns:
            (n, d, h, w), float32 also under autocast.

        Raises:
            ConfigError: Unknown aggregation, or samples below 1.
        """
        size = self.settings.latent_size
        with torch.autocast(alpha.device.type, enabled=False):
            w = self.weights(alpha, aggregation, samples, generator)
            quant = w @ self.quantize.embedding.weight.to(w.dtype)
        return quant.transpose(1, 2).contiguous().unflatten(2, (size, size))

    def forward(
        self,
        x: Tensor,
        w: float = 1.0,
        *,
        output: Frames = "all",
        adain: bool = False,
        aggregation: str | None = None,
        samples: int | Literal["mean"] | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Restores windows of `frame_length` frames.

        Args:
            x: (b·t, 3, S, S) in [-1, 1], t = `frame_length`.
            w: Weight of the encoder's skips in the decoder, 0 for none.
            output: "all" frames, or only the "centre" frame of each window.
            adain: Gives the quantised latent the channel statistics of lq_feat (never used by the
                released scripts).
            aggregation: As in `quantise`.
            samples: As in `quantise`.
            generator: As in `quantise`.

        Returns:
            The image (n, 3, S, S), unclamped; lq_feat (b·t, d, h, w); and α̂ + 1e-6 (n, h·w, N) as
            the divergence takes it; n = b·t, or b for "centre".

        Raises:
            ConfigError: The number of frames is not a multiple of t, or they have another size.
        """
        self._check_windows(x)
        lq_feat, skips = self.encode(x)
        alpha = self.predict(lq_feat, output)
        quant = self.quantise(alpha, aggregation, samples, generator)
        if output == "centre":
            skips = {size: self.centre(skip) for size, skip in skips.items()}
        if adain:
            quant = _adain(quant, self.centre(lq_feat) if output == "centre" else lq_feat)
        return self.decode(quant, skips, w), lq_feat, alpha + 1e-6

    def draws(
        self, x: Tensor, number: int, w: float = 1.0, *, output: Frames = "all"
    ) -> tuple[list[Tensor], Tensor]:
        """Restores windows once for each of so many draws of ŵ, all from one α̂.

        Args:
            x: As in `forward`, errors too.
            number: L, how often ŵ is drawn.
            w: As in `forward`.
            output: As in `forward`.

        Returns:
            L images (n, 3, S, S), unclamped, and α̂ + 1e-6 (n, h·w, N).
        """
        self._check_windows(x)
        lq_feat, skips = self.encode(x)
        alpha = self.predict(lq_feat, output)
        if output == "centre":
            skips = {size: self.centre(skip) for size, skip in skips.items()}
        quantised = (self.quantise(alpha, samples=1) for _ in range(number))
        return [self.decode(quant, skips, w) for quant in quantised], alpha + 1e-6

    def _check_windows(self, x: Tensor) -> None:
        t = self.settings.frame_length
        if len(x) == 0 or len(x) % t:
            raise ConfigError(
                f"DicFace: got {len(x)} frames, expected whole windows of frame_length = {t}."
            )
