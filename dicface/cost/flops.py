"""Operations and parameters of a run's own networks, counted from their settings.

Closed formulas of the layers in `dicface.models`, because a plan must not take the seconds that
torch takes to start; `tests/cost/test_cost.py` compares them with torch's own counter.
Convolutions, matrix products and attention are counted, two operations for a multiplication and a
sum; norms, activations, position embeddings and biases are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dicface.config.networks import Network

#: Operations a pixel of EfficientNet-Lite0 up to its fifth stage, by torch's counter.
_LITE0_A_PIXEL = 9697

#: VGG16 as LPIPS takes it: (convolutions as channels in and out) at 1, 1/2, … 1/16 of the size.
_VGG = (
    ((3, 64), (64, 64)),
    ((64, 128), (128, 128)),
    ((128, 256), (256, 256), (256, 256)),
    ((256, 512), (512, 512), (512, 512)),
    ((512, 512), (512, 512), (512, 512)),
)


@dataclass(frozen=True)
class Size:
    """What a layer or a part takes.

    Attributes:
        flops: Operations of a forward pass, for one frame.
        parameters: Numbers learnt.
    """

    flops: float = 0.0
    parameters: float = 0.0

    def __add__(self, other: Size) -> Size:
        return Size(self.flops + other.flops, self.parameters + other.parameters)

    def __radd__(self, other: int) -> Size:  # sum() starts at 0
        return self if other == 0 else NotImplemented

    def times(self, number: float) -> Size:
        """The part so many times, each with parameters of its own."""
        return Size(number * self.flops, number * self.parameters)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The parts of a VQ autoencoder, CodeFormer or DicFace, for one frame.

    Attributes:
        encoder: With DicFace's multi-scale fusion.
        codes: Distances to the codebook, or mixing its codes.
        tokens: What leads into and out of the Transformer.
        spatial: One spatial layer.
        temporal: One temporal layer; nothing where there is none.
        layers: Layers of each kind.
        generator: Decoder.
        upsamples: Of the decoder's work, the convolutions after an enlargement.
        skips: Fusion of the encoder's skips.
        frames: Frames of a window.
    """

    encoder: Size
    codes: Size
    tokens: Size
    spatial: Size
    temporal: Size
    layers: int
    generator: Size
    upsamples: Size
    skips: Size
    frames: int

    @property
    def transformer(self) -> Size:
        """All that predicts codes from the encoder's output."""
        return self.tokens + (self.spatial + self.temporal).times(self.layers)

    @property
    def parameters(self) -> float:
        """Of the whole network."""
        parts = (self.encoder, self.codes, self.transformer, self.generator, self.skips)
        return sum(part.parameters for part in parts)


def parts_of(kind: str, settings: Mapping[str, Any]) -> Parts:
    """Counts a network.

    Args:
        kind: "vqgan", "codeformer" or "dicface".
        settings: As `dicface.config.networks.Network.settings` gives them for that kind.
    """
    s = settings
    latent = s["resolution"] // s["patch_size"] >> len(s["ch_mult"]) - 1
    tokens = latent**2
    coded = Size(2 * tokens * s["codebook_size"] * s["emb_dim"], s["codebook_size"] * s["emb_dim"])
    encoder, generator, upsamples = _autoencoder(s, latent)
    nothing = Size()
    if kind == "vqgan":
        return Parts(
            encoder=encoder,
            codes=coded,
            tokens=nothing,
            spatial=nothing,
            temporal=nothing,
            layers=0,
            generator=generator,
            upsamples=upsamples,
            skips=nothing,
            frames=1,
        )
    levels = _levels(s)
    width, frames = s["dim_embd"], s["frame_length"] if kind == "dicface" else 1
    if kind == "dicface" and s["multiscale"]:
        encoder += _multiscale(levels, latent, s["emb_dim"])
    has_temporal = kind == "dicface" and s["temporal"]
    return Parts(
        encoder=encoder,
        codes=coded if kind == "dicface" else Size(0, coded.parameters),
        tokens=_linear(tokens, s["emb_dim"], width) + _linear(tokens, width, s["codebook_size"]),
        spatial=_attention_layer(tokens, width, s["dim_mlp"], attended=tokens),
        temporal=(
            _attention_layer(tokens, width, s["dim_mlp"], attended=frames)
            if has_temporal
            else nothing
        ),
        layers=s["n_layers"],
        generator=generator,
        upsamples=upsamples,
        skips=sum((_skip(levels[int(size)], int(size)) for size in s["connect_list"]), nothing),
        frames=frames,
    )


