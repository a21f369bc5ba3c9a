"""A method that is checked: instances with small settings, clips to give it, what comes back."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dicface.base.counts import how_many
from dicface.base.errors import MethodError
from dicface.base.seeds import numpy_rng
from dicface.methods.method import Method
from dicface.restoring.runner import RANGE_SLACK

# Side of the given frames where any size goes; ×4 methods read a quarter of it.
ANY_SIDE_PX = 64
# Chunks and batches are set so small that a clip of a few frames crosses their borders.
SMALL = {"chunk": 3, "batch": 2}
NUM_FRAMES = 2 * SMALL["chunk"] + 1
# On a GPU, sums may be taken in another order at each run: half a grey level is allowed there.
GPU_TOLERANCE = 0.5 / 255


@dataclass(kw_only=True)
class Subject:
    """A method, a task and a device, and the clips to check them on."""

    method: type[Method]
    task: str
    device: str
    weights: Path | None = None
    given_side: int | None = None

    def make(self) -> Method:
        """Returns a fresh instance, with chunks and batches as small as `SMALL`."""
        fields = {setting.name for setting in dataclasses.fields(self.method)}
        settings = {name: value for name, value in SMALL.items() if name in fields}
        settings |= {"task": self.task, "device": self.device}
        if self.weights is not None:
            return self.method(weights=self.weights, **settings)
        return self.method.example(**settings)

    @cached_property
    def instance(self) -> Method:
        """The instance that checks share."""
        return self.make()

    @cached_property
    def side(self) -> int:
        """Side of the frames that the method reads, in pixels."""
        side = self.given_side or self.instance.side or ANY_SIDE_PX
        return side // self.instance.facts.scale

    @cached_property
    def reach(self) -> int:
        """Number of frames within which a frame may have an influence."""
        facts = self.instance.facts
        return getattr(self.instance, "chunk", None) or facts.chunk or facts.window

    def frame(self, clip: str, index: int, scale: int = 1) -> Tensor:
        """A frame (3, S, S) in [0, 1]: blocks that move, as the task would have it."""
        side = self.side * scale
        blocks = numpy_rng("conformance", clip).integers(0, 255, (3, 8, 8), np.uint8)
        repeats = -(-side // 8)
        texture = blocks.repeat(repeats, 1).repeat(repeats, 2)[:, :side, :side]
        levels = np.roll(texture, index, (1, 2))
        if self.task == "colorization":
            levels = levels[:1].repeat(3, 0)
        if self.task == "inpainting":  # white is missing
            levels[:, side // 4 : side // 2, side // 4 : side // 2] = 255
        return torch.from_numpy(np.ascontiguousarray(levels)).float() / 255

    def clip(self, clip: str, num_frames: int) -> list[Tensor]:
        """The first frames of a clip."""
        return [self.frame(clip, index) for index in range(num_frames)]

    def restored(
        self, method: Method, frames: Iterable[Tensor], clip: str = "a", *, expected: int
    ) -> Tensor:
        """Restores a clip and looks at every frame that comes back.

        Raises:
            MethodError: It has another shape, another type, values that are not finite or not in
                [0, 1], or there are too few or too many.
        """
        side = self.side * method.facts.scale
        found = []
        for number, frame in enumerate(method.restore(iter(frames), clip=clip)):
            require(number < expected, f"gave more than the clip's {how_many(expected, 'frame')}")
            require(isinstance(frame, Tensor), f"frame {number} is {type(frame).__name__}")
            shape = tuple(frame.shape)
            require(shape == (3, side, side), f"frame {number} has the shape {shape}")
            require(frame.is_floating_point(), f"frame {number} has the type {frame.dtype}")
            low, high = (value.item() for value in frame.detach().aminmax())
            require(bool(torch.isfinite(frame).all()), f"frame {number} is not finite")
            inside = low >= -RANGE_SLACK and high <= 1 + RANGE_SLACK
            require(inside, f"frame {number} has values from {low:.3f} to {high:.3f}")
            found.append(frame.detach().float().cpu().clone())
        require(len(found) == expected, f"gave {how_many(len(found), 'frame')} for {expected}")
        return torch.stack(found)

    @cached_property
    def reference(self) -> Tensor:
        """Clip "a" as the shared instance restores it first."""
        frames = self.clip("a", NUM_FRAMES)
        return self.restored(self.instance, frames, expected=NUM_FRAMES)

    @property
    def tolerance(self) -> float:
        """By how much two equal results may differ."""
        return 0.0 if self.device == "cpu" else GPU_TOLERANCE

    def equal(self, found: Tensor, what: str) -> None:
        """Requires clip "a" as it was restored first: bit for bit, or nearly so on a GPU."""
        off = (found - self.reference[: len(found)]).abs().max().item()
        require(off <= self.tolerance, f"{what} differs by {off:.1e}")


def require(holds: bool, otherwise: str) -> None:
    """Raises MethodError with what is wrong, unless it holds."""
    if not holds:
        raise MethodError(otherwise)
