"""VQ autoencoder: encoder E, codebook c ∈ R^{N×d}, decoder D (the paper, section 3.1).

The networks of CodeFormer's stage I, which DicFace's encoder and decoder start from. Parameter
names and shapes are those of the released checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dicface.config.model import VQGANSettings
from dicface.models.blocks import AttnBlock, Downsample, ResBlock, Upsample, conv3x3, group_norm
from dicface.models.dirichlet import full_precision


class Encoder(nn.Module):
    """Encoder E (the paper, section 3.1): image → latent grid, with features on the way.

    `taps[size]` is the index of the last ResBlock at a feature size: its output is the skip.
    """

    def __init__(self, s: VQGANSettings) -> None:
        super().__init__()
        self.patch_size = s.patch_size
        self.taps: dict[int, int] = {}
        blocks: list[nn.Module] = [conv3x3(3 * s.patch_size**2, s.nf)]
        width = s.nf
        for size, channels in s.level_channels.items():
            for _ in range(s.num_res_blocks):
                self.taps[size] = len(blocks)
                blocks.append(ResBlock(width, channels, s.norm_groups))
                width = channels
                if size in s.attn_resolutions:
                    blocks.append(AttnBlock(width, s.norm_groups))
            if size != s.latent_size:
                blocks.append(Downsample(width))
        blocks += middle(width, s.norm_groups)
        blocks += [group_norm(width, s.norm_groups), conv3x3(width, s.emb_dim)]
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor, taps: Collection[int] = ()) -> tuple[Tensor, dict[int, Tensor]]:
        """(n, 3, S, S) in [-1, 1] → latent (n, d, h, w) and the features at the sizes `taps`."""
        wanted = {self.taps[size]: size for size in taps}
        features = {}
        x = F.pixel_unshuffle(x, self.patch_size) if self.patch_size > 1 else x
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in wanted:
                features[wanted[i]] = x
        return x, features


class Generator(nn.Module):
    """Decoder D (the paper, section 3.1): latent grid → image, mirroring the encoder.

    `taps[size]` is the index of the first ResBlock at a feature size: skips are fused after it.
    """

    def __init__(self, s: VQGANSettings) -> None:
        super().__init__()
        self.unfolds = s.patch_size if s.tail == "fold" else 1
        self.taps: dict[int, int] = {}
        width = s.level_channels[s.latent_size]
        blocks: list[nn.Module] = [conv3x3(s.emb_dim, width), *middle(width, s.norm_groups)]
        for size, channels in reversed(s.level_channels.items()):
            self.taps[size] = len(blocks)
            for _ in range(s.num_res_blocks):
                blocks.append(ResBlock(width, channels, s.norm_groups))
                width = channels
                if size in s.attn_resolutions:
                    blocks.append(AttnBlock(width, s.norm_groups))
            if size != s.level_sizes[0]:
                blocks.append(Upsample(width))
        blocks.append(group_norm(width, s.norm_groups))
        if s.tail == "conv":
            blocks += [Enlarge(width, width // 2, s.patch_size), conv3x3(width // 2, 3)]
        else:
            blocks.append(conv3x3(width, 3 * s.patch_size**2))
        self.blocks = nn.ModuleList(blocks)

    def forward(
        self, x: Tensor, fuse: Mapping[int, Callable[[Tensor], Tensor]] | None = None
    ) -> Tensor:
        """(n, d, h, w) → (n, 3, S, S), unclamped.

        Args:
            x: The quantised latent.
            fuse: Feature size → what to apply to the decoder's feature there.
        """
        apply = {self.taps[size]: function for size, function in (fuse or {}).items()}
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in apply:
                x = apply[i](x)
        return F.pixel_shuffle(x, self.unfolds) if self.unfolds > 1 else x


class Enlarge(nn.Module):
    """Nearest neighbour, 3×3 convolution, SiLU: from patches to pixels ("conv" tail)."""

    def __init__(self, channels_in: int, channels_out: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.conv = conv3x3(channels_in, channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels_in, h, w) → (n, channels_out, factor · h, factor · w)."""
        return F.silu(self.conv(F.interpolate(x, scale_factor=float(self.factor), mode="nearest")))


