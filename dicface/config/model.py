"""Sizes of the networks: the sections of `model`; no torch is needed to read them."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Literal

from dicface.config.fields import (
    BelowOne,
    Changes,
    Checked,
    Flag,
    Int,
    NonNegative,
    OddInt,
    Positive,
    PositiveInt,
    PositiveInts,
    Samples,
    Settings,
    Text,
    WrongValueError,
    setting,
)

AGGREGATION = r"dirichlet|average|top([1-9]\d*)"


@dataclass(frozen=True, kw_only=True)
class VQGANSettings(Checked):
    """Sizes of the autoencoder; the defaults are the released network.

    Attributes:
        resolution: Side of the face frame, px; `data.size` in a configuration.
    """

    resolution: PositiveInt = 512
    nf: PositiveInt = setting("Channels of the first level.", 64)
    ch_mult: PositiveInts = setting(
        "Channels of each level in units of `nf`; each level but the last halves the size.",
        (1, 2, 2, 4, 4, 8),
    )
    num_res_blocks: PositiveInt = setting("ResBlocks a level.", 2)
    attn_resolutions: tuple[Int, ...] = setting(
        "Feature sizes at which an attention block follows each ResBlock.", (16,)
    )
    norm_groups: PositiveInt = setting("Groups of every GroupNorm.", 32)
    patch_size: PositiveInt = setting(
        "Pixels are folded into channels by this factor before the first convolution and unfolded "
        "after the last; feature sizes then count from resolution / patch_size.",
        1,
    )
    tail: Literal["fold", "conv"] = setting(
        "How patches become pixels: `fold` unfolds the last convolution's channels, each pixel of "
        "a patch by filters of its own; `conv` enlarges first, so that two convolutions at full "
        "size smooth over the patches' borders, where `fold` leaves a comb.",
        "fold",
    )
    codebook_size: PositiveInt = setting("N, the number of codes.", 1024)
    emb_dim: PositiveInt = setting("d, the width of a code.", 256)
    beta: NonNegative = setting("Weight inside the codebook loss.", 0.25)
    beta_on: Literal["codebook", "commitment"] = setting(
        "Which term `beta` multiplies: `codebook` (release) or `commitment` (VQ-VAE paper).",
        "codebook",
    )

    def __post_init__(self) -> None:
        for field in fields(self):  # YAML has lists where the network has tuples
            if isinstance(value := getattr(self, field.name), list):
                object.__setattr__(self, field.name, tuple(value))
        super().__post_init__()
        fold = self.patch_size * 2 ** (len(self.ch_mult) - 1)
        if self.resolution % fold:
            self._refuse("resolution", f"a multiple of patch_size · 2^(levels - 1) = {fold}")
        if any(self.nf * mult % self.norm_groups for mult in self.ch_mult):
            self._refuse("norm_groups", "a divisor of nf · ch_mult at every level")
        if set(self.attn_resolutions) - set(self.level_sizes):
            self._refuse("attn_resolutions", f"some of the feature sizes {list(self.level_sizes)}")
        if self.tail == "conv" and self.nf * self.ch_mult[0] < 2:
            self._refuse("nf", "2 channels at least, which the tail `conv` halves")

    def _refuse(self, name: str, expected: str) -> None:
        raise WrongValueError(name, getattr(self, name), expected)

    @property
    def modules(self) -> tuple[str, ...]:
        """The network's top-level modules, which a training can freeze."""
        return ("encoder", "quantize", "generator")

    @property
    def level_sizes(self) -> tuple[int, ...]:
        """Feature size of each level, largest first; the last one is the latent grid."""
        return tuple(self.resolution // self.patch_size >> i for i in range(len(self.ch_mult)))

    @property
    def level_channels(self) -> dict[int, int]:
        """Feature size → channels."""
        widths = (self.nf * mult for mult in self.ch_mult)
        return dict(zip(self.level_sizes, widths, strict=True))

    @property
    def latent_size(self) -> int:
        """Side m = n of the latent grid."""
        return self.level_sizes[-1]


@dataclass(frozen=True, kw_only=True)
class CodeFormerSettings(VQGANSettings):
    """Sizes of CodeFormer; the defaults are the released network for blind restoration."""

    dim_embd: PositiveInt = setting("Token width C.", 512)
    n_head: PositiveInt = setting("Attention heads.", 8)
    n_layers: PositiveInt = setting("Spatial attention layers.", 9)
    dim_mlp: PositiveInt = setting("Hidden width of the layers' MLP.", 1024)
    dropout: BelowOne = setting(
        "In training, on attention weights, attention output and both MLP outputs.", 0.0
    )
    connect_list: tuple[Text, ...] = setting(
        "Feature sizes at which encoder skips are fused into the decoder.",
        ("32", "64", "128", "256"),
    )
    train_position_emb: Flag = setting("Whether the spatial position table is trained.", True)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "connect_list", tuple(str(size) for size in self.connect_list))
        if set(self.connect_list) - {str(size) for size in self.level_sizes}:
            self._refuse("connect_list", f"some of the feature sizes {list(self.level_sizes)}")
        if self.dim_embd % self.n_head:
            self._refuse("n_head", f"a divisor of dim_embd = {self.dim_embd}")

    @property
    def modules(self) -> tuple[str, ...]:
        """See `VQGANSettings.modules`."""
        return (*super().modules, "feat_emb", "ft_layers", "idx_pred_layer", "fuse_convs_dict")


