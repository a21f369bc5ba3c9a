"""The motion estimate of RealBasicVSR and BasicVSR++."""

import pytest
import torch

from baselines.networks.spynet import SPyNet, is_mirror_extended, neighbour_flows
from tests.baselines._vsr import constant_flow, noise, seeded


@pytest.mark.parametrize("level", [0, 3, 5])
def test_flow_of_a_level_reaches_the_output_in_input_pixels(level):
    network = SPyNet()
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    bias = network.basic_module[level].basic_module[4].conv.bias
    bias.data.copy_(torch.tensor([1.0, -2.0]))
    # 40 × 48 is resized to 64 × 64: a shift there is 48/64 and 40/64 of one here.
    flow = network(noise(1, 3, 40, 48), noise(1, 3, 40, 48))
    expected = constant_flow(1 * 48 / 64, -2 * 40 / 64, 40, 48) * 2 ** (5 - level)
    torch.testing.assert_close(flow, expected)


def test_sees_the_neighbour_through_the_flow_so_far():
    network = SPyNet()
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    network.basic_module[4].basic_module[4].conv.bias.data.copy_(torch.tensor([2.0, 0.0]))
    seen = []
    network.basic_module[5].register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    frame, neighbour = noise(1, 3, 32, 32), noise(1, 3, 32, 32, name="neighbour")
    network(frame, neighbour)
    ours, warped, flow = seen[0].split((3, 3, 2), 1)
    torch.testing.assert_close(flow, constant_flow(4, 0, 32, 32))
    torch.testing.assert_close(ours * network.std + network.mean, frame)
    unnormalised = warped * network.std + network.mean
    torch.testing.assert_close(unnormalised[..., :-4], neighbour[..., 4:])
    torch.testing.assert_close(unnormalised[..., -1], neighbour[..., -1])


@torch.no_grad()
def test_neighbour_flows_have_both_directions():
    network, clip = seeded(SPyNet()), noise(1, 11, 3, 16, 16)  # more pairs than one group
    backward, forward = neighbour_flows(network, clip)
    assert backward.shape == forward.shape == (1, 10, 2, 16, 16)
    torch.testing.assert_close(backward[:, 9], network(clip[:, 9], clip[:, 10]))
    torch.testing.assert_close(forward[:, 9], network(clip[:, 10], clip[:, 9]))
    assert not torch.allclose(forward, backward)


@torch.no_grad()
def test_mirrored_clips_reuse_their_flows():
    network, half = seeded(SPyNet()), noise(1, 2, 3, 16, 16)
    mirrored = torch.cat((half, half.flip(1)), 1)
    assert is_mirror_extended(mirrored)
    assert not is_mirror_extended(mirrored[:, :3])
    assert not is_mirror_extended(torch.cat((half, half), 1))
    backward, forward = neighbour_flows(network, mirrored)
    direct = torch.stack([network(mirrored[:, i + 1], mirrored[:, i]) for i in range(3)], 1)
    torch.testing.assert_close(forward, direct)
    assert not torch.allclose(forward, backward)
