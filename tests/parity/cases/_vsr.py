"""What the cases of the video networks share."""

import hashlib
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tests.parity.cases._recipe import Tolerance, rng, stored_form

Named = Iterator[tuple[str, np.ndarray, Tolerance]]


def uniform(model: str, key: str, seed: int, shape: tuple[int, ...]) -> Tensor:
    """Uniform in [0, 1): the inputs of the video networks."""
    return torch.from_numpy(rng(model, key, seed).random(shape, dtype=np.float32))


@contextmanager
def recording(modules: Mapping[str, nn.Module]) -> Iterator[dict[str, list[Tensor]]]:
    """Collects what each module returns, in call order."""
    outputs: dict[str, list[Tensor]] = {name: [] for name in modules}
    hooks = [
        module.register_forward_hook(lambda _, __, output, name=name: outputs[name].append(output))
        for name, module in modules.items()
    ]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()


@dataclass(frozen=True)
class SameText:
    """A tolerance for texts: none."""

    def deviation(self, ours: np.ndarray, stored: np.ndarray) -> tuple[float, float]:
        """Returns (0, 0) for equal texts, (inf, 0) otherwise."""
        return (0.0 if np.array_equal(ours, stored) else math.inf), 0.0


def weights_digest(network: nn.Module) -> np.ndarray:
    """sha256 over sorted keys, each followed by its tensor's bytes; tells wrong weights at once."""
    digest = hashlib.sha256()
    for key, tensor in sorted(network.state_dict().items()):
        digest.update(key.encode())
        digest.update(tensor.numpy().tobytes())
    return np.array([digest.hexdigest()])


def stored(name: str, tensor: Tensor, facts: Mapping, tolerance: Tolerance) -> Named:
    """`stored_form` for tensors whose channels are the third axis from the end."""
    clips = tensor.flatten(0, -4)
    for key, array, allowed in stored_form(name, tensor, facts, tolerance):
        if key.endswith("__stats"):
            whole = clips.numpy()
            mean, std = (f((0, 2, 3), dtype=np.float64) for f in (whole.mean, whole.std))
            array = np.stack([mean, std, np.abs(whole).max((0, 2, 3))], 1)
        yield key, array, allowed
