"""The input of methods that enlarge, and what it has to do with the codec's own frames."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from dicface.base.errors import MethodError
from dicface.base.seeds import numpy_rng
from dicface.data.degradation.degrade import (
    BlindDegradation,
    degraded_frames,
    draw_degradation,
    low_resolution_frames,
)
from dicface.restoring.low_resolution import low_resolution_input
from dicface.restoring.runner import to_tensor

SCALE = 4


def reduced(frame):
    return low_resolution_input(frame, SCALE, clip="a", label="A")


def degraded(interpolation):
    """A degraded clip of noise, and its frames between codec and enlargement; in grey levels."""
    truth = numpy_rng("test low resolution").integers(0, 256, (2, 64, 96, 3), dtype=np.uint8)
    settings = BlindDegradation(interpolation_weights={interpolation: 1.0}, blur_sigma=(0.1, 0.2))
    drawn = draw_degradation(settings, "test")
    given = [reduced(to_tensor(frame)) for frame in degraded_frames(truth, settings, drawn)]
    before = [to_tensor(frame) for frame in low_resolution_frames(truth, settings, drawn)]
    given, before = torch.stack(given), torch.stack(before)
    return 255 * given, 255 * before


def test_each_pixel_is_the_mean_of_sixteen_and_is_not_rounded():
    frame = torch.rand(3, 8, 12, generator=torch.Generator().manual_seed(0))
    expected = frame.reshape(3, 2, 4, 3, 4).mean((2, 4))
    assert torch.allclose(reduced(frame), expected, atol=1e-6)
    assert low_resolution_input(frame, 1, clip="a", label="A") is frame


def test_after_area_interpolation_it_is_the_codecs_frame():
    given, before = degraded("area")
    assert (given - before).abs().max() < 1e-3


def test_after_linear_interpolation_it_is_the_codecs_frame_filtered():
    given, before = degraded("linear")
    row = torch.tensor([1.0, 6.0, 1.0]) / 8
    around = F.pad(before, (1, 1, 1, 1), mode="replicate")
    filtered = F.conv2d(around.flatten(0, 1).unsqueeze(1), torch.outer(row, row)[None, None])
    assert (given - filtered.view_as(given)).abs().max() <= 1
    assert (given - before).abs().max() > 1


def test_sides_that_the_scale_does_not_divide_are_named():
    with pytest.raises(MethodError, match="a: frames are 12×10; A enlarges 4 times"):
        reduced(torch.zeros(3, 10, 12))
