"""Warping by optical flow, used by every network that follows motion.

A flow is (N, 2, H, W) in pixels, channel 0 along x (to the right), channel 1 along y (downwards),
given on the grid of the frame that is built: output pixel p is the source's value at p + flow(p).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional


def warp(
    source: Tensor, flow_px: Tensor, *, padding: Literal["zeros", "border"] = "zeros"
) -> Tensor:
    """Samples `source` where the flow points to, bilinearly.

    Integer positions fall on pixel centres (`align_corners=True` of `grid_sample`).

    Args:
        source: (N, C, H, W), any values.
        flow_px: (N, 2, H, W), pixels, (x, y).
        padding: What lies outside the source: zeros, or its nearest border pixel.

    Returns:
        (N, C, H, W), of the source's type.

    Raises:
        ValueError: The flow is not (N, 2, H, W) for the source's N, H and W.

    >>> image = torch.arange(4.0).reshape(1, 1, 1, 4)
    >>> right = torch.tensor([1.0, 0.0]).reshape(1, 2, 1, 1).expand(1, 2, 1, 4)
    >>> warp(image, right).flatten().tolist()
    [1.0, 2.0, 3.0, 0.0]
    >>> warp(image, right, padding="border").flatten().tolist()
    [1.0, 2.0, 3.0, 3.0]
    """
    num, _, height, width = source.shape
    if flow_px.shape != (num, 2, height, width):
        raise ValueError(
            f"a flow for {tuple(source.shape)} is {(num, 2, height, width)}, "
            f"not {tuple(flow_px.shape)}"
        )
    x = torch.arange(width, device=flow_px.device, dtype=flow_px.dtype)
    y = torch.arange(height, device=flow_px.device, dtype=flow_px.dtype).unsqueeze(1)
    # A side of one pixel has no extent to divide by: its only coordinate is -1.
    grid = torch.stack(
        (
            2 * (x + flow_px[:, 0]) / max(width - 1, 1) - 1,
            2 * (y + flow_px[:, 1]) / max(height - 1, 1) - 1,
        ),
        dim=-1,
    )
    return functional.grid_sample(
        source, grid, mode="bilinear", padding_mode=padding, align_corners=True
    )