def middle(channels: int, groups: int) -> list[nn.Module]:
    """ResBlock, attention, ResBlock at the latent size."""
    return [
        ResBlock(channels, channels, groups),
        AttnBlock(channels, groups),
        ResBlock(channels, channels, groups),
    ]


class VectorQuantizer(nn.Module):
    """The codebook c and hard assignment to the nearest code (the paper, eq. 1 and 2)."""

    def __init__(self, codebook_size: int, emb_dim: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(codebook_size, emb_dim)
        nn.init.uniform_(self.embedding.weight, -1 / codebook_size, 1 / codebook_size)

    def distances(self, z: Tensor) -> Tensor:
        """Squared distances of (n, d, h, w) to all codes, (n·h·w, N)."""
        with torch.autocast(z.device.type, enabled=False):  # 8 bits would choose other codes
            tokens = full_precision(z).movedim(1, -1).flatten(0, -2)
            codes = self.embedding.weight
            lengths = tokens.square().sum(1, keepdim=True) + codes.square().sum(1)
            return lengths - 2 * tokens @ codes.T

    def lookup(self, indices: Tensor) -> Tensor:
        """Codes of integer maps (n, h, w) as (n, d, h, w)."""
        # A transposed view would pull the decoder into channels-last, where torch's GroupNorm on
        # the CPU loses two digits (4e-5 at 512 px).
        return self.embedding(indices).movedim(-1, 1).contiguous()


def vq_loss(
    z: Tensor, zq: Tensor, beta: float, beta_on: Literal["codebook", "commitment"] = "codebook"
) -> Tensor:
    """Codebook loss mean (sg[zq] − z)² and mean (zq − sg[z])², one of them times β.

    Args:
        z: Encoder output, (n, d, h, w).
        zq: Codes chosen for it, same shape, with gradient to the codebook.
        beta: β, 0.25 in the release.
        beta_on: "codebook" puts β on the codebook's term (release); "commitment" on the encoder's
            (VQ-VAE paper, eq. 3).

    Returns:
        Scalar.
    """
    commitment, codebook = F.mse_loss(z, zq.detach()), F.mse_loss(zq, z.detach())
    if beta_on == "codebook":
        return commitment + beta * codebook
    return codebook + beta * commitment


class VQGAN(nn.Module):
    """VQ autoencoder (the paper, section 3.1; CodeFormer stage I)."""

    Settings = VQGANSettings

    def __init__(self, s: VQGANSettings) -> None:
        super().__init__()
        self.settings = s
        self.encoder = Encoder(s)
        self.quantize = VectorQuantizer(s.codebook_size, s.emb_dim)
        self.generator = Generator(s)

    def indices(self, x: Tensor) -> Tensor:
        """Nearest codes of images (n, 3, S, S): integer maps (n, h, w), the targets of stage II."""
        z, _ = self.encoder(x)
        return self.quantize.distances(z).argmin(1).view(z.shape[0], *z.shape[2:])

    def forward(
        self, x: Tensor, quantised: bool = True
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Encodes, quantises (gradient straight through) and decodes.

        Args:
            x: (n, 3, S, S) in [-1, 1]; any S that the levels divide.
            quantised: False decodes the encoder's own output, and the codebook loss is 0.

        Returns:
            The image (n, 3, S, S), unclamped; the codebook loss; and `indices` (n, h, w), `z`, `zq`
            (n, d, h, w), `perplexity` and `mean_distance` (scalars).
        """
        z, _ = self.encoder(x)
        distances = self.quantize.distances(z)
        indices = distances.argmin(1)
        # Not bincount, whose size depends on values, so that a dry run without values works too.
        share = torch.zeros(self.settings.codebook_size, device=z.device)
        share = share.index_add(0, indices, torch.ones(len(indices), device=z.device))
        share = share / len(indices)
        indices = indices.view(z.shape[0], *z.shape[2:])
        zq = self.quantize.lookup(indices)
        if quantised:
            loss = vq_loss(z, zq, self.settings.beta, self.settings.beta_on)
            image = self.generator(z + (zq - z).detach())
        else:
            loss, image = z.new_zeros(()), self.generator(z)
        perplexity = torch.exp(-(share * torch.log(share + 1e-10)).sum())
        stats = {"indices": indices, "z": z, "zq": zq, "perplexity": perplexity}
        return image, loss, stats | {"mean_distance": distances.mean()}
