"""PGTFormer at full size: one window, in the order in which a flipped code would show."""

from collections.abc import Mapping

import numpy as np
import torch

from baselines.networks.pgtformer import NUM_FRAMES, PgtFormer
from tests.parity.cases._recipe import EXACT, FIRST, Tolerance, fill_as, rng, stored_form
from tests.parity.cases._vsr import Named, recording

DEEP = Tolerance()
# Codes whose two best logits lie closer than this are left to the reference.
MARGIN = 1e-3


@torch.inference_mode()
def tensors(seed: int, golden: Mapping, manifest: Mapping) -> Named:
    facts = {
        name: {**known, "stored": "strided" if "stride" in known else "full"}
        for name, known in manifest["golden"].items()
    }
    net = fill_as(PgtFormer(), seed, {**manifest, "recipe_model_name": manifest["model"]})
    x = window(seed)
    yield "input_probe", x[:, :, ::64, ::64].numpy(), EXACT

    encoder = net.encoder
    taps = {f"enc_down{i}_block": level.block[0] for i, level in enumerate(encoder.down)}
    taps |= {f"enc_down{i}_attn": encoder.down[i].attn[0] for i in (2, 3, 4)}
    with recording(taps | {"block": encoder.down[2].attn[0].blocks[0]}) as seen:
        hidden, convpos, *own = net.frame_features(x)
        z, skips = encoder.from_attention(hidden)
    for name in taps:
        tolerance = FIRST if name == "enc_down0_block" else DEEP
        yield from stored_form(name, seen[name][0], facts, tolerance)
    block = seen["block"][0][0].permute(2, 3, 0, 1)
    yield from stored_form("enc_down2_attn_blk0", block, facts, DEEP)
    lq_feat = net.quant_conv(z)
    named = {"parsing57": net.parse(x), "convpos": convpos, "encoder_out": z, "lq_feat": lq_feat}
    for name, tensor in named.items():
        yield from stored_form(name, tensor, facts, DEEP)

    layers = {"feat_emb": net.feat_emb}
    layers |= {f"ft_layer{i}": net.ft_layers[i] for i in (0, len(net.ft_layers) - 1)}
    with recording(layers) as seen:
        logits = net.logits(lq_feat, convpos)
    for name in layers:
        yield f"{name}__strided", seen[name][0].transpose(0, 1)[::64, :, ::16].numpy(), DEEP
    grid = logits.unflatten(1, lq_feat.shape[2:])
    yield "logits__strided", grid[:, ::8, ::8, None, ::16].numpy(), DEEP
    yield "logits_rowmean", grid.mean(-1).numpy(), DEEP
    yield "logits_rowmax", grid.amax(-1).numpy(), DEEP
    best = grid.topk(2, -1).values
    yield "code_margin", (best[..., 0] - best[..., 1]).numpy(), DEEP
    settled = golden["code_margin"] > MARGIN
    codes = np.where(settled, grid.argmax(-1).numpy(), golden["codes"])
    yield "codes", codes, EXACT

    skips |= dict(zip(net.settings.plain_skips, own, strict=True))
    yield from decoded(net, torch.from_numpy(codes).flatten(1), lq_feat, skips, golden, facts)


def decoded(
    net: PgtFormer,
    codes: torch.Tensor,
    lq_feat: torch.Tensor,
    skips: Mapping[int, torch.Tensor],
    golden: Mapping,
    facts: Mapping,
) -> Named:
    levels = dict(zip(net.settings.level_sizes, net.decoder.up, strict=True))
    sizes = net.settings.connect_list
    taps = {"post_quant": net.post_quant_conv, "dec_mid": net.decoder.mid}
    taps |= {f"fuse{size}_decin": levels[size] for size in sizes}
    taps |= {f"fuse{size}_out": net.fuse_convs_dict[str(size)] for size in sizes}
    inputs = []
    net.post_quant_conv.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    with recording(taps) as seen:
        out = net.decode(codes, lq_feat, skips)
    yield from stored_form("quant_feat_adain", inputs[0], facts, DEEP)
    for name in taps:
        yield from stored_form(name, seen[name][0], facts, DEEP)
    yield from stored_form("out", out, facts, DEEP)

    # The frame that is kept, on the way that decodes it alone.
    centre = net.decode(codes, lq_feat, skips, centre=True)
    in_batch = {**facts["out_center"], "stride": [1, *facts["out_center"]["stride"]]}
    for key, array, allowed in stored_form("out_center", centre, {"out_center": in_batch}, DEEP):
        yield key, array if key.endswith("stats") else array[0], allowed
    yield "out_center_patch", centre[0, :, 240:272, 240:272].numpy(), DEEP
    truncated = (centre[0].clamp(0, 1) * 255).byte().permute(1, 2, 0)[::4, ::4]
    one_level = Tolerance(1.001 / int(golden["center_u8_s4"].max()))
    yield "center_u8_s4", truncated.numpy(), one_level


def window(seed: int) -> torch.Tensor:
    """Three frames in [0, 1]: blocks of 16×16 pixels and noise."""
    coarse = rng("pgtformer", "input_coarse", seed).random((NUM_FRAMES, 3, 32, 32), np.float32)
    fine = rng("pgtformer", "input", seed).random((NUM_FRAMES, 3, 512, 512), np.float32)
    blocks = coarse.repeat(16, 2).repeat(16, 3)
    return torch.from_numpy(np.float32(0.75) * blocks + np.float32(0.25) * fine)
