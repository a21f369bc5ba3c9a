"""What the general video networks share: they read the ×4 smaller clip, in chunks of frames."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from dicface.base.errors import MethodError
from dicface.methods.network import NetworkMethod

if TYPE_CHECKING:
    from torch import Tensor

_LOG = logging.getLogger(__name__)

# Below this the coarsest flow has one or no pixel a side; mmagic warns, mmediting refuses.
SAFE_SIDE_PX = 64


@dataclass(kw_only=True)
class VideoEnlarger(NetworkMethod):
    """A recurrent network that enlarges a clip `facts.scale` times, chunk by chunk.

    A chunk's frames depend on one another, both ways; nothing carries over to the next chunk.

    Attributes:
        chunk: Number of consecutive frames restored together. The releases take the whole clip, or
            `max_seq_len` frames if told so; memory grows with it.

    Raises:
        MethodError: The chunk is shorter than a frame, or the method cannot do the task.
    """

    chunk: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.chunk < 1:
            raise MethodError(
                f"{self.facts.label}: chunk is {self.chunk}; expected 1 or more frames."
            )

    def restore(self, frames: Iterable[Tensor], *, clip: str = "") -> Iterator[Tensor]:
        """Yields one enlarged frame for each frame of the low-resolution clip, in order.

        Args:
            frames: (3, h, w) float32 RGB in [0, 1], on the CPU; all of one size.
            clip: Name of the clip, for messages; nothing here is random.

        Yields:
            (3, s·h, s·w) float32 RGB, clamped to [0, 1], on the CPU; s is `facts.scale`.

        Raises:
            MethodError: The weights are not on this machine.
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
