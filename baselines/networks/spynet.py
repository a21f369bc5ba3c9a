"""SPyNet, optical flow from a pyramid of six levels (Ranjan and Black, CVPR 2017).

Follows open-mmlab/mmagic @ 0a560bba; its keys are those inside the released BasicVSR++ and
RealBasicVSR files.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.networks.flow import warp

NUM_LEVELS = 6
_MULTIPLE_PX = 2 ** (NUM_LEVELS - 1)
_CHANNELS = (8, 32, 64, 32, 16, 2)
# Pairs of frames given to the network at once: bounds its memory on long chunks.
_PAIRS_AT_ONCE = 8


class _ConvRelu(nn.Module):
    """7×7 convolution, then ReLU unless it is the last of its level."""

    def __init__(self, channels_in: int, channels_out: int, *, last: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 7, padding=3)
        self.last = last

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) if self.last else functional.relu(self.conv(x))


class _Level(nn.Module):
    """Refines the flow of one level: (frame, warped neighbour, flow), 8 channels -> 2."""

    def __init__(self) -> None:
        super().__init__()
        last = len(_CHANNELS) - 2
        self.basic_module = nn.Sequential(
            *(
                _ConvRelu(_CHANNELS[i], _CHANNELS[i + 1], last=i == last)
                for i in range(len(_CHANNELS) - 1)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.basic_module(x)


class SPyNet(nn.Module):
    """Optical flow between pairs of frames.

    The released weights are part of the networks that use it; `mean` and `std` are ImageNet's.
    """

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        """Builds the six levels."""
        super().__init__()
        self.basic_module = nn.ModuleList(_Level() for _ in range(NUM_LEVELS))
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1))

    def forward(self, frame: Tensor, neighbour: Tensor) -> Tensor:
        """Computes the flow that warps `neighbour` onto `frame`.

        Args:
            frame: (N, 3, H, W) RGB in [0, 1], any size (resized to multiples of 32 inside).
            neighbour: Same shape and range.

        Returns:
            (N, 2, H, W), pixels, (x, y), on the grid of `frame`.
        """
        height, width = frame.shape[-2:]
        padded = tuple(-(-side // _MULTIPLE_PX) * _MULTIPLE_PX for side in (height, width))
        flow = self._pyramid_flow(*(_resize(image, padded) for image in (frame, neighbour)))
        flow = _resize(flow, (height, width))
        return flow * flow.new_tensor((width / padded[1], height / padded[0])).reshape(1, 2, 1, 1)

    def _pyramid_flow(self, frame: Tensor, neighbour: Tensor) -> Tensor:
        pyramid = [((frame - self.mean) / self.std, (neighbour - self.mean) / self.std)]
        for _ in range(NUM_LEVELS - 1):
            frame, neighbour = (functional.avg_pool2d(image, 2) for image in pyramid[0])
            pyramid.insert(0, (frame, neighbour))
        coarsest = pyramid[0][0]
        flow = coarsest.new_zeros(coarsest.shape[0], 2, *coarsest.shape[-2:])
        for number, (level, (frame, neighbour)) in enumerate(
            zip(self.basic_module, pyramid, strict=True)
        ):
            if number > 0:
                flow = 2 * functional.interpolate(
                    flow, scale_factor=2, mode="bilinear", align_corners=True
                )
            warped = warp(neighbour, flow, padding="border")
            flow = flow + level(torch.cat((frame, warped, flow), 1))
        return flow


def neighbour_flows(spynet: SPyNet, clips: Tensor) -> tuple[Tensor, Tensor]:
    """Computes the flows between neighbouring frames, both ways.

    A mirror-extended clip repeats its flows in reverse: the second half of the work is saved.

    Args:
        spynet: The flow network.
        clips: (N, T, 3, H, W) RGB in [0, 1], T ≥ 1.

    Returns:
        Backward flows, item i from frame i to frame i + 1, and forward flows, item i from frame
        i + 1 to frame i; each (N, T - 1, 2, H, W), pixels.
    """
    earlier, later = clips[:, :-1].flatten(0, 1), clips[:, 1:].flatten(0, 1)
    shape = (clips.shape[0], clips.shape[1] - 1, 2, *clips.shape[-2:])
    if shape[1] == 0:
        return clips.new_empty(shape), clips.new_empty(shape)

    def flows(frames: Tensor, neighbours: Tensor) -> Tensor:
        pairs = zip(frames.split(_PAIRS_AT_ONCE), neighbours.split(_PAIRS_AT_ONCE), strict=True)
        return torch.cat([spynet(frame, neighbour) for frame, neighbour in pairs]).reshape(shape)

    backward = flows(earlier, later)
    forward = backward.flip(1) if is_mirror_extended(clips) else flows(later, earlier)
    return backward, forward


def is_mirror_extended(clips: Tensor) -> bool:
    """Says whether clips (N, T, …) of even length are exactly their own time reversal."""
    half, odd = divmod(clips.shape[1], 2)
    return not odd and torch.equal(clips[:, :half], clips[:, half:].flip(1))


def _resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(image, size=size, mode="bilinear", align_corners=False)
