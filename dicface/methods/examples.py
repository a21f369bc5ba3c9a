"""Seeded stand-ins for released weights: small networks for checks, whole ones for timings.

Nothing that is made here restores faces. It has the released networks' code, and weights that are
drawn from a seed, so that everything but the picture can be checked on a machine without a single
released file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from dicface.base.files import atomic_path
from dicface.base.seeds import seed_of
from dicface.methods.method import Method
from dicface.weights import registry

if TYPE_CHECKING:
    from torch import nn

AnyMethod = TypeVar("AnyMethod", bound=Method)

_SIDE_PX = 16
_STYLEGAN = {"channel_multiplier": 1, "narrow": 1 / 64, "style_dim": 8, "n_mlp": 2}
_AUTOENCODER = {
    "nf": 8,
    "num_res_blocks": 1,
    "attn_resolutions": (8,),
    "norm_groups": 4,
    "codebook_size": 16,
    "emb_dim": 8,
    "dim_embd": 16,
    "n_head": 2,
    "n_layers": 2,
    "dim_mlp": 16,
}
_CODEFORMER = {**_AUTOENCODER, "resolution": 16, "ch_mult": (1, 2), "connect_list": ("16",)}


def seeded(build: Callable[[], nn.Module | Iterable[nn.Module]], *names: str) -> list[nn.Module]:
    """Builds networks with weights that depend on `names` alone.

    Parameters that a constructor leaves constant, as zeros that training moves away from, are drawn
    too: a network that multiplies its input by zero would pass any test.

    Args:
        build: Returns one network or several.
        *names: What seeds them.
    """
    import torch

    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed_of("seeded weights", *names))
        built = build()
        networks = [built] if isinstance(built, torch.nn.Module) else list(built)
        for parameter in (p for network in networks for p in network.parameters()):
            if bool((parameter == parameter.flatten()[0]).all()):
                scale = 0.05 if parameter.ndim < 2 else parameter[0].numel() ** -0.5
                parameter.add_(scale * torch.randn(parameter.shape))
    return [network.eval().requires_grad_(False) for network in networks]


def write_seeded_weights(method: Method, folder: str | Path) -> list[Path]:
    """Writes seeded weights of the released size under the names that a method's files have.

    Each gets a mark beside it (see `dicface.weights.registry.mark_seeded`): the registry takes it
    although its digest is another than the released file's, and tables say what the row was made
    with.

    Args:
        method: Names the files by its task, and builds the networks.
        folder: Gets the files; a released file that lies there is not replaced.

    Returns:
        The files, in the order of the networks.
    """
    import torch

    names = method.weights_names()
    paths = [Path(folder) / registry.entry(name).file for name in names]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        networks = seeded(method.build, method.facts.name, method.task) if names else []
        for path, network in zip(paths, networks, strict=True):
            if path in missing:
                with atomic_path(path) as temporary:
                    torch.save(network.state_dict(), temporary)
                registry.mark_seeded(path)
    return paths


def gpen(cls: type[AnyMethod], **settings: object) -> AnyMethod:
    """A small GPEN, twice as large as its frames where the released one is."""
    from baselines.networks.gpen import Gpen

    method = cls(**settings)
    side = _SIDE_PX if method.task == "bfr" else 2 * _SIDE_PX
    return _with(method, lambda: Gpen(side, **_STYLEGAN), _SIDE_PX)


def gfpgan(cls: type[AnyMethod], **settings: object) -> AnyMethod:
    """A small GFPGAN."""
    from baselines.networks.gfpgan import Gfpgan

    return _with(cls(**settings), lambda: Gfpgan(_SIDE_PX, **_STYLEGAN), _SIDE_PX)


def codeformer(cls: type[AnyMethod], **settings: object) -> AnyMethod:
    """A small CodeFormer, released or trained."""
    from dicface.models import build

    return _with(cls(**settings), lambda: build("codeformer", **_CODEFORMER), _SIDE_PX)


def dicface(cls: type[AnyMethod], **settings: object) -> AnyMethod:
    """A small DicFace, released or trained."""
    from dicface.models import build

    return _with(cls(**settings), lambda: build("dicface", **_CODEFORMER), _SIDE_PX)


def realbasicvsr(cls: type[AnyMethod], **settings: object) -> AnyMethod:
    """A small RealBasicVSR."""
    from baselines.networks.realbasicvsr import RealBasicVsr

    method = cls(**settings)
    threshold = method.cleaning_threshold_levels
    return _with(method, lambda: RealBasicVsr(8, 1, 1, cleaning_threshold_levels=threshold), None)


def basicvsrpp(cls: type[AnyMethod], **settings: object) -> AnyMethod:
    """A small BasicVSR++."""
    from baselines.networks.basicvsrpp import BasicVsrPlusPlus

    return _with(cls(**settings), lambda: BasicVsrPlusPlus(8, 1), None)


def pgtformer(cls: type[AnyMethod], **settings: object) -> AnyMethod:
    """A small PGTFormer."""
    from baselines.networks.pgtformer import PgtFormer
    from baselines.networks.pgtformer_blocks import PgtFormerSettings

    sizes = PgtFormerSettings(
        resolution=64,
        nf=8,
        ch_mult=(1, 1, 1, 1, 2),
        norm_groups=4,
        window_heads=2,
        z_channels=8,
        dim_embd=16,
        codebook_size=16,
        n_head=2,
        n_layers=2,
        dim_mlp=16,
        connect_list=(4, 8, 16, 32),
        fusion_width=4,
    )
    return _with(cls(**settings), lambda: PgtFormer(sizes), sizes.resolution)


def keep(cls: type[AnyMethod], **settings: object) -> AnyMethod:
    """A small KEEP."""
    from baselines.networks.keep import Keep, KeepSettings

    sizes = KeepSettings(
        **_AUTOENCODER,
        resolution=32,
        ch_mult=(1, 1, 2),
        connect_list=("8", "16"),
        kalman_heads=2,
        kalman_head_dim=4,
        cross_fuse_list=("8",),
        cross_fuse_nhead=2,
        cross_fuse_dim=4,
        flow_channels=8,
        flow_layers=2,
        flow_widths=(4, 6, 8),
    )
    return _with(cls(**settings), lambda: Keep(sizes), sizes.resolution)


def pgdiff(cls: type[AnyMethod], **settings: object) -> AnyMethod:
    """A small PGDiff that takes two steps a frame: a prior and, where it has one, a restorer."""
    from baselines.networks.pgdiff_restorer import PgdiffRestorer
    from baselines.networks.pgdiff_unet import PgdiffUnet

    method = cls(**{"steps": 2, **settings})

    def build() -> Iterable[nn.Module]:
        yield PgdiffUnet(
            image_size=_SIDE_PX,
            channel_mult=(1, 2),
            num_res_blocks=(1, 1),
            attention_sizes=(8,),
            head_channels=32,
        )
        if method.task == "bfr":
            yield PgdiffRestorer(channels=8, num_blocks=1, growth_channels=4)

    networks = seeded(build, method.facts.name, method.task)
    method.networks = tuple(network.to(method.device) for network in networks)
    return _without_files(method, _SIDE_PX)


def _with(method: AnyMethod, build: Callable[[], nn.Module], side: int | None) -> AnyMethod:
    from dicface.restoring.runner import prepare_for_inference

    (network,) = seeded(build, method.facts.name, method.task)
    method.network = prepare_for_inference(network.to(method.device))
    return _without_files(method, side)


def _without_files(method: AnyMethod, side: int | None) -> AnyMethod:
    """Says in the facts of one instance that it needs no file, and frames of another size."""
    method.facts = dataclasses.replace(
        method.facts, size=side, weights=MappingProxyType({}), trained=False
    )
    return method
