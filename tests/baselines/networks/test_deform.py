"""BasicVSR++'s alignment of second order."""

import pytest
import torch

from baselines.networks.deform import SecondOrderAlignment
from baselines.networks.flow import warp
from tests.baselines._vsr import CHANNELS, constant_flow, noise


@pytest.mark.parametrize("which", [0, 1])
@torch.no_grad()
def test_starts_as_half_the_warped_state(which):
    align = SecondOrderAlignment(CHANNELS, num_groups=4)
    torch.nn.init.zeros_(align.weight)
    for channel in range(CHANNELS):
        align.weight[channel, which * CHANNELS + channel, 1, 1] = 1
    states = noise(1, 2 * CHANNELS, 6, 7)
    flows = [noise(1, 2, 6, 7, name=f"flow{i}") * 4 - 2 for i in range(2)]
    aligned = align(states, noise(1, 3 * CHANNELS, 6, 7), *flows)
    # Offsets are the flows alone; the mask is sigmoid(0).
    expected = warp(states.split(CHANNELS, 1)[which], flows[which]) / 2
    torch.testing.assert_close(aligned, expected)


@torch.no_grad()
def test_learned_offsets_are_bounded_by_the_residue():
    align = SecondOrderAlignment(CHANNELS, num_groups=2, max_residue_px=3)
    torch.nn.init.zeros_(align.weight)
    align.weight[0, 0, 1, 1] = 1
    bias = align.conv_offset[-1].bias  # groups × taps pairs (y, x), then masks
    bias[:36] = 1e3
    bias[36:] = 1e3
    states = noise(1, 2 * CHANNELS, 8, 8)
    still = constant_flow(0, 0, 8, 8)
    aligned = align(states, noise(1, 3 * CHANNELS, 8, 8), still, still)
    torch.testing.assert_close(aligned[0, 0, :5, :5], states[0, 0, 3:, 3:])
