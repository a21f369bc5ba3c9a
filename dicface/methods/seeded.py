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


def with_small_network(
    method: AnyMethod, build: Callable[[], nn.Module], *, side: int | None
) -> AnyMethod:
    """Gives an instance a small network with seeded weights; what `Method.example` returns.

    Args:
        method: Gets it as `network`, and facts that fit it (see `without_files`).
        build: Returns the network; its weights are seeded by the names of the method and the task.
        side: Side of the frames that it takes, in pixels; None where any goes.

    Returns:
        The instance.
    """
    from dicface.models.fast import prepare_for_inference

    (network,) = seeded(build, method.facts.name, method.task)
    method.network = prepare_for_inference(network.to(method.device))
    return without_files(method, side=side)


def without_files(method: AnyMethod, *, side: int | None) -> AnyMethod:
    """Says in the facts of one instance that it needs no file, and frames of another size.

    Args:
        method: Its facts are replaced, those of its class are not.
        side: Side of the frames that it takes, in pixels; None where any goes.

    Returns:
        The instance.
    """
    method.facts = dataclasses.replace(
        method.facts, size=side, weights=MappingProxyType({}), trained=False
    )
    return method


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
