"""What the general video networks share: they read the ×4 smaller clip, in chunks of frames."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, ClassVar

from baselines._method import Method
from dicface.errors import MethodError

if TYPE_CHECKING:
    from torch import Tensor, nn

_LOG = logging.getLogger(__name__)

# Below this the coarsest flow has one or no pixel a side; mmagic warns, mmediting refuses.
SAFE_SIDE_PX = 64


@dataclass(kw_only=True)
class VideoEnlarger(Method):
    """A recurrent network that enlarges a clip `facts.scale` times, chunk by chunk.

    A chunk's frames depend on one another, both ways; nothing carries over to the next chunk.

    Attributes:
        chunk: Number of consecutive frames restored together. The releases take the whole clip, or
            `max_seq_len` frames if told so; memory grows with it.
        prefixes: Where a released checkpoint keeps the network, the preferred one first; a file
            without any of them holds the network's bare keys.

    Raises:
        MethodError: The chunk is shorter than a frame, or the method cannot do the task.
    """

    prefixes: ClassVar[tuple[str, ...]]

    chunk: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.chunk < 1:
            raise MethodError(
                f"{self.facts.label}: chunk is {self.chunk}; expected 1 or more frames."
            )

    @abstractmethod
    def build(self) -> nn.Module:
        """Returns the network without weights: (1, T, 3, h, w) in [0, 1] -> (1, T, 3, sh, sw)."""

    @cached_property
    def network(self) -> nn.Module:
        """The network with its weights, in eval mode on the device.

        Raises:
            MethodError: The weights are not at hand.
            WeightsError: The file is damaged, or belongs to another network.
        """
        from baselines._weights import looks_like, read_state
        from dicface.checkpoints import load_state

        path, *_ = self.weights_files()
        network = self.build()
        state = read_state(path)
        load_state(network, without_prefix(state, self.prefixes), f"{path}: {looks_like(state)}")
        return network.eval().to(self.device)

    def restore(self, frames: Iterable[Tensor], *, clip: str = "") -> Iterator[Tensor]:
        """Yields one enlarged frame for each frame of the low-resolution clip, in order.

        Args:
            frames: (3, h, w) float32 RGB in [0, 1], on the CPU; all of one size.
            clip: Name of the clip, for messages; nothing here is random.

        Yields:
            (3, s·h, s·w) float32 RGB, clamped to [0, 1], on the CPU; s is `facts.scale`.

        Raises:
            MethodError: The weights are not at hand.
            WeightsError: The weights file is damaged, or belongs to another network.
        """
        import torch

        network, remaining, first = self.network, iter(frames), True
        while chunk := list(islice(remaining, self.chunk)):
            if first:
                self._warn_if_small(chunk[0], clip)
                first = False
            # Not around the yield: the mode would leak into the caller between two frames.
            with torch.inference_mode():
                clips = torch.stack(chunk).unsqueeze(0).to(self.device)
                restored = network(clips).squeeze(0).clamp(0, 1).cpu()
            yield from restored

    def _warn_if_small(self, frame: Tensor, clip: str) -> None:
        height, width = frame.shape[-2:]
        if min(height, width) < SAFE_SIDE_PX:
            _LOG.warning(
                "%s, clip '%s': reads frames of %d×%d px; below %d px a side its motion estimate "
                "is coarser than what it was trained for.",
                *(self.facts.label, clip, width, height, SAFE_SIDE_PX),
            )


def without_prefix(state: dict[str, Tensor], prefixes: Iterable[str]) -> dict[str, Tensor]:
    """Takes one network out of a checkpoint that holds several.

    Args:
        state: Tensors by key.
        prefixes: Key prefixes, the preferred one first.

    Returns:
        The tensors under the first prefix that occurs, without it; `state` if none does.

    >>> without_prefix({"generator.a": 1, "step_counter": 2}, ("generator_ema.", "generator."))
    {'a': 1}
    """
    for prefix in prefixes:
        found = {
            key.removeprefix(prefix): tensor
            for key, tensor in state.items()
            if key.startswith(prefix)
        }
        if found:
            return found
    return state
