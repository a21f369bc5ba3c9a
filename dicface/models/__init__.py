"""The networks, written from the released checkpoints' facts: one factory for all of them.

>>> build("discriminator", ndf=16).settings.n_layers
4
"""

from __future__ import annotations

from dataclasses import fields

from torch import nn

from dicface.base.errors import ConfigError
from dicface.config.model import (
    CodeFormerSettings,
    DicFaceSettings,
    DiscriminatorSettings,
    VQGANSettings,
)
from dicface.models.codeformer import CodeFormer
from dicface.models.dicface import DicFace
from dicface.models.discriminator import Discriminator
from dicface.models.vqgan import VQGAN

NETWORKS: dict[str, type[VQGAN] | type[Discriminator]] = {
    "vqgan": VQGAN,
    "codeformer": CodeFormer,
    "dicface": DicFace,
    "discriminator": Discriminator,
}

__all__ = [
    "NETWORKS",
    "VQGAN",
    "CodeFormer",
    "CodeFormerSettings",
    "DicFace",
    "DicFaceSettings",
    "Discriminator",
    "DiscriminatorSettings",
    "VQGANSettings",
    "build",
]


def build(name: str, **settings: object) -> nn.Module:
    """Builds a network with random weights, on the CPU, in training mode.

    Args:
        name: "vqgan", "codeformer", "dicface" or "discriminator".
        **settings: Fields of the network's settings (`VQGANSettings`, `CodeFormerSettings`,
            `DicFaceSettings`, `DiscriminatorSettings`); what is not given has the released value.

    Returns:
        The network; its `settings` say how it was built.

    Raises:
        ConfigError: Unknown network, unknown setting, or a value that does not fit the others.
    """
    if name not in NETWORKS:
        raise ConfigError(f"no network is named {name!r}; known: {', '.join(NETWORKS)}.")
    network = NETWORKS[name]
    valid = [field.name for field in fields(network.Settings)]
    if unknown := sorted(set(settings) - set(valid)):
        raise ConfigError(
            f"network {name!r} has no setting {', '.join(unknown)}; it has {', '.join(valid)}."
        )
    return network(network.Settings(**settings))
