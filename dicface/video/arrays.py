"""Frames as Python users hold them, arrays or tensors: checked in this one place, and given back.

An array is (T, H, W, 3) uint8 RGB, as every clip here; a tensor is (T, 3, H, W) of floats in
[0, 1], as networks take them. One frame needs no axis of time. Loads no torch where there is none.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import ClipError
from dicface.video.clips import read_frames

if TYPE_CHECKING:
    from torch import Tensor

AnyFrames = TypeVar("AnyFrames", "NDArray[np.uint8]", "Tensor")
"""Frames of one kind: what comes out is of the kind that goes in."""

AnyPath = str | PathLike[str]

EXPECTED = "a uint8 array (T, H, W, 3) of RGB frames or a float tensor (T, 3, H, W) in [0, 1]"

SLACK = 1e-3
"""Values so far outside of [0, 1] are rounding, and are clamped."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Given:
    """Frames that a caller gave, checked.

    Attributes:
        values: (T, H, W, 3) uint8, or a tensor (T, 3, H, W) of floats in [0, 1].
        single: Whether one frame was given, without an axis of time.
    """

    values: NDArray[np.uint8] | Tensor
    single: bool

    @property
    def num_frames(self) -> int:
        """T."""
        return len(self.values)

    @property
    def size(self) -> str:
        """Width and height in words, "64×48 px"."""
        height, width = self.sides
        return f"{width}×{height} px"

    @property
    def sides(self) -> tuple[int, int]:
        """H and W."""
        sides = self.values.shape[1:3] if self._is_array else self.values.shape[2:4]
        return int(sides[0]), int(sides[1])

    def arrays(self) -> NDArray[np.uint8]:
        """(T, H, W, 3) uint8 RGB; floats are rounded to 8 bits, as in the file of a clip."""
        if self._is_array:
            return np.ascontiguousarray(self.values)
        return np.stack([to_uint8(frame) for frame in self.values])

    def tensors(self) -> Iterator[Tensor]:
        """Yields (3, H, W) float32 RGB in [0, 1], on the CPU."""
        for frame in self.values:
            yield to_tensor(frame) if self._is_array else frame.float().cpu()

    def back(self, frames: Iterable[NDArray[np.uint8] | Tensor]) -> Any:  # noqa: ANN401 - see below
        """Puts frames together as the caller's kind: array or tensor, one frame or a clip.

        Args:
            frames: (H', W', 3) uint8 RGB, or (3, H', W') floats in [0, 1], as many as were given.

        Returns:
            An array, or a tensor on the device and of the type of the one that was given.
        """
        if self._is_array:
            made = np.stack([f if isinstance(f, np.ndarray) else to_uint8(f) for f in frames])
        else:
            import torch

            tensors = [to_tensor(f) if isinstance(f, np.ndarray) else f for f in frames]
            made = torch.stack(tensors).clamp(0, 1).to(self.values.device, self.values.dtype)
        return made[0] if self.single else made

    @property
    def _is_array(self) -> bool:
        return isinstance(self.values, np.ndarray)


def given(frames: object, name: str = "frames") -> Given:
    """Checks frames of a caller: kind, type, shape, range.

    Args:
        frames: What the module's text describes, or a list of single frames.
        name: What messages call them.

    Raises:
        ClipError: They are something else; the sentence says what was found, what is expected and
            how to get there.
    """
    if isinstance(frames, list | tuple):
        frames = _stacked(frames, name)
    if isinstance(frames, np.ndarray):
        return _given_array(frames, name)
    if _is_tensor(frames):
        return _given_tensor(frames, name)
    raise ClipError(f"{name}: found {_kind(frames)}; expected {EXPECTED}.")


def read_given(frames: object, name: str = "frames") -> Given:
    """Checks frames, or reads those of a video or a folder of frames whose path is given.

    Raises:
        ClipError: As `given`; or the clip cannot be read.
    """
    path = path_of(frames)
    return given(frames if path is None else list(read_frames(path, one_size=True)), name)


def path_of(value: object) -> Path | None:
    """Returns the path that was given, "~" replaced; None for anything else."""
    return Path(value).expanduser() if isinstance(value, str | PathLike) else None


def check_same(what: str, **found: object) -> None:
    """Raises ClipError unless what was found is the same for all.

    >>> check_same("number of frames", restored=5, truth=5)
    """
    if len(set(found.values())) > 1:
        listed = ", ".join(f"{value} ({name})" for name, value in found.items())
        raise ClipError(f"found {listed}; expected the same {what}.")


def check_alike(restored: Given, truth: Given) -> None:
    """Raises ClipError unless restored frames are as many and as large as the true ones."""
    check_same("number of frames", restored=restored.num_frames, truth=truth.num_frames)
    check_same("size", restored=restored.size, truth=truth.size)


