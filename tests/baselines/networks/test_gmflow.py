"""The optical flow in KEEP."""

import pytest
import torch
from torch.nn import functional

from baselines.networks.gmflow import SCALE, GmFlow
from tests.baselines._vq_video import noise, seeded


@torch.inference_mode()
def test_flow_points_from_a_frame_to_its_neighbour():
    network = seeded(GmFlow(16, 0, widths=(4, 6, 8)))
    for name, weight in (("q_proj", torch.eye(16)), ("k_proj", torch.eye(16))):
        network.feature_flow_attn[name].weight.copy_(weight)
        network.feature_flow_attn[name].bias.zero_()
    network.upsampler[2].weight.zero_()  # equal weights: the mean of 3×3 coarse positions
    network.upsampler[2].bias.zero_()
    # Of one length, and long: each resembles itself most, whatever its position adds.
    features = 200 * functional.normalize(noise(1, 16, 8, 8) - 0.5)
    flow = network.match(features, features.roll((1, 2), (2, 3)))
    inside = flow[0, :, SCALE : 6 * SCALE, SCALE : 5 * SCALE]
    expected = torch.tensor([2.0, 1.0]).mul(SCALE).view(2, 1, 1).expand_as(inside)
    torch.testing.assert_close(inside, expected, rtol=1e-3, atol=1e-2)


def test_flow_refuses_sides_that_windows_do_not_divide():
    with pytest.raises(ValueError, match=r"multiples of 16, not \(24, 32\)"):
        GmFlow(8, 1, widths=(4, 6, 8)).features(noise(1, 3, 24, 32))
