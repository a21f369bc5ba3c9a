"""RealBasicVSR at two cleaning thresholds, and BasicVSR alone."""

from collections.abc import Mapping

import numpy as np
import torch

from baselines.networks.realbasicvsr import BasicVsr, RealBasicVsr
from baselines.networks.spynet import neighbour_flows
from tests.parity.cases._recipe import EXACT, FIRST, Tolerance, fill_as
from tests.parity.cases._vsr import Named, SameText, recording, stored, uniform, weights_digest

DEEP = Tolerance()


@torch.inference_mode()
def tensors(seed: int, golden: Mapping, manifest: Mapping) -> Named:
    facts = manifest["golden"]
    net = fill_as(RealBasicVsr(), seed, manifest)
    yield "weights_sha256", weights_digest(net), SameText()
    clip = uniform("realbasicvsr", "input", seed, (1, 3, 3, 64, 72))
    for threshold in (255, 5):
        net.cleaning_threshold_levels = threshold
        yield from cleaned_and_enlarged(net, clip, f"thres{threshold}", facts)

    # Ours always cleans frame by frame; frames that are clips of their own are cleaned together.
    with recording({"residues": net.image_cleaning}) as outputs:
        together = net.clean(clip.transpose(0, 1)).transpose(0, 1)
    difference = (net.clean(clip) - together).abs().max().item()
    yield "thres5_sequential/num_cleaning_steps", np.array([len(outputs["residues"])]), EXACT
    yield "thres5_sequential/max_abs_diff_to_batched", np.array([difference]), Tolerance(1e-4)

    bonus = fill_as(BasicVsr(), seed, {**manifest, **manifest["bonus_basicvsr30"]})
    yield "basicvsr30/weights_sha256", weights_digest(bonus), SameText()
    clip = uniform("basicvsr", "input", seed, (1, 3, 3, 64, 64))
    yield from stored("basicvsr30/output", bonus(clip), facts, DEEP)


def cleaned_and_enlarged(net: RealBasicVsr, clip: torch.Tensor, case: str, facts: Mapping) -> Named:
    modules = {
        "residues": net.image_cleaning,
        "backward_feat": net.basicvsr.backward_resblocks,
        "forward_feat": net.basicvsr.forward_resblocks,
        "fusion_feat": net.basicvsr.fusion,
    }
    with recording(modules) as outputs:
        yield from stored(f"{case}/output", net(clip), facts, DEEP)
    num_frames = clip.shape[1]
    residues = torch.stack(outputs.pop("residues"), 1).split(num_frames, 1)
    yield f"{case}/num_cleaning_steps", np.array([len(residues)]), EXACT
    # Another seed may take more rounds than the manifest's.
    rounds = {f"{case}/clean_residue_{i}": facts[f"{case}/clean_residue_0"] for i in range(3)}
    for i, residue in enumerate(residues):
        yield from stored(f"{case}/clean_residue_{i}", residue, rounds, DEEP if i else FIRST)
        mean = residue.double().abs().mean().item()
        yield f"{case}/clean_residue_absmean_{i}", np.array([mean]), DEEP
        clip = clip + residue
    yield from stored(f"{case}/cleaned_lqs", clip, facts, DEEP)
    flows = neighbour_flows(net.basicvsr.spynet, clip)
    for way, flow in zip(("backward", "forward"), flows, strict=True):
        yield from stored(f"{case}/flows_{way}", flow, facts, DEEP)
    for name, calls in outputs.items():
        yield from stored(f"{case}/{name}", torch.stack(calls, 1), facts, DEEP)
