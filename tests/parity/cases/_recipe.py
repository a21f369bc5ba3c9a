"""The recipe by which reference tensors were made: weights and inputs from names and a seed."""

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Tolerance:
    """How far a tensor may lie from the stored one.

    of = "scale": max |a − b| ≤ value · max(floor, max |b|), the recipe's form.
    of = "element": |a − b| ≤ value · max(floor, |b|) for each element.
    """

    value: float = 1e-3
    of: str = "scale"
    floor: float = 1.0

    def deviation(self, ours: np.ndarray, stored: np.ndarray) -> tuple[float, float]:
        """Returns (deviation, allowed), inf where shapes differ or ours is not finite."""
        a, b = np.asarray(ours, np.float64), np.asarray(stored, np.float64)
        if a.shape != b.shape or not np.isfinite(a).all():
            return math.inf, self.value
        if a.size == 0:
            return 0.0, self.value
        if self.of == "element":
            return float((np.abs(a - b) / np.maximum(self.floor, np.abs(b))).max()), self.value
        return float(np.abs(a - b).max()), self.value * max(self.floor, float(np.abs(b).max()))


EXACT = Tolerance(0.0)
FIRST = Tolerance(1e-5, floor=0.0)


def rng(model: str, key: str, seed: int) -> np.random.Generator:
    """The generator of one tensor."""
    digest = hashlib.sha256(f"{model}/{key}/{seed}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:8], "little")))


def normal(model: str, key: str, seed: int, shape: Sequence[int]) -> np.ndarray:
    """Standard normal, float32."""
    return rng(model, key, seed).standard_normal(tuple(shape), dtype=np.float32)


def image(model: str, key: str, seed: int, shape: Sequence[int]) -> Tensor:
    """Image-like input in [-1, 1]."""
    n = normal(model, key, seed, shape)
    return torch.from_numpy(np.clip(np.float32(0.5) * n, -1, 1))


def value(
    model: str, key: str, seed: int, shape: Sequence[int], exceptions: Sequence[Mapping] = ()
) -> np.ndarray:
    """One tensor of a state dict: exceptions first (R1), then rules R2 to R7."""
    n = normal(model, key, seed, shape)

    def inv_sqrt_fan_in(dims: int = 1) -> float:
        return 1 / math.sqrt(math.prod(shape[dims:]))

    def affine(scale: float, offset: float = 0.0) -> np.ndarray:
        return (n * np.float32(scale) + np.float32(offset)).astype(np.float32)

    for rule in exceptions:
        if re.search(rule["match"], key):
            scale = rule.get("scale", 1.0)
            if scale == "inv_sqrt_fan_in":
                scale = inv_sqrt_fan_in(rule.get("fan_in_dims", 1))
            return affine(scale * rule.get("gain", 1.0), rule.get("offset", 0.0))
    if key.endswith(".running_var"):
        return affine(0.05, 1.0)
    if key.endswith(".running_mean"):
        return affine(0.02)
    if key.endswith("embedding.weight"):
        return affine(0.5)
    if len(shape) >= 2:
        return affine(inv_sqrt_fan_in())
    return affine(0.05, 1.0) if key.endswith(".weight") else affine(0.02)


def fill(
    network: nn.Module,
    model: str,
    seed: int,
    exceptions: Sequence[Mapping] = (),
    fixed: Sequence[str] = (),
) -> nn.Module:
    """Gives a network the recipe's weights, in place, and returns it in evaluation mode.

    Integers, booleans and keys that match a pattern of `fixed` keep their constructed values (R0).
    """
    for key, tensor in network.state_dict().items():
        if tensor.is_floating_point() and not any(re.search(p, key) for p in fixed):
            tensor.copy_(torch.from_numpy(value(model, key, seed, tensor.shape, exceptions)))
    return network.eval()


def fill_as(network: nn.Module, seed: int, manifest: Mapping) -> nn.Module:
    """`fill` with name, exceptions and fixed keys as the manifest says, after checking its shapes.

    Raises:
        ValueError: Keys or shapes differ from the manifest's state dict.
    """
    stored = manifest["state_dict"]
    ours = {key: list(tensor.shape) for key, tensor in network.state_dict().items()}
    theirs = {key: facts["shape"] for key, facts in stored.items()}
    if ours != theirs:
        keys = ours.keys() | theirs.keys()
        wrong = sorted(key for key in keys if ours.get(key) != theirs.get(key))
        raise ValueError(f"{len(wrong)} keys or shapes differ from the manifest's: {wrong[:10]}")
    fixed = [f"^{re.escape(key)}$" for key, facts in stored.items() if facts["kind"] == "fixed"]
    fixed += manifest.get("fixed_patterns", [])
    exceptions = manifest.get("recipe_exceptions", [])
    return fill(network, manifest["recipe_model_name"], seed, exceptions, fixed)


def stored_form(
    name: str, tensor: Tensor | np.ndarray, facts: Mapping, tolerance: Tolerance
) -> Iterator[tuple[str, np.ndarray, Tolerance]]:
    """Yields a tensor as the golden file has it: whole, or `__strided` and `__stats`.

    Args:
        name: Its name in the manifest's "golden".
        tensor: Ours, whole.
        facts: The manifest's "golden".
        tolerance: For the tensor; the statistics have the same.
    """
    array = tensor.detach().cpu().numpy() if isinstance(tensor, Tensor) else np.asarray(tensor)
    if facts[name]["stored"] == "full":
        yield name, array, tolerance
        return
    strided = array[tuple(slice(None, None, step) for step in facts[name]["stride"])]
    yield f"{name}__strided", strided, tolerance
    axes = tuple(axis for axis in range(array.ndim) if axis != 1)
    mean = array.mean(axes, dtype=np.float64)
    std = array.std(axes, dtype=np.float64)
    yield f"{name}__stats", np.stack([mean, std, np.abs(array).max(axes)], 1), tolerance
