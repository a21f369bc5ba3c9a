"""Seeded random networks: features that need no download and are the same on every machine."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import nn

from dicface.base.seeds import numpy_rng


def draw_weights(network: nn.Module, name: str) -> str:
    """Fills a network with random weights that depend on `name` and parameter names alone.

    Convolutions and linear layers: normal with variance 2 / fan-in (He et al., ICCV 2015), biases
    zero; normalisation layers: identity. NumPy's PCG64 draws them, whose stream, unlike torch's,
    does not depend on the processor.

    Args:
        network: Any network; its parameters and buffers are overwritten in place.
        name: Seed name.

    Returns:
        sha256 over names, shapes and bytes of the drawn state dict, hexadecimal.
    """
    state = network.state_dict()
    for key, old in sorted(state.items()):
        if old.ndim >= 2:
            std = np.float32(np.sqrt(2 / old[0].numel()))
            draw = numpy_rng("metrics", "backbone", name, key).standard_normal(
                tuple(old.shape), np.float32
            )
            state[key] = torch.from_numpy(draw * std)
        elif key.endswith(("running_var", "weight")):
            state[key] = torch.ones(old.shape)
        else:
            state[key] = torch.zeros(old.shape, dtype=old.dtype)
    network.load_state_dict(state, assign=True)
    return state_sha256(state)


def state_sha256(state: dict[str, torch.Tensor]) -> str:
    """sha256 over names, types, shapes and bytes of a state dict, in the order of the names."""
    digest = hashlib.sha256()
    for key, value in sorted(state.items()):
        digest.update(f"{key}|{value.dtype}|{tuple(value.shape)}|".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
