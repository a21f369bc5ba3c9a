"""BasicVSR (CVPR 2021) and RealBasicVSR (CVPR 2022); keys as in open-mmlab/mmagic @ 0a560bba.

Shapes: N clips of T frames, h × w pixels, C channels of features.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.networks.flow import warp
from baselines.networks.spynet import SPyNet, neighbour_flows
from baselines.networks.vsr_blocks import Enlarger, ResidualStack, enlarge

MAX_CLEANING_ROUNDS = 3


class BasicVsr(Enlarger):
    """Enlarges a clip four times; features travel backward, then forward, along the flow."""

    def __init__(self, mid_channels: int = 64, num_blocks: int = 30) -> None:
        """Builds the network.

        Args:
            mid_channels: C.
            num_blocks: Residual blocks of each direction.
        """
        super().__init__(mid_channels)
        self.mid_channels = mid_channels
        self.spynet = SPyNet()
        self.backward_resblocks = ResidualStack(mid_channels + 3, mid_channels, num_blocks)
        self.forward_resblocks = ResidualStack(mid_channels + 3, mid_channels, num_blocks)
        self.fusion = nn.Conv2d(2 * mid_channels, mid_channels, 1)

    def forward(self, clips: Tensor) -> Tensor:
        """Enlarges clips.

        Args:
            clips: (N, T, 3, h, w) RGB, nominally in [0, 1], T ≥ 1.

        Returns:
            (N, T, 3, 4h, 4w), not clamped.
        """
        num_frames = clips.shape[1]
        flows_backward, flows_forward = neighbour_flows(self.spynet, clips)

        states = []
        state = self._first_state(clips)
        for i in reversed(range(num_frames)):
            if i < num_frames - 1:
                state = warp(state, flows_backward[:, i])
            state = self.backward_resblocks(torch.cat((clips[:, i], state), 1))
            states.append(state)

        pictures = []
        state = self._first_state(clips)
        for i in range(num_frames):
            if i > 0:
                state = warp(state, flows_forward[:, i - 1])
            state = self.forward_resblocks(torch.cat((clips[:, i], state), 1))
            fused = self.fusion(torch.cat((states.pop(), state), 1))
            residue = self.picture_residue(functional.leaky_relu(fused, 0.1))
            pictures.append(residue + enlarge(clips[:, i]))
        return torch.stack(pictures, 1)

    def _first_state(self, clips: Tensor) -> Tensor:
        return clips.new_zeros(clips.shape[0], self.mid_channels, *clips.shape[-2:])


class RealBasicVsr(nn.Module):
    """BasicVSR behind a cleaning network that runs until little is left to clean."""

    def __init__(
        self,
        mid_channels: int = 64,
        num_propagation_blocks: int = 20,
        num_cleaning_blocks: int = 20,
        *,
        cleaning_threshold_levels: float = 255.0,
    ) -> None:
        """Builds the network; the defaults are the release's.

        Args:
            mid_channels: C.
            num_propagation_blocks: Residual blocks of each direction of BasicVSR.
            num_cleaning_blocks: Residual blocks of the cleaning.
            cleaning_threshold_levels: Cleaning stops after a round that changes a clip by less
                than this on average, in grey levels of 255. The release's 255 always stops after
                the first.
        """
        super().__init__()
        self.cleaning_threshold_levels = cleaning_threshold_levels
        self.image_cleaning = nn.Sequential(
            ResidualStack(3, mid_channels, num_cleaning_blocks),
            nn.Conv2d(mid_channels, 3, 3, padding=1),
        )
        self.basicvsr = BasicVsr(mid_channels, num_propagation_blocks)

    def forward(self, clips: Tensor) -> Tensor:
        """Enlarges clips.

        Args:
            clips: (N, T, 3, h, w) RGB in [0, 1], T ≥ 1. Left as it is.

        Returns:
            (N, T, 3, 4h, 4w), not clamped.
        """
        return self.basicvsr(self.clean(clips))

    def clean(self, clips: Tensor) -> Tensor:
        """Runs the cleaning rounds, at most three.

        Args:
            clips: (N, T, 3, h, w) RGB in [0, 1].

        Returns:
            Cleaned frames, same shape, not clamped.
        """
        for _ in range(MAX_CLEANING_ROUNDS):
            residues = torch.stack([self.image_cleaning(frame) for frame in clips.unbind(1)], 1)
            clips = clips + residues
            if residues.abs().mean() < self.cleaning_threshold_levels / 255:
                break
        return clips
