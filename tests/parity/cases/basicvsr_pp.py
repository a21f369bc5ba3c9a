"""BasicVSR++: both variants with their intermediates, flow, alignment and a mirrored clip."""

from collections.abc import Mapping

import numpy as np
import torch

from baselines.networks.basicvsrpp import BRANCHES, BasicVsrPlusPlus
from baselines.networks.spynet import is_mirror_extended, neighbour_flows
from tests.parity.cases._recipe import EXACT, FIRST, Tolerance, fill_as, normal
from tests.parity.cases._vsr import Named, SameText, recording, stored, uniform, weights_digest

DEEP = Tolerance()
MODELS = {"lowres": "basicvsr_pp", "samesize": "basicvsr_pp_samesize"}
INPUTS = {"lowres": (1, 4, 3, 64, 72), "samesize": (1, 3, 3, 256, 272)}


@torch.inference_mode()
def tensors(seed: int, golden: Mapping, manifest: Mapping) -> Named:
    for variant, model in MODELS.items():
        net = BasicVsrPlusPlus(low_resolution_input=variant == "lowres")
        own = {
            "recipe_model_name": model,
            "state_dict": manifest["variants"][variant]["state_dict"],
        }
        fill_as(net, seed, {**manifest, **own})
        yield f"{variant}/weights_sha256", weights_digest(net), SameText()
        yield from whole(net, variant, seed, manifest["golden"])
        if variant == "lowres":
            yield from parts(net, seed, manifest["golden"])


def whole(net: BasicVsrPlusPlus, variant: str, seed: int, facts: Mapping) -> Named:
    clip = uniform(MODELS[variant], "input", seed, INPUTS[variant])
    modules = {"spatial": net.feat_extract, "reconstruction": net.reconstruction}
    modules["conv_offset_first/backward_1"] = net.deform_align["backward_1"].conv_offset
    for branch in BRANCHES:
        modules[f"aligned/{branch}"] = net.deform_align[branch]
        modules[f"residual/{branch}"] = net.backbone[branch]
    with recording(modules) as outputs:
        yield from stored(f"{variant}/output", net(clip), facts, DEEP)
    for way, flows in zip(
        ("backward", "forward"), neighbour_flows(net.spynet, net.flow_input(clip)), strict=True
    ):
        yield from stored(f"{variant}/flows_{way}", flows, facts, DEEP)
    for name, calls in outputs.items():
        once = name.startswith("conv_offset_first")
        ours = calls[0] if once else torch.stack(calls, 1)
        yield from stored(f"{variant}/{name}", ours, facts, FIRST if name == "spatial" else DEEP)


def parts(net: BasicVsrPlusPlus, seed: int, facts: Mapping) -> Named:
    model = MODELS["lowres"]
    frames = [uniform(model, f"spynet_{which}", seed, (2, 3, 70, 90)) for which in ("ref", "supp")]
    yield "spynet/flow", net.spynet(*frames).numpy(), DEEP

    states, condition = (
        torch.from_numpy(normal(model, key, seed, (1, channels, 24, 20)))
        for key, channels in (("dcn_x", 128), ("dcn_extra", 192))
    )
    flows = [uniform(model, f"dcn_flow{i}", seed, (1, 2, 24, 20)) * 6 - 3 for i in (1, 2)]
    aligned = net.deform_align["forward_2"](states, condition, *flows)
    yield "dcn/output", aligned.numpy(), DEEP

    half = uniform(model, "mirror_input", seed, (1, 2, 3, 64, 64))
    clip = torch.cat((half, half.flip(1)), 1)
    yield "mirror/is_mirror_extended", np.array([is_mirror_extended(clip)]), EXACT
    yield from stored("mirror/output", net(clip), facts, DEEP)