def to_tensor(frame: NDArray[np.uint8]) -> Tensor:
    """Turns an (H, W, 3) uint8 frame into (3, H, W) float32 in [0, 1]."""
    import torch

    return torch.from_numpy(np.array(frame)).permute(2, 0, 1).float().div_(255)


def to_uint8(frame: Tensor) -> NDArray[np.uint8]:
    """Turns a (3, H, W) frame in [0, 1] into (H, W, 3) uint8: clamped, rounded to nearest."""
    import torch

    planes = frame.float().clamp(0, 1).mul_(255).round_().to(torch.uint8).cpu().numpy()
    pixels = planes.transpose(1, 2, 0)
    # NumPy and torch take thirty times as long as OpenCV to put planes together.
    return pixels if pixels.flags.c_contiguous else cv2.merge([*planes])


def _given_array(frames: NDArray, name: str) -> Given:
    _check_shape(frames.shape, name, of="an array", channels=-1, elsewhere=-3)
    if frames.dtype != np.uint8:
        floats = np.issubdtype(frames.dtype, np.floating)
        how = "(x * 255).round() of values in [0, 1]" if floats else "values from 0 to 255"
        raise ClipError(
            f"{name}: found an array of {frames.dtype}; expected uint8 from 0 to 255. Convert "
            f"{how} by .astype(np.uint8)."
        )
    single = frames.ndim == 3
    return Given(values=frames[None] if single else frames, single=single)


def _given_tensor(frames: Tensor, name: str) -> Given:
    _check_shape(tuple(frames.shape), name, of="a tensor", channels=-3, elsewhere=-1)
    if not frames.is_floating_point():
        raise ClipError(
            f"{name}: found a tensor of {frames.dtype}; expected floats in [0, 1]. Divide values "
            "from 0 to 255 by 255."
        )
    frames = frames.detach()
    low, high = (float(value) for value in frames.aminmax())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ClipError(
            f"{name}: found values that are not finite (NaN or infinite); expected floats in "
            "[0, 1]. Look where they come from."
        )
    if low < -SLACK or high > 1 + SLACK:
        raise ClipError(
            f"{name}: found values from {low:.4g} to {high:.4g}; expected [0, 1]. Divide values "
            "from 0 to 255 by 255; of values from -1 to 1 take (x + 1) / 2."
        )
    single = frames.ndim == 3
    return Given(values=(frames[None] if single else frames).clamp(0, 1), single=single)


def _check_shape(
    shape: tuple[int, ...], name: str, *, of: str, channels: int, elsewhere: int
) -> None:
    """Raises ClipError unless an axis has three channels; guesses what the frames are instead."""
    if len(shape) in (3, 4) and shape[channels] == 3 and 0 not in shape:
        return
    array = channels == -1
    expected = "(T, H, W, 3), or (H, W, 3) for one frame" if array else "(T, 3, H, W), or (3, H, W)"
    if 0 in shape:
        hint = "There must be a frame with a pixel at least."
    elif len(shape) > 4:
        hint = "Give one clip at a time."
    elif len(shape) >= 3 and shape[elsewhere] == 3:
        move = "x.transpose(0, 2, 3, 1)" if array else "x.permute(0, 3, 1, 2)"
        hint = f"Its channels stand {'first' if array else 'last'}: move them by {move}."
    elif len(shape) >= 3 and shape[channels] == 4:
        hint = f"Drop the alpha channel: x[{'..., :3' if array else '..., :3, :, :'}]."
    else:
        hint = "Grey frames get three channels: " + (
            "np.stack([x] * 3, axis=-1)." if array else "torch.stack([x] * 3, dim=-3)."
        )
    raise ClipError(f"{name}: found {of} of shape {shape}; expected {expected}. {hint}")


def _stacked(frames: Sequence[Any], name: str) -> object:
    """One array or tensor of a list of frames."""
    kinds = {_kind(frame) for frame in frames}
    if not frames or kinds not in ({"a NumPy array"}, {"a tensor"}):
        found = " and ".join(sorted(kinds)) or "nothing"
        raise ClipError(f"{name}: found a list of {found}; expected frames in it, or {EXPECTED}.")
    shapes = [tuple(frame.shape) for frame in frames]
    for number, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise ClipError(
                f"{name}: frame {number} has the shape {shape}, the first one {shapes[0]}; all "
                "frames of a clip must have one size: resize or split it."
            )
    if kinds == {"a NumPy array"}:
        return np.stack(frames)
    import torch

    return torch.stack(list(frames))


def _kind(value: object) -> str:
    if isinstance(value, np.ndarray):
        return "a NumPy array"
    return "a tensor" if _is_tensor(value) else f"a {type(value).__name__}"


def _is_tensor(value: object) -> bool:
    # Whoever holds a tensor has imported torch.
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)
