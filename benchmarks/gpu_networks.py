"""The networks that `on_gpu.py` measures: DicFace and the paper's systems, with seeded weights."""

from __future__ import annotations

import copy
import functools
import importlib
from collections.abc import Callable

import torch
from torch import Tensor, nn

from dicface.methods.codeformer import SMALL
from dicface.methods.network import NetworkMethod
from dicface.methods.seeded import seeded
from dicface.models import build
from dicface.models.fast import prepare_for_inference


def faces(num: int, side: int, device: str = "cpu") -> Tensor:
    """Seeded frames (num, 3, side, side) in [0, 1]."""
    return torch.rand(num, 3, side, side, generator=torch.Generator().manual_seed(0)).to(device)


def _pgtformer(nets: tuple, x: Tensor) -> Tensor:
    n = range(len(x))
    around = [min(max(i, 0), len(x) - 1) for k in n for i in (k - 1, k, k + 1)]
    features = [each[around] for each in nets[0].frame_features(x)]
    return nets[0].window(features, centre=True)[0]


def _pgdiff(nets: tuple, x: Tensor) -> Tensor:
    """One of its thousand steps from a sample and with noise that any picture stands in for."""
    from baselines.networks import diffusion, guidance

    known = guidance.Restoration(known=x * 2 - 1, scale=0.05, restorer=nets[1])
    sample, noise = x.flip(-1) * 2 - 1, x.flip(-2) * 2 - 1
    schedule = diffusion.Schedule()
    return (diffusion.guided_step(nets[0], schedule, known, sample, 500, noise).sample + 1) / 2


SYSTEMS: dict[str, tuple[str, tuple[int, int], Callable[[tuple, Tensor], Tensor]]] = {
    "gpen": ("gpen:Gpen", (1, 8), lambda nets, x: (nets[0](x * 2 - 1) + 1) / 2),
    "gfpgan": ("gfpgan:Gfpgan", (1, 8), lambda nets, x: (nets[0](x * 2 - 1) + 1) / 2),
    "codeformer": (
        "codeformer:ReleasedCodeFormer",
        (1, 8),
        lambda nets, x: (nets[0](x * 2 - 1, w=0.5, adain=True)[0] + 1) / 2,
    ),
    "realbasicvsr": ("realbasicvsr:RealBasicVsr", (20, 5), lambda nets, x: nets[0](x[None])[0]),
    "basicvsrpp": ("basicvsrpp:BasicVsrPp", (20, 5), lambda nets, x: nets[0](x[None])[0]),
    "pgtformer": ("pgtformer:PgtFormer", (1, 8), _pgtformer),
    "keep": ("keep:Keep", (20, 5), lambda nets, x: (nets[0](x * 2 - 1) + 1) / 2),
    "pgdiff": ("pgdiff:PgDiff", (1, 4), _pgdiff),
}
"""Name -> its class, frames at once (as the suite gives them; others), one pass (n, 3, H, W) in
[0, 1] → the same."""


def passes_of(name: str) -> Callable[[tuple, Tensor], Tensor]:
    """One pass of a system's networks, (n, 3, H, W) in [0, 1] → the same."""
    if name == "dicface":
        return lambda nets, x: (nets[0](x * 2 - 1)[0] + 1) / 2
    return SYSTEMS[name][2]


@functools.cache
def networks(name: str, tiny: bool) -> tuple[tuple[nn.Module, ...], int]:
    """A system's networks on the CPU, as its method prepares them, and the side of their input.

    DicFace is given as it is, so that its plain computation can be measured too.
    """
    if name == "dicface":
        nets = seeded(lambda: build("dicface", **(SMALL if tiny else {})), name, "bfr")
        return tuple(nets), nets[0].settings.resolution
    module, _, method = SYSTEMS[name][0].partition(":")
    kind = getattr(importlib.import_module(f"baselines.{module}"), method)
    if tiny:
        small = kind.example()
        nets = small.networks if hasattr(small, "networks") else (small.network,)
        return tuple(nets), small.facts.size or 16
    full = kind()
    nets = seeded(full.build, name, "bfr")
    if isinstance(full, NetworkMethod):
        nets = map(prepare_for_inference, nets)
    return tuple(nets), (full.facts.size or 512) // full.facts.scale


@functools.lru_cache(maxsize=1)
def on_device(name: str, tiny: bool, device: str) -> tuple[nn.Module, ...]:
    """The networks of one system at a time, on a device."""
    return tuple(copy.deepcopy(net).to(device) for net in networks(name, tiny)[0])
