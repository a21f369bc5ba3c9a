"""Warping by a flow."""

import pytest
import torch

from baselines.networks.flow import warp
from tests.baselines._vsr import constant_flow, noise


@pytest.mark.parametrize("padding", ["zeros", "border"])
def test_shifts_by_whole_pixels(padding):
    image = noise(1, 3, 6, 9)
    warped = warp(image, constant_flow(2, -1, 6, 9), padding=padding)
    torch.testing.assert_close(warped[..., 1:, :-2], image[..., :-1, 2:])
    outside = warped[..., 1:, -2:]
    expected = image[..., :-1, -1:] if padding == "border" else torch.zeros(1, 3, 5, 1)
    torch.testing.assert_close(outside, expected.expand_as(outside))


def test_halfway_is_the_mean_of_two_pixels():
    image = noise(1, 1, 1, 5)
    warped = warp(image, constant_flow(0.5, 0, 1, 5))
    torch.testing.assert_close(warped[..., :-1], (image[..., :-1] + image[..., 1:]) / 2)


def test_refuses_a_flow_of_another_size():
    with pytest.raises(ValueError, match=r"\(1, 2, 4, 5\)"):
        warp(noise(1, 3, 4, 5), constant_flow(0, 0, 5, 4))
