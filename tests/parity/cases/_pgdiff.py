"""What the cases of PGDiff share: manifests of an older form, the networks, recorded layers."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from baselines.networks.pgdiff_restorer import PgdiffRestorer
from baselines.networks.pgdiff_unet import PgdiffUnet
from tests.parity.arcface import ArcFace
from tests.parity.cases._recipe import EXACT, FIRST, Tolerance, fill_as, normal, stored_form

Named = Iterator[tuple[str, np.ndarray, Tolerance]]


def network(seed: int, manifest: Mapping) -> nn.Module:
    """The network of a manifest with the recipe's weights."""
    name = manifest["model"]
    if name == "pgdiff_restorer":
        built: nn.Module = PgdiffRestorer()
    elif name == "pgdiff_arcface":
        built = ArcFace()
    else:
        facts = manifest["unet_args"]
        built = PgdiffUnet(
            image_size=facts["image_size"],
            model_channels=facts["model_channels"],
            channel_mult=facts["channel_mult"],
            num_res_blocks=facts["num_res_blocks"],
            attention_sizes=facts["attention_resolutions"],
            head_channels=facts["num_head_channels"],
        )
    return fill_as(built, seed, {"recipe_model_name": name, **manifest})


def given(model: str, key: str, seed: int, size: int) -> Tensor:
    """A standard normal image, (1, 3, size, size)."""
    return torch.from_numpy(normal(model, key, seed, (1, 3, size, size)))


def stored(name: str, tensor: Tensor, facts: Mapping, tolerance: Tolerance | None = None) -> Named:
    """`stored_form` for manifests that give a stride where a tensor is not stored whole."""
    kind = "strided" if "stride" in facts[name] else "full"
    forms = {name: {"stored": kind, **facts[name]}}
    yield from stored_form(name, tensor, forms, tolerance or Tolerance())


@torch.inference_mode()
def unet_tensors(seed: int, manifest: Mapping) -> Named:
    """Output at each step; the layers' own outputs at the first one."""
    facts, steps = manifest["golden"], manifest["inputs"]["timesteps"]
    name, size = manifest["model"], manifest["unet_args"]["image_size"]
    net = network(seed, manifest)
    x = given(name, "x_t", seed, size)
    probe = x[:, :, :: size // 8, :: size // 8]
    yield from stored("x_t_probe", probe, facts, EXACT)
    seen: dict[str, Tensor] = {}
    hooks = [
        net.get_submodule(tap).register_forward_hook(
            lambda _, __, output, tap=tap: seen.__setitem__(tap, output)
        )
        for tap in facts
        if not tap.startswith(("out_t", "x_t"))
    ]
    for step in steps:
        yield from stored(f"out_t{step}", net(x, torch.tensor([step])), facts)
        for tap in [*seen]:
            tolerance = FIRST if tap in ("time_embed", "input_blocks.0") else None
            yield from stored(tap, seen.pop(tap), facts, tolerance)
        for hook in hooks:
            hook.remove()
