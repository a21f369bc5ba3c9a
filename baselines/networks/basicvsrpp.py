"""BasicVSR++ (CVPR 2022), second-order grid propagation; keys as in open-mmlab/mmagic @ 0a560bba.

Shapes: N clips of T frames, C channels of features, h × w pixels at the resolution of the flow.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.networks.deform import SecondOrderAlignment
from baselines.networks.flow import warp
from baselines.networks.spynet import SPyNet, neighbour_flows
from baselines.networks.vsr_blocks import SCALE, Enlarger, ResidualStack, enlarge

# The four passes in their order; each reads what the earlier ones made of the same frame.
BRANCHES = ("backward_1", "forward_1", "backward_2", "forward_2")
_NUM_OUTER_BLOCKS = 5


class BasicVsrPlusPlus(Enlarger):
    """Restores a clip at its own size or enlarges it four times."""

    def __init__(
        self,
        mid_channels: int = 64,
        num_blocks: int = 7,
        *,
        max_residue_px: float = 10.0,
        low_resolution_input: bool = True,
    ) -> None:
        """Builds the network; the defaults are the released ×4 networks'.

        Args:
            mid_channels: C.
            num_blocks: Residual blocks of each branch.
            max_residue_px: Bound of what deformable alignment adds to the flow.
            low_resolution_input: True enlarges four times; False keeps the size and works on
                features of a quarter of it.
        """
        super().__init__(mid_channels)
        self.low_resolution_input = low_resolution_input
        self.spynet = SPyNet()
        if low_resolution_input:
            self.feat_extract = ResidualStack(3, mid_channels, _NUM_OUTER_BLOCKS)
        else:
            self.feat_extract = nn.Sequential(
                nn.Conv2d(3, mid_channels, 3, 2, 1),
                nn.LeakyReLU(0.1, inplace=True),
                nn.Conv2d(mid_channels, mid_channels, 3, 2, 1),
                nn.LeakyReLU(0.1, inplace=True),
                ResidualStack(mid_channels, mid_channels, _NUM_OUTER_BLOCKS),
            )
        self.deform_align = nn.ModuleDict(
            {
                branch: SecondOrderAlignment(mid_channels, max_residue_px=max_residue_px)
                for branch in BRANCHES
            }
        )
        self.backbone = nn.ModuleDict(
            {
                branch: ResidualStack((2 + i) * mid_channels, mid_channels, num_blocks)
                for i, branch in enumerate(BRANCHES)
            }
        )
        self.reconstruction = ResidualStack(
            (1 + len(BRANCHES)) * mid_channels, mid_channels, _NUM_OUTER_BLOCKS
        )

    def forward(self, clips: Tensor) -> Tensor:
        """Restores clips.

        Args:
            clips: (N, T, 3, H, W) RGB in [0, 1], T ≥ 1.

        Returns:
            (N, T, 3, 4H, 4W), or (N, T, 3, H, W) where the size is kept; not clamped.

        Raises:
            ValueError: The size is kept and H or W is no multiple of 4.
        """
        frames = clips.unbind(1)
        flows_backward, flows_forward = neighbour_flows(self.spynet, self.flow_input(clips))
        # What is known of each frame: its own feature, then one of each finished branch.
        features = [[self.feat_extract(frame)] for frame in frames]
        for branch in BRANCHES:
            if branch.startswith("backward"):
                order, flows = range(len(frames) - 1, -1, -1), flows_backward.flip(1)
            else:
                order, flows = range(len(frames)), flows_forward
            self._propagate(branch, [features[i] for i in order], flows)

        pictures = []
        for frame, known in zip(frames, features, strict=True):
            residue = self.picture_residue(self.reconstruction(torch.cat(known, 1)))
            pictures.append(residue + (enlarge(frame) if self.low_resolution_input else frame))
            known.clear()
        return torch.stack(pictures, 1)

    def _propagate(self, branch: str, features: list[list[Tensor]], flows: Tensor) -> None:
        """Runs one branch and appends its state to what is known of each frame.

        Args:
            branch: One of `BRANCHES`.
            features: What is known of each frame, in the order of the branch.
            flows: (N, T - 1, 2, h, w), item i from the frame i + 1 of this order to the one before.
        """
        zeros = torch.zeros_like(features[0][0])
        first = second = zeros
        for i, known in enumerate(features):
            aligned = zeros
            if i > 0:
                flow_first = flow = flows[:, i - 1]
                flow_second, warped_second = torch.zeros_like(flow), zeros
                if i > 1:
                    flow_second = flow + warp(flows[:, i - 2], flow)
                    warped_second = warp(second, flow_second)
                condition = torch.cat((warp(first, flow_first), known[0], warped_second), 1)
                aligned = self.deform_align[branch](
                    torch.cat((first, second), 1), condition, flow_first, flow_second
                )
            state = aligned + self.backbone[branch](torch.cat((*known, aligned), 1))
            known.append(state)
            first, second = state, first

    def flow_input(self, clips: Tensor) -> Tensor:
        """Returns the frames at the resolution of the flow, (N, T, 3, h, w)."""
        if self.low_resolution_input:
            return clips
        height, width = clips.shape[-2:]
        if height % SCALE or width % SCALE:
            raise ValueError(f"frames of {width}×{height}: both sides must be multiples of {SCALE}")
        small = functional.interpolate(
            clips.flatten(0, 1), scale_factor=1 / SCALE, mode="bicubic", align_corners=False
        )
        return small.unflatten(0, clips.shape[:2])
