"""The layers that GPEN and GFPGAN share."""

import math

import pytest
import torch
from torch.nn import functional

from baselines.networks import stylegan2


def test_demodulated_weights_have_unit_norm():
    layer = stylegan2.ModulatedConv2d(6, 5, 3, 4, equalised=True)
    x, style = torch.randn(2, 6, 7, 7), torch.randn(2, 4)
    weight = layer.weight[0] * layer.scale * layer.modulation(style)[1].view(1, -1, 1, 1)
    weight = weight / weight.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    alone = functional.conv2d(x[1:], weight, padding=1)
    torch.testing.assert_close(layer(x, style)[1:], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("upsample", [None, "blur", "bilinear"])
def test_each_image_is_convolved_with_its_own_weights(upsample: str | None):
    layer = stylegan2.ModulatedConv2d(4, 3, 3, 5, upsample=upsample, equalised=False)
    x, style = torch.randn(3, 4, 8, 8), torch.randn(3, 5)
    together = layer(x, style)
    assert together.shape[-1] == (16 if upsample else 8)
    for i in range(3):
        torch.testing.assert_close(together[i], layer(x[i : i + 1], style[i : i + 1])[0])


def test_upsample_is_zero_insertion_and_blur():
    x = torch.randn(2, 3, 5, 6)
    stretched = torch.zeros(2, 3, 10, 12)
    stretched[..., ::2, ::2] = x
    kernel = stylegan2.blur_kernel(gain=4.0).expand(3, 1, 4, 4)
    expected = functional.conv2d(functional.pad(stretched, (2, 1, 2, 1)), kernel, groups=3)
    torch.testing.assert_close(stylegan2.Upsample()(x), expected)


def test_blur_keeps_the_mean_inside():
    constant = torch.full((1, 2, 8, 8), 3.0)
    blurred = stylegan2.Blur(pad=2)(constant)
    assert blurred.shape == (1, 2, 9, 9)
    torch.testing.assert_close(blurred[..., 2:7, 2:7], torch.full((1, 2, 5, 5), 3.0))


def test_equalised_linear_undoes_its_learning_rate():
    layer = stylegan2.EqualLinear(9, 4, lr_mul=0.01, activate=True)
    x = torch.randn(2, 9)
    y = functional.linear(x, layer.weight * 0.01 / 3) + layer.bias * 0.01
    torch.testing.assert_close(layer(x), torch.where(y > 0, y, 0.2 * y) * math.sqrt(2))


@pytest.mark.parametrize("size", [4, 48, 2048])
def test_impossible_size_is_named(size: int):
    with pytest.raises(ValueError, match=f"size is {size}; expected a power of two"):
        stylegan2.levels_of(size)
