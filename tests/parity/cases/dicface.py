"""DicFace at full size: every stored feature, with E[ŵ] for ŵ."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch

from dicface.models import build
from dicface.models.blocks import adain
from tests.parity.cases._recipe import FIRST, Tolerance, fill_as, image, stored_form

ENCODER_TAPS = {2: 512, 5: 256, 8: 128, 11: 64, 14: 32, 18: 16}  # block → feature size
GENERATOR_BLOCKS = (3, 9, 12, 15, 18)
LAYERS = (0, 1, 8)


@torch.inference_mode()
def tensors(
    seed: int, golden: Mapping, manifest: Mapping
) -> Iterator[tuple[str, np.ndarray, Tolerance]]:
    net = fill_as(build("dicface"), seed, manifest)
    facts = manifest["golden"]
    deep, alpha_like, mixed = Tolerance(), Tolerance(1e-4), Tolerance(1e-6)

    # Frame by frame: GroupNorm does not mix frames, and memory stays small.
    x = image("dicface", "input", seed, (5, 3, 512, 512))
    frames = [net.encoder(frame[None], ENCODER_TAPS.values()) for frame in x]
    latent = torch.cat([out for out, _ in frames])
    features = {}
    for block, size in ENCODER_TAPS.items():
        features[size] = torch.cat([taps.pop(size) for _, taps in frames])
        tolerance = FIRST if block == 2 else deep
        yield from stored_form(f"enc_block{block}", features[size], facts, tolerance)
    yield from stored_form("enc_out", latent, facts, deep)
    skips = {str(size): net.centre(features[size]) for size in (32, 64, 128, 256)}
    lq_feat = net.multiscale(features | {16: latent})
    del features, frames
    yield from stored_form("lq_feat", lq_feat, facts, deep)

    tokens = net.embed(lq_feat)
    yield from stored_form("feat_emb", tokens.transpose(0, 1), facts, deep)
    for i in range(net.settings.n_layers):
        for kind, layer in (("spatial", net.spatial), ("temporal", net.temporal)):
            tokens = layer(i, tokens)
            if i in LAYERS:
                name = f"{kind}_layer{i}"
                yield from stored_form(name, tokens.transpose(0, 1), facts, deep)
    logits = net.head(tokens)
    alpha = net.alpha(logits)
    yield from stored_form("logits", logits, facts, alpha_like)
    yield from stored_form("alpha_returned", alpha + 1e-6, facts, alpha_like)
    yield from stored_form("alpha_sum", alpha.sum(-1), facts, alpha_like)
    yield from stored_form("w_mean", net.weights(alpha, samples="mean"), facts, mixed)
    quant = net.quantise(alpha, samples="mean")
    yield from stored_form("quant_feat", quant, facts, mixed)
    yield from stored_form("quant_feat_adain", adain(quant, lq_feat), facts, deep)

    seen = {}
    for i in GENERATOR_BLOCKS:
        net.generator.blocks[i].register_forward_hook(
            lambda _, __, out, i=i: seen.__setitem__(i, out)
        )
    for w in (0, 1):
        out = net.decode(net.centre(quant), skips, w)
        for i in GENERATOR_BLOCKS:
            yield from stored_form(f"gen_block{i}_w{w}", seen.pop(i), facts, deep)
        yield from stored_form(f"out_w{w}", out, facts, deep)
        yield from stored_form(f"out_w{w}_crop", out[0, :, 192:256, 224:288], facts, deep)

    # Two windows in one call; the second is the first one backwards.
    alpha = net.predict(torch.cat([lq_feat, lq_feat.flip(0)]))[5:]
    yield from stored_form("b2_alpha_returned", alpha + 1e-6, facts, alpha_like)
    yield from stored_form("b2_quant_feat", net.quantise(alpha, samples="mean"), facts, mixed)
