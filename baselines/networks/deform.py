"""Second-order deformable alignment (BasicVSR++, section 3.2)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torchvision.ops import deform_conv2d

_KERNEL = 3


class SecondOrderAlignment(nn.Module):
    """Deformable 3×3 convolution of two earlier states, guided by their flows.

    Optical flow gives the base of the sampling offsets; four convolutions add a residue to each of
    the taps of each group. The first half of the groups reads the first-order state, the second
    half the second-order state. Sampling outside the frame gives zeros.
    """

    def __init__(
        self, channels: int = 64, *, num_groups: int = 16, max_residue_px: float = 10.0
    ) -> None:
        """Builds the alignment.

        Args:
            channels: C, of one state and of the result.
            num_groups: Deformable groups over the two states together; even.
            max_residue_px: Bound of the learned part of an offset.
        """
        super().__init__()
        self.max_residue_px = max_residue_px
        self.weight = nn.Parameter(torch.empty(channels, 2 * channels, _KERNEL, _KERNEL))
        self.bias = nn.Parameter(torch.zeros(channels))
        taps = num_groups * _KERNEL**2
        self.conv_offset = nn.Sequential(
            nn.Conv2d(3 * channels + 4, channels, 3, padding=1),
            nn.LeakyReLU(0.1, inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.LeakyReLU(0.1, inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.LeakyReLU(0.1, inplace=True),
            nn.Conv2d(channels, 3 * taps, 3, padding=1),
        )
        bound = 1 / math.sqrt(self.weight[0].numel())
        nn.init.uniform_(self.weight, -bound, bound)
        # As in the release: training starts from offsets that are the flow itself.
        nn.init.zeros_(self.conv_offset[-1].weight)
        nn.init.zeros_(self.conv_offset[-1].bias)

    def forward(
        self, states: Tensor, condition: Tensor, flow_first_px: Tensor, flow_second_px: Tensor
    ) -> Tensor:
        """Aligns the two states to the current frame.

        Args:
            states: (N, 2C, H, W), first- and second-order state, not warped.
            condition: (N, 3C, H, W), warped first-order state, current feature, warped
                second-order state.
            flow_first_px: (N, 2, H, W), from the current frame to the first-order state's, (x, y).
            flow_second_px: The same to the second-order state's.

        Returns:
            (N, C, H, W).
        """
        learned = self.conv_offset(torch.cat((condition, flow_first_px, flow_second_px), 1))
        *residues, mask = learned.chunk(3, 1)
        offset_px = self.max_residue_px * torch.tanh(torch.cat(residues, 1))
        # Offsets are (y, x) pairs, one a tap; flows are (x, y).
        pairs = offset_px.shape[1] // 4
        base_px = torch.cat(
            [flow.flip(1).repeat(1, pairs, 1, 1) for flow in (flow_first_px, flow_second_px)], 1
        )
        return deform_conv2d(
            states,
            offset_px + base_px,
            self.weight,
            self.bias,
            padding=_KERNEL // 2,
            mask=torch.sigmoid(mask),
        )