def restoring(parts: Parts, *, skips: bool = True) -> float:
    """Operations of the streaming runner for one output frame (docs/restoration.md).

    Enlargements are folded into kernels of 2 × 2, four of nine products.
    """
    decoder = parts.generator.flops - 5 / 9 * parts.upsamples.flops
    return predicting(parts) + parts.codes.flops + decoder + (parts.skips.flops if skips else 0)


def predicting(parts: Parts) -> float:
    """Operations of the streaming runner that give one frame's code weights.

    Every frame is encoded and passes the first spatial layer once; the layers between see whole
    windows, the last temporal one is computed for the frame that is kept.
    """
    # Without temporal layers a frame depends on itself alone.
    window = parts.frames if parts.temporal.flops else 1
    between = (parts.spatial + parts.temporal).times((window - 1) * (parts.layers - 1))
    return parts.encoder.flops + parts.transformer.flops + between.flops


def inspecting(parts: Parts) -> float:
    """Operations of an inspection for a frame: its α̂, its skips again, and five images of it."""
    decoding = restoring(parts) - predicting(parts)
    return predicting(parts) + parts.encoder.flops + 5 * decoding


def training(network: Network) -> float:
    """Operations of one training step for one frame of a sample, forward and backward.

    A backward pass takes twice the forward pass where a part learns, once where only gradients
    pass through, and nothing where none are needed. The discriminator counts from `gan_start` on,
    as a share of all steps.
    """
    s = network.train
    own = parts_of(network.kind, network.settings())
    size = network.size
    seen = 1 / own.frames if network.stage == "dicface" and s.loss_frames == "centre" else 1.0

    def learnt(part: Size, name: str, *, passes: bool = False) -> float:
        backward = 2 if name not in s.freeze else 1 if passes else 0
        return (1 + backward) * part.flops

    total = learnt(own.encoder, "encoder")
    if network.stage == "vqgan":
        total += own.codes.flops + learnt(own.generator, "generator")
    else:
        # Without temporal layers, frames that the loss leaves out are not predicted at all.
        predicted = 1.0 if own.temporal.flops else seen
        # Codes are chosen by its layers; a codebook alone, or skips, learn without them.
        total += predicted * learnt(own.transformer, "ft_layers", passes="encoder" not in s.freeze)
    if network.stage in ("codeformer", "fusion"):
        prior = parts_of("vqgan", network.settings("vqgan"))
        total += prior.encoder.flops + prior.codes.flops
    if network.stage == "dicface":
        total += 3 * own.codes.flops * seen
        sizes = network.sizes()
        if sizes.train_average == "losses" and sizes.train_samples != "mean":
            seen *= sizes.train_samples  # an image a draw
        total += seen * learnt(own.generator, "generator", passes=True)
    if network.stage == "fusion":
        total += learnt(own.generator, "generator", passes=True)
    if network.stage in ("fusion", "dicface") and s.fidelity_w > 0:
        total += seen * learnt(own.skips, "fuse_convs_dict", passes=True)
    if network.stage != "codeformer" and s.lpips_weight > 0 and s.perceptual != "none":
        distance = vgg16(size) if s.perceptual == "lpips_vgg" else lite0(size)
        total += 3 * seen * distance  # both images forward, one backward to its pixels
    if network.stage in ("vqgan", "fusion") and s.gan_weight > 0:
        # Generator's term: forward, and to the pixels; critic's: both images, forward and backward.
        share = max(0, s.steps - s.gan_start) / s.steps
        critic = network.model.get("discriminator", {})
        sizes = {name: critic[name] for name in ("ndf", "n_layers") if name in critic}
        total += share * 8 * discriminator(size, **sizes).flops
    return total


def vgg16(size: int) -> float:
    """Operations of LPIPS's VGG16 for one image of `size` px."""
    return sum(
        _conv(size >> level, *channels).flops
        for level, convolutions in enumerate(_VGG)
        for channels in convolutions
    )