@dataclass(frozen=True, kw_only=True)
class DicFaceSettings(CodeFormerSettings):
    """Sizes and switches of DicFace; the defaults are the released network."""

    dropout: BelowOne = setting("As in `transformer`, for both kinds of layers.", 0.1)
    train_position_emb: Flag = setting(
        "The release freezes CodeFormer's spatial position table.", False
    )
    frame_length: OddInt = setting("R = t, frames of a window, which has a centre.", 5)
    temporal: Flag = setting("Whether a temporal attention layer follows each spatial one.", True)
    temporal_start: Literal["release", "zero", "gaussian"] = setting(
        "How these begin: as PyTorch does (`release`), with outputs of 0 (`zero`), so that the "
        "network predicts what the weights that it starts from predict, or with weights from "
        "N(0, 0.02²) (`gaussian`, the paper, which does not say how wide).",
        "release",
    )
    positions: Literal["learned", "sinusoidal"] = setting(
        "Tables of positions, in space and in time: CodeFormer's and one that is learnt from 0 "
        "(release), or sinusoids, which nothing learns (paper).",
        "learned",
    )
    multiscale: Flag = setting(
        "Whether encoder features at 4×, 2× and 1× the latent grid are fused into lq_feat "
        "(release) or the encoder's output is lq_feat (paper).",
        True,
    )
    alpha_floor: Positive = setting("Added to every α̂.", 1e-2)
    alpha_sum: NonNegative = setting(
        "0: α̂ = softplus(logits), the paper. κ > 0: α̂ = κ · softmax(logits), so that one which "
        "starts from CodeFormer expects CodeFormer's weights of the codes.",
        0.0,
    )
    aggregation: Text = setting(
        "How codes are mixed. `dirichlet`: ŵ ~ Dir(α̂). `average`: softmax weights. `topK`, any K: "
        "the best code alone in training (gradient straight through the softmax), the softmax "
        "weights of the K best, renormalised, otherwise.",
        "dirichlet",
    )
    samples: Samples = setting(
        "For `dirichlet`, outside training: `mean` for E[ŵ] or L, the number of draws of ŵ to "
        "average (release: 1).",
        "mean",
    )
    train_samples: Samples = setting("The same in training.", 1)
    train_average: Literal["codes", "losses"] = setting(
        "What is averaged over these draws: the mixed codes, so that there is one loss (`codes`), "
        "or the losses of one draw each (eq. 10).",
        "codes",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_aggregation(self.aggregation, self.codebook_size)

    @property
    def modules(self) -> tuple[str, ...]:
        """See `VQGANSettings.modules`."""
        own = {"multiscale": self.multiscale, "dir_dist_layers": self.temporal}
        return (*super().modules, *(name for name, there in own.items() if there))


@dataclass(frozen=True, kw_only=True)
class DiscriminatorSettings(Checked):
    """Sizes of the discriminator; the defaults are the released network."""

    ndf: PositiveInt = setting(
        "Channels after the first convolution; doubled by each further one, at most 8 · ndf.", 64
    )
    n_layers: PositiveInt = setting("Convolutions of stride 2.", 4)
    norm: Literal["batch", "spectral"] = setting(
        "`batch` is the release's batch normalisation; `spectral` divides every weight by its "
        "largest singular value in its place, which bounds the slope of the logits.",
        "batch",
    )

    @property
    def smallest_frame(self) -> int:
        """Side of the smallest frame that gives a logit, pixels."""
        return 3 * 2**self.n_layers


@dataclass(frozen=True, kw_only=True)
class ModelSettings(Settings):
    """Widths and switches of the networks; what is left out has the released value."""

    vqgan: Changes[VQGANSettings] = setting("The autoencoder.")
    transformer: Changes[CodeFormerSettings] = setting("The Transformer of CodeFormer and DicFace.")
    discriminator: Changes[DiscriminatorSettings] = setting(
        "The discriminator of stages I and III.", factory=dict
    )
    dicface: Changes[DicFaceSettings] = setting("DicFace.")


def check_aggregation(aggregation: str, codebook_size: int) -> None:
    """Raises ConfigError unless `aggregation` is "dirichlet", "average" or "topK", 1 ≤ K ≤ N."""
    known = re.fullmatch(AGGREGATION, aggregation)
    if known is None or int(known[1] or 1) > codebook_size:
        raise WrongValueError(
            "aggregation",
            aggregation,
            f"dirichlet, average or topK with K from 1 to codebook_size = {codebook_size}",
        )


def check_samples(samples: int | str) -> None:
    """Raises ConfigError unless `samples` is "mean" or a number of draws L ≥ 1."""
    if samples != "mean" and not (isinstance(samples, int) and samples >= 1):
        raise WrongValueError("samples", samples, "mean, or a whole number ≥ 1 of draws")
