"""CodeFormer at full size, for each stored (w, adain)."""

import re
from collections.abc import Iterator, Mapping

import numpy as np
import torch

from dicface.models import build
from dicface.models.blocks import adain
from tests.parity.cases._recipe import EXACT, FIRST, Tolerance, fill_as, image, stored_form
from tests.parity.cases.dicface import ENCODER_TAPS


@torch.inference_mode()
def tensors(
    seed: int, golden: Mapping, manifest: Mapping
) -> Iterator[tuple[str, np.ndarray, Tolerance]]:
    net = fill_as(build("codeformer"), seed, manifest)
    facts, deep = manifest["golden"], Tolerance()
    x = image("codeformer", "input", seed, (1, 3, 512, 512))
    lq_feat, features = net.encoder(x, ENCODER_TAPS.values())
    for block, size in ENCODER_TAPS.items():
        tolerance = FIRST if block == 2 else deep
        yield from stored_form(f"enc_block{block}", features[size], facts, tolerance)
    yield from stored_form("lq_feat", lq_feat, facts, deep)

    tokens = net.embed(lq_feat)
    yield from stored_form("feat_emb", tokens.transpose(0, 1), facts, deep)
    for i in range(net.settings.n_layers):
        tokens = net.spatial(i, tokens)
        if i in (0, net.settings.n_layers - 1):
            yield from stored_form(f"layer{i}", tokens.transpose(0, 1), facts, deep)
    logits = net.idx_pred_layer(tokens)
    yield from stored_form("logits", logits, facts, deep)
    logits = settle_ties(logits, golden)
    yield from stored_form("top_idx", logits.argmax(-1), facts, EXACT)

    skips = {size: features[int(size)] for size in net.settings.connect_list}
    variants = (re.fullmatch(r"quant_feat_w([\d.]+)_adain([01])", name) for name in facts)
    for w, normalised in (variant.groups() for variant in variants if variant):
        quant = net.quantise(logits)
        quant = adain(quant, lq_feat) if normalised == "1" else quant
        name = f"w{w}_adain{normalised}"
        out = net.decode(quant, skips, float(w))
        yield from stored_form(f"quant_feat_{name}", quant, facts, deep)
        yield from stored_form(f"out_{name}", out, facts, deep)
        yield from stored_form(f"out_{name}_crop", out[0, :, 192:256, 224:288], facts, deep)


def settle_ties(logits: torch.Tensor, golden: Mapping) -> torch.Tensor:
    """Where the two best logits differ by rounding alone (< 1e-4), lets the stored index decide."""
    best = logits.topk(2, -1)
    gap = best.values[..., :1] - best.values[..., 1:]
    second = best.indices[..., 1:]
    stored = torch.from_numpy(golden["top_idx"])[..., None]
    lift = torch.where((gap < 1e-4) & (second == stored), 1e-3, 0.0)
    return logits.scatter_add(-1, second, lift)
