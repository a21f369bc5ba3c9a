"""ArcFace as PGDiff uses it: the four stages and the identity vectors."""

from collections.abc import Mapping

import torch

from tests.parity.cases._pgdiff import Named, network, stored
from tests.parity.cases._recipe import image


@torch.inference_mode()
def tensors(seed: int, golden: Mapping, manifest: Mapping) -> Named:
    net = network(seed, manifest)
    seen = {}
    for name in ("layer1", "layer2", "layer3", "layer4"):
        net.get_submodule(name).register_forward_hook(
            lambda _, __, output, name=name: seen.__setitem__(name, output)
        )
    seen["out"] = net(image("pgdiff_arcface", "input", seed, (2, 3, 112, 112)))
    for name, tensor in seen.items():
        yield from stored(name, tensor, manifest["golden"])