def lite0(size: int) -> float:
    """Operations of EfficientNet-Lite0's first five stages for one image of `size` px."""
    return _LITE0_A_PIXEL * size**2


def discriminator(size: int, ndf: int = 64, n_layers: int = 4) -> Size:
    """The PatchGAN discriminator: 4 × 4 convolutions, all but the last two of stride 2."""
    total, width = _conv(size // 2, 3, ndf, 4), ndf
    side = size // 2
    for layer in range(1, n_layers + 1):
        wider = ndf * min(2**layer, 8)
        side = side // 2 if layer < n_layers else side - 1
        total += _conv(side, width, wider, 4)
        width = wider
    return total + _conv(side - 1, width, 1, 4)


def _conv(side: int, channels_in: int, channels_out: int, kernel: int = 3) -> Size:
    weights = channels_in * channels_out * kernel**2
    return Size(2 * weights * side**2, weights)


def _linear(positions: int, width_in: int, width_out: int) -> Size:
    return Size(2 * positions * width_in * width_out, width_in * width_out)


def _res_block(side: int, channels_in: int, channels_out: int) -> Size:
    total = _conv(side, channels_in, channels_out) + _conv(side, channels_out, channels_out)
    return (
        total if channels_in == channels_out else total + _conv(side, channels_in, channels_out, 1)
    )


def _self_attention(side: int, channels: int) -> Size:
    products = Size(4 * channels * side**4, 0)
    return _conv(side, channels, channels, 1).times(4) + products


def _attention_layer(tokens: int, width: int, hidden: int, *, attended: int) -> Size:
    products = Size(4 * tokens * attended * width, 0)
    mlp = _linear(tokens, width, hidden).times(2)
    return _linear(tokens, width, width).times(4) + products + mlp


def _levels(s: Mapping[str, Any]) -> dict[int, int]:
    """Feature size → channels."""
    first = s["resolution"] // s["patch_size"]
    return {first >> level: s["nf"] * mult for level, mult in enumerate(s["ch_mult"])}


def _level(s: Mapping[str, Any], side: int, width: int, channels: int) -> Size:
    """The ResBlocks and attention blocks of one level."""
    blocks = _res_block(side, width, channels)
    blocks += _res_block(side, channels, channels).times(s["num_res_blocks"] - 1)
    if side in s["attn_resolutions"]:
        blocks += _self_attention(side, channels).times(s["num_res_blocks"])
    return blocks


def _autoencoder(s: Mapping[str, Any], latent: int) -> tuple[Size, Size, Size]:
    """Encoder, generator, and of the generator the convolutions after enlargements."""
    levels = _levels(s)
    first, pixels, deepest = max(levels), 3 * s["patch_size"] ** 2, levels[latent]
    middle = _res_block(latent, deepest, deepest).times(2) + _self_attention(latent, deepest)
    encoder = _conv(first, pixels, s["nf"]) + middle + _conv(latent, deepest, s["emb_dim"])
    width = s["nf"]
    for side, channels in levels.items():
        encoder += _level(s, side, width, channels)
        width = channels
        if side != latent:
            encoder += _conv(side // 2, width, width)
    generator = _conv(latent, s["emb_dim"], deepest) + middle
    upsamples, width = Size(), deepest
    for side, channels in sorted(levels.items()):
        generator += _level(s, side, width, channels)
        width = channels
        if side != first:
            upsamples += _conv(2 * side, width, width)
    tail = _conv(first, width, pixels)
    if s.get("tail") == "conv":
        full = s["resolution"]
        tail = _conv(full, width, width // 2) + _conv(full, width // 2, 3)
    return encoder, generator + upsamples + tail, upsamples


def _multiscale(levels: Mapping[int, int], latent: int, emb_dim: int) -> Size:
    channels = {size: levels[size] for size in (4 * latent, 2 * latent) if size in levels}
    channels[latent] = emb_dim
    folded = (count * (size // latent) ** 2 for size, count in channels.items())
    scales = sum(_conv(latent, count, emb_dim, 1) for count in folded)
    return scales + _conv(latent, len(channels) * emb_dim, emb_dim)


def _skip(channels: int, side: int) -> Size:
    """One `SFTFusion`: a ResBlock on skip and feature, then scale and shift."""
    return _res_block(side, 2 * channels, channels) + _conv(side, channels, channels).times(4)
