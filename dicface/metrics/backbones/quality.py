"""Networks that judge single pictures, as pyiqa has them, on files of the weights registry.

pyiqa would download what it lacks; here each is given its file, so that no network is asked.
"""

from __future__ import annotations

import importlib.util
import sys
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import packaging.version
import torch
from numpy.typing import NDArray

from dicface.base.errors import WeightsError
from dicface.base.files import sha256_of
from dicface.metrics.backbones.info import BackboneInfo
from dicface.weights.convert import read_checkpoint

if TYPE_CHECKING:
    from torch import nn


class _Quality(ABC):
    """A network of pyiqa that maps a picture to a number.

    Args:
        path: Its file; read at first use.
        device: torch device.
    """

    name: ClassVar[str]

    def __init__(self, path: Path, device: str) -> None:
        self._path, self._device = path, device
        self.info = BackboneInfo(
            name=self.name,
            sha256=sha256_of(path),
            official=True,
            reason=f"{path.name} is on this machine",
        )

    def quality(self, face: NDArray[np.uint8]) -> float:
        """Number for a picture (S, S, 3) uint8 RGB."""
        picture = torch.from_numpy(np.ascontiguousarray(face)).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            return float(self._network(picture.to(self._device)))

    @cached_property
    def _network(self) -> nn.Module:
        try:
            return self._build().eval().requires_grad_(False).to(self._device)
        except ImportError as error:
            raise WeightsError(
                f"{self.name}: pyiqa lacks a package ({error}). Install it."
            ) from error
        except Exception as error:  # whatever an unknown file makes pyiqa say
            raise WeightsError(
                f"{self._path}: is not what {self.name} is computed with ({error}). Delete it and "
                "get it again."
            ) from error

    @abstractmethod
    def _build(self) -> nn.Module:
        """Returns pyiqa's network with the file's weights."""

    def _state(self) -> dict[str, torch.Tensor]:
        """The tensors of the file, without the names that training put around them."""
        stored = read_checkpoint(self._path)
        state = stored.get("params", stored)
        return {name.removeprefix("module."): tensor for name, tensor in state.items()}


class NiqeQuality(_Quality):
    """NIQE on the Gaussian of natural pictures that its authors fitted."""

    name = "niqe"

    def _build(self) -> nn.Module:
        from pyiqa.archs.niqe_arch import NIQE

        return NIQE(pretrained_model_path=str(self._path))


class MusiqQuality(_Quality):
    """MUSIQ, trained on KonIQ-10k."""

    name = "musiq-koniq"

    def _build(self) -> nn.Module:
        from pyiqa.archs.musiq_arch import MUSIQ

        network = MUSIQ(pretrained=False)
        network.load_state_dict(self._state())
        return network


class ClipIqaQuality(_Quality):
    """CLIP-IQA on CLIP's ResNet-50; its prompts are words, and nothing of it was trained."""

    name = "clipiqa-rn50"

    def _build(self) -> nn.Module:
        # openai-clip takes `packaging` from setuptools' pkg_resources, which newer ones lack.
        stands_in = importlib.util.find_spec("pkg_resources") is None
        if stands_in:
            sys.modules["pkg_resources"] = SimpleNamespace(packaging=packaging)
        try:
            from pyiqa.archs.clipiqa_arch import CLIPIQA
        finally:
            if stands_in:
                del sys.modules["pkg_resources"]
        return CLIPIQA(backbone=str(self._path))


class TopiqQuality(_Quality):
    """TOPIQ without a reference on ResNet-50, trained on KonIQ-10k."""

    name = "topiq-nr-koniq"

    def _build(self) -> nn.Module:
        from pyiqa.archs.topiq_arch import CFANet

        network = CFANet(backbone_pretrain=False, use_ref=False, pretrained=False)
        network.load_state_dict(self._state())
        return network
