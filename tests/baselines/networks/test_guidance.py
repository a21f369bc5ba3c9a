"""PGDiff's guidance: what is known of a frame, as a loss and its gradient."""

import math

import pytest
import torch

from baselines.networks.guidance import (
    COLOUR_STYLES,
    Colorization,
    Inpainting,
    Restoration,
)
from tests.baselines._pgdiff import SIZE, images
from tests.parity.guidance import OldPhotoRestoration, ReferenceRestoration


def test_inpainting_pulls_known_pixels_only():
    x0, y = images(1, 2)
    mask = torch.zeros(1, 1, SIZE, SIZE)
    mask[..., :4, :] = 0.5  # partly missing counts as missing
    gradient = Inpainting(known=y, scale=1, mask=mask).gradient(x0, None)
    assert (gradient[:, :, :4] == 0).all()
    torch.testing.assert_close(gradient[:, :, 4:], 2 * (x0 - y)[:, :, 4:])


def test_missing_pixels_are_never_read():
    x0, y = images(1, 2)
    mask = torch.zeros(1, 1, SIZE, SIZE)
    mask[..., :4, :] = 1
    y[:, :, :4] = math.nan
    assert Inpainting(known=y, scale=1, mask=mask).gradient(x0, None).isfinite().all()


def test_lightness_counts_each_channel():
    x0, y = images(1, 2)
    guidance = Colorization(known=y, scale=1, colour_weight=0)
    losses = guidance.losses(x0, None)
    expected = 3 * (y.mean(1) - x0.mean(1)).square().sum()
    torch.testing.assert_close(losses["lightness"], expected)
    gradient = guidance.gradient(x0, None)
    torch.testing.assert_close(gradient, 2 * (x0 - y).mean(1, keepdim=True).expand_as(x0))


@pytest.mark.parametrize("style", range(len(COLOUR_STYLES)))
def test_colours_of_the_style_cost_nothing(style: int):
    mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in COLOUR_STYLES[style])
    # Signs in a checkerboard have mean 0 and deviation 1, and nothing is clamped.
    signs = 1.0 - 2 * (torch.arange(64)[:, None] + torch.arange(64)).remainder(2)
    x0 = (signs * deviation + mean).float()
    guidance = Colorization(known=x0, scale=1, style=style, colour_weight=1)
    own, bright, pale = (
        guidance.losses(x, None)["color"].item() for x in (x0, x0 + 0.1, (x0 - mean) * 0.8 + mean)
    )
    assert own < 1e-3
    assert bright == pytest.approx(x0.numel() * 0.1**2, rel=0.01)
    difference = 0.2 * deviation.squeeze()
    assert pale == pytest.approx(64**2 * difference.square().sum().item(), rel=0.01)


def test_gradient_of_colours_is_that_of_finite_differences():
    torch.manual_seed(0)
    x0 = (torch.rand(1, 3, 4, 4, dtype=torch.float64) - 0.5).requires_grad_()
    guidance = Colorization(known=torch.zeros_like(x0), scale=1, colour_weight=1)
    assert torch.autograd.gradcheck(lambda x: guidance.losses(x, None)["color"], x0)


def test_restoration_follows_the_restorer():
    x0, y, x = images(1, 2, 3)
    guidance = Restoration(known=y, scale=1, restorer=lambda x, y, t: x + y + t)
    target = guidance.target(x, torch.tensor([0.25]))
    torch.testing.assert_close(target, (x + y + 0.25).clamp(-1, 1))
    torch.testing.assert_close(guidance.gradient(x0, target), 2 * (x0 - target))


def test_reference_adds_identity():
    x0, y, reference = images(1, 2, 3)
    settings = {"known": y, "scale": 1, "restorer": lambda x, y, t: y}
    guidance = ReferenceRestoration(
        **settings, embed=lambda faces: faces.mean((2, 3)), reference=reference, size=8
    )
    plain = Restoration(**settings)
    assert guidance.losses(reference, y)["identity"] == 0
    difference = guidance.gradient(x0, y) - plain.gradient(x0, y)
    pull = 50 * (x0.mean((2, 3)) - reference.mean((2, 3))) / SIZE**2
    inside = difference[..., 4:-4, 4:-4]  # at the border, antialiasing weighs unevenly
    torch.testing.assert_close(inside, pull[..., None, None].expand_as(inside), atol=0.01, rtol=0.2)


def test_old_photo_does_not_pull_missing_pixels():
    x0, y = images(1, 2)
    mask = torch.zeros(1, 1, SIZE, SIZE)
    mask[..., :4, :] = 1
    guidance = OldPhotoRestoration(known=y, scale=1, restorer=lambda x, y, t: y, mask=mask)
    gradient = guidance.gradient(x0, y)
    assert (gradient[:, :, :4] == 0).all()
    assert (gradient[:, :, 4:] != 0).any()
