"""KEEP: a chunk at full size, an enlarged one, its flow alone, its gains alone."""

from collections.abc import Mapping
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from baselines.networks.keep import Keep
from tests.parity.cases._recipe import EXACT, Tolerance, fill_as, image, normal, stored_form
from tests.parity.cases._vsr import Named, SameText, recording, stored, weights_digest

DEEP = Tolerance()
# Upstream's own logits differ by up to 1.4e-3 between float32 and float64: codes whose two best
# logits lie closer than this are left to the reference, as one code changes all later frames.
MARGIN = 3e-3
# A margin is the difference of two logits, each of which may deviate by `DEEP`; the reference's own
# two may by 1.4e-3 each, which is more than the recipe's tolerance for a number of this size.
MARGINS = Tolerance(4e-3)
# Flows of random weights reach 377 px, which float32 holds to about 0.01 px: on "clip128_up", with
# seed 0, the reference and ours differ by up to 8.6e-3 px, the reference and ours in float64 by
# 9.3e-3. So ours is no further from the reference than its own rounding. On frames of noise, as
# here, neighbouring pixels are far apart, and a warped frame differs by about as much as its flow.
WARPED = Tolerance(3e-3)


@torch.inference_mode()
def tensors(seed: int, golden: Mapping, manifest: Mapping) -> Named:
    facts = manifest["golden"]
    net = fill_as(Keep(), seed, manifest)
    yield "weights_sha256", weights_digest(net), SameText()
    # Our flow in float64: flows of hundreds of pixels make of each processor's own rounding in
    # float32 more than the reference's rounding, which is all that the tolerances leave room for.
    net.flownet.double()
    pair = [image("keep", f"flow_im{i}", seed, (1, 3, 128, 192)).double() for i in (1, 2)]
    flow = net.flownet["model"](*((frame + 1) / 2 for frame in pair))
    yield from stored("flow_unit/flow", flow, facts, DEEP)
    z = torch.from_numpy(normal("keep", "gain_z", seed, (1, 4, 256, 16, 16)))
    yield "gain_unit/gain", net.kalman_filter(z[0])[None].numpy(), DEEP

    frames = image("keep", "input_lq128", seed, (1, 2, 3, 128, 128))[0]
    frames = functional.interpolate(frames, scale_factor=4, mode="bilinear", align_corners=False)
    yield from chunk(net, frames, "clip128_up", golden, facts)
    frames = image("keep", "input", seed, (1, 3, 3, 512, 512))[0]
    yield from chunk(net, frames, "clip512", golden, facts)


def chunk(net: Keep, frames: Tensor, case: str, golden: Mapping, facts: Mapping) -> Named:
    flows = net.flows(frames.double()).float()
    codes = torch.from_numpy(golden[f"{case}/codes"]).long().unbind(1)
    open_codes = torch.from_numpy(golden[f"{case}/code_margin"] < MARGIN).unbind(1)
    logits: list[Tensor] = []
    warped: list[Tensor] = []
    tokens: list[Tensor] = []

    def settle(_: object, __: object, output: Tensor) -> Tensor:
        t = len(logits)
        logits.append(output)
        lift = open_codes[t].to(output.dtype) * 2 * MARGIN
        return output.scatter_add(-1, codes[t][..., None], lift[..., None])

    hooks = [
        net.idx_pred_layer.register_forward_hook(settle),
        net.hq_encoder.register_forward_pre_hook(lambda _, given: warped.append(given[0])),
        net.feat_emb.register_forward_pre_hook(lambda _, given: tokens.append(given[0])),
    ]
    modules = {"encoder": net.encoder, "hq_encoder": net.hq_encoder, "gain": net.kalman_filter}
    modules |= {f"sft_{size}": module for size, module in net.fuse_convs_dict.items()}
    modules |= {f"cross_{size}": module for size, module in net.cross_fuse.items()}
    with recording(modules) as seen, patch.object(net, "flows", lambda _: flows):
        output = net(frames)
    for hook in hooks:
        hook.remove()

    clips = {
        "flows": flows[None],
        "z_codes": torch.stack([z for z, _ in seen.pop("encoder")], 1),
        "gain": seen.pop("gain")[0][None],
        "warped_prev": torch.stack(warped, 1),
        "z_prime": torch.stack([z for z, _ in seen.pop("hq_encoder")], 1),
        **{name: torch.stack(calls, 1) for name, calls in seen.items()},
        "output": output[None],
    }
    for name in ("flows", "z_codes", "gain", "warped_prev", "z_prime"):
        tolerance = WARPED if name == "warped_prev" else DEEP
        yield from stored(f"{case}/{name}", clips.pop(name), facts, tolerance)
    folded = torch.cat(tokens)[:, :, None]
    yield from stored_form(f"{case}/z_hat_tokens_hwbc", folded, facts, DEEP)
    scores = torch.stack(logits, 1)
    yield from stored_form(f"{case}/logits", scores, facts, DEEP)
    best = scores.topk(2, -1).values
    yield f"{case}/code_margin", (best[..., 0] - best[..., 1]).numpy(), MARGINS
    chosen = np.where(
        torch.stack(open_codes, 1), golden[f"{case}/codes"], scores.argmax(-1).numpy()
    )
    yield f"{case}/codes", chosen, EXACT
    for name, tensor in clips.items():
        yield from stored(f"{case}/{name}", tensor, facts, DEEP)
