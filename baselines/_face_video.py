"""What the video face methods with one network share: weights, speed, the size of frames."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from baselines._method import Method
from dicface.errors import MethodError

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(kw_only=True)
class FaceVideo(Method):
    """A network with `settings.resolution` that takes several square face frames at a time."""

    @abstractmethod
    def build(self) -> nn.Module:
        """Returns the released network without its weights."""

    @cached_property
    def network(self) -> nn.Module:
        """The released network with the authors' weights, ready for inference on its device.

        Raises:
            MethodError: The weights are not at hand.
            WeightsError: They are damaged or of another network.
        """
        from baselines._weights import load_into
        from dicface.restore import prepare_for_inference

        (path,) = self.weights_files()
        network = self.build()
        load_into(network, path, label=self.facts.label)
        return prepare_for_inference(network.requires_grad_(False).to(self.device))

    def sized(self, frames: Iterable[Tensor], clip: str) -> Iterator[Tensor]:
        """Passes frames on.

        Raises:
            MethodError: A frame has another size than the network; names clip and frame.
        """
        side = self.network.settings.resolution
        for number, frame in enumerate(frames):
            if tuple(frame.shape) != (3, side, side):
                raise MethodError(
                    f"{self.facts.label}, clip '{clip}', frame {number}: has the shape "
                    f"{tuple(frame.shape)}; expected {(3, side, side)}. Crop or align the clip to "
                    "that size first."
                )
            yield frame
