"""GPEN-BFR-512: encoder, style, first layers, the image of each level."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch

from baselines.networks.gpen import Gpen
from tests.parity.cases._recipe import FIRST, Tolerance, fill_as, image, stored_form


@torch.inference_mode()
def tensors(
    seed: int, golden: Mapping, manifest: Mapping
) -> Iterator[tuple[str, np.ndarray, Tolerance]]:
    net = fill_as(Gpen(**_settings(manifest["constructor"])), seed, manifest)
    generator = net.generator
    taps = {f"ecd{i}": net.get_submodule(f"ecd{i}") for i in range(net.num_encoders)}
    taps |= {
        "final_linear": net.final_linear,
        "w_latent": generator.style,
        "conv1": generator.conv1,
        "convs0": generator.convs[0],
    }
    taps |= {f"skip_rgb{i}": module for i, module in enumerate(generator.to_rgbs)}
    seen = {}
    for name, module in taps.items():
        module.register_forward_hook(lambda _, __, out, name=name: seen.__setitem__(name, out))

    restored = net(image("gpen", "input", seed, (1, 3, net.size, net.size)))
    seen |= {"image": restored, "image_crop": restored[0, :, 192:256, 224:288]}
    for name in [*seen]:
        tolerance = FIRST if name == "ecd0" else Tolerance()
        yield from stored_form(name, seen.pop(name), manifest["golden"], tolerance)


def _settings(constructor: Mapping) -> dict:
    return {key: constructor[key] for key in ("size", "channel_multiplier", "narrow")}
