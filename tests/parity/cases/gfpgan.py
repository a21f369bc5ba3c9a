"""GFPGAN v1.4 with its stored noise: styles, conditions, the image of each level."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch

from baselines.networks.gfpgan import Gfpgan
from tests.parity.cases._recipe import Tolerance, fill_as, image, stored_form


@torch.inference_mode()
def tensors(
    seed: int, golden: Mapping, manifest: Mapping
) -> Iterator[tuple[str, np.ndarray, Tolerance]]:
    net = fill_as(Gfpgan(), seed, manifest)
    decoder = net.stylegan_decoder
    taps = {
        "style_code": net.final_linear,
        "final_conv_pre_act": net.final_conv,
        "style_conv1": decoder.style_conv1,
    }
    for i, block in enumerate(net.conv_body_up):
        taps |= {
            f"scale{i}": net.condition_scale[i],
            f"shift{i}": net.condition_shift[i],
            f"skip_rgb{i}": decoder.to_rgbs[i],
            f"out_rgb{i}": block,
        }
    seen = {}
    for name, module in taps.items():
        module.register_forward_hook(lambda _, __, out, name=name: seen.__setitem__(name, out))

    restored = net(image("gfpgan", "input", seed, (1, 3, net.size, net.size)))
    seen |= {"image": restored, "image_crop": restored[0, :, 192:256, 224:288]}
    seen["style_code"] = seen["style_code"].unflatten(1, (-1, net.style_dim))
    for i, to_rgb in enumerate(net.toRGB):
        seen[f"out_rgb{i}"] = to_rgb(seen[f"out_rgb{i}"])
    for name in [*seen]:
        yield from stored_form(name, seen.pop(name), manifest["golden"], Tolerance())
