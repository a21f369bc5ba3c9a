"""Where networks run: on a GPU of NVIDIA or AMD ("cuda"), on Apple's ("mps"), or on the CPU."""

from __future__ import annotations

import os
import re
import resource
import sys
from types import ModuleType
from typing import TYPE_CHECKING

from dicface.base.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

KNOWN = r"auto|cpu|mps|cuda(:\d+)?"

#: Drivers of NVIDIA, of NVIDIA under WSL, and of AMD make one of these.
_DRIVERS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")


_LEAST_ADDRESSES = 4_000_000_000
"""Bytes; a job on the CPU with the smallest networks maps 3 GB."""


def chosen_device(asked: str) -> str:
    """Returns the torch device for "auto": CUDA, else MPS, else the CPU; any other as it is.

    Raises:
        ConfigError: It is no device's name.
    """
    if not re.fullmatch(KNOWN, asked):
        raise ConfigError(
            f"device: found '{asked}', expected auto, cpu, cuda, a GPU's number as in cuda:1, or "
            "mps."
        )
    if asked != "auto":
        return asked
    # torch takes seconds to import, and planning asks too.
    if sys.platform != "darwin" and not any(map(os.path.exists, _DRIVERS)):
        return "cpu"
    torch = _torch()
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def require_addresses() -> None:
    """Looks at this process's limit of addresses before libraries come to it.

    Torch's threads and OpenBLAS, which every package of numbers brings along, wait for ever for
    what they do not get.

    Raises:
        ConfigError: It may not have what torch takes.
    """
    addresses, _ = resource.getrlimit(resource.RLIMIT_AS)
    if addresses != resource.RLIM_INFINITY and addresses < _LEAST_ADDRESSES:
        raise ConfigError(
            f"memory: found a limit of {addresses / 1e9:.1f} GB of addresses (`ulimit -v`), "
            f"expected {_LEAST_ADDRESSES / 1e9:.0f} GB or none: libraries map far more than they "
            "use, and hang without. Raise it, or limit memory itself (a cluster's mem_mb)."
        )


def require_device(asked: str) -> str:
    """Returns the torch device for what was asked; it is there.

    Raises:
        ConfigError: It is no device's name, or was asked for by name and is not there; or there are
            too few addresses.
    """
    require_addresses()
    device = chosen_device(asked)
    kind, _, number = device.partition(":")
    if kind == "mps" and not _torch().backends.mps.is_available():
        raise ConfigError(
            "device: 'mps' was asked for and torch sees no GPU of Apple's. "
            "Set device: cpu, or auto for what is there."
        )
    if kind == "cuda" and not _torch().cuda.is_available():
        raise ConfigError(
            f"device: '{device}' was asked for and torch sees no CUDA device. "
            "Set device: cpu, or install a driver that fits this torch."
        )
    if kind == "cuda" and int(number or 0) >= (found := _torch().cuda.device_count()):
        raise ConfigError(
            f"device: '{device}' was asked for and torch sees {found} CUDA device(s), which are "
            f"counted from cuda:0. Set device: cuda, or one of cuda:0 to cuda:{found - 1}."
        )
    return device


def num_gpus() -> int:
    """Returns how many GPUs torch sees on this machine."""
    torch = _torch()
    return torch.cuda.device_count() or int(torch.backends.mps.is_available())


def float64(x: Tensor) -> Tensor:
    """Returns a tensor in float64; on the CPU if it was on Apple's GPU, which has no float64."""
    return (x.cpu() if x.device.type == "mps" else x).double()


def _torch() -> ModuleType:
    # What Apple's GPU cannot do is done on the CPU, with a warning; torch reads this when imported.
    os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
    import torch

    return torch
