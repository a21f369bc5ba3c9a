"""What the methods with one network share: its weights, its device, the size of its frames."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from dicface.base.errors import MethodError
from dicface.methods.method import Method

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn


@dataclass(kw_only=True)
class NetworkMethod(Method):
    """A method that runs one network, with one weights file for each task.

    Attributes:
        prefixes: Where a released checkpoint keeps the network, the preferred one first; a file
            without any of them holds the network's bare keys.
    """

    prefixes: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def build(self) -> nn.Module:
        """Returns the released network of the task, without its weights."""

    @property
    def network_name(self) -> str:
        """What the weights file of the task holds, for messages."""
        return self.facts.label

    def load(self, path: Path) -> nn.Module:
        """Returns the network with the weights of a file.

        Raises:
            WeightsError: The file is damaged, or belongs to another network.
        """
        from dicface.weights.load import load_into

        network = self.build()
        load_into(network, path, label=self.network_name, prefixes=self.prefixes)
        return network

    @cached_property
    def network(self) -> nn.Module:
        """The network with its weights, ready for inference on its device.

        Raises:
            MethodError: The weights are not on this machine, or are a folder of several files.
            WeightsError: They are damaged or of another network.
        """
        from dicface.models.fast import prepare_for_inference

        files = self.weights_files()
        if len(files) != 1:
            raise MethodError(
                f"{self.facts.label}: {self.weights} holds {len(files)} .safetensors files; "
                "expected one. Give the file."
            )
        network = self.load(files[0]).requires_grad_(False)
        return prepare_for_inference(network.to(self.device))


def sized(frames: Iterable[Tensor], side: int, *, label: str, clip: str) -> Iterator[Tensor]:
    """Passes on frames of the one size that a network takes.

    Args:
        frames: (3, H, W).
        side: What H and W must be, in pixels.
        label: Of the method, for messages.
        clip: Name of the clip, for messages.

    Raises:
        MethodError: A frame has another size.
    """
    for number, frame in enumerate(frames):
        if tuple(frame.shape) != (3, side, side):
            raise MethodError(
                f"{label}, clip '{clip}', frame {number}: has the shape {tuple(frame.shape)}; "
                f"expected {(3, side, side)}. Crop or align the clip to that size first."
            )
        yield frame
