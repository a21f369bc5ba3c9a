"""Seeds come from names, never from order, worker or wall time."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def seed_of(*names: str | int) -> int:
    """Returns a 63-bit seed that depends on the names and their order alone.

    >>> seed_of("demo", "degrade", "clip_01") == seed_of("demo", "degrade", "clip_01")
    True
    """
    text = "|".join(str(name) for name in names)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def numpy_rng(*names: str | int) -> np.random.Generator:
    """Returns a NumPy generator (PCG64) seeded by names."""
    return np.random.Generator(np.random.PCG64(seed_of(*names)))


def torch_generator(*names: str | int, device: str = "cpu") -> torch.Generator:
    """Returns a torch generator on `device` seeded by names."""
    import torch

    return torch.Generator(device=device).manual_seed(seed_of(*names))
