"""The blind-restoration degradation, its steps, and masks."""

from collections import Counter
from itertools import product

import cv2
import numpy as np
import pytest

from dicface.base.errors import ClipError, ConfigError
from dicface.base.seeds import numpy_rng
from dicface.config.degradation import INTERPOLATIONS
from dicface.data.degradation import degrade, kernels, masks
from dicface.data.degradation.degrade import (
    BlindDegradation,
    draw_degradation,
    low_resolution_frames,
)
from dicface.data.degradation.tasks.bfr import BlindRestoration
from dicface.video.h264 import h264_roundtrip


def moving_clip(num_frames: int = 5, height: int = 64, width: int = 64) -> np.ndarray:
    rng = np.random.default_rng(3)
    wide = cv2.resize(rng.random((8, 16, 3)), (width + 2 * num_frames, height))
    frames = [wide[:, 2 * t : 2 * t + width] for t in range(num_frames)]
    return (np.stack(frames) * 255).astype(np.uint8)


def degraded(clip: np.ndarray, settings: BlindDegradation, *names: str) -> np.ndarray:
    return BlindRestoration(settings).degrade(clip, *names)


def mean_difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(float) - b.astype(float)).mean())


def test_kernel_rotation_and_scale():
    upright = kernels.gaussian_kernel(1.0, 4.0, 0.0)
    quarter = kernels.gaussian_kernel(1.0, 4.0, np.pi / 2)
    np.testing.assert_allclose(quarter, upright.T, atol=1e-15)
    y, x = np.mgrid[-10:11, -10:11]
    assert (upright * x**2).sum() == pytest.approx(1.0, abs=1e-6)
    assert (upright * y**2).sum() > 10
    diagonal = kernels.gaussian_kernel(4.0, 1.0, np.pi / 4)
    assert (diagonal * x * y).sum() > 0  # the long axis turns from x towards +y


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize(("height", "width", "scale"), [(64, 96, 4), (61, 50, 4), (32, 32, 2)])
@pytest.mark.parametrize("shape", [(0.1, 0.1, 0.0), (3.0, 3.0, 0.0), (1.0, 8.0, 0.7)])
def test_one_pass_equals_two_steps(interpolation, height, width, scale, shape):
    frame = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    kernel = kernels.gaussian_kernel(*shape)
    plain = kernels.downsample(cv2.filter2D(frame / 255, -1, kernel), scale, interpolation)
    ours = kernels.blur_and_downsample(frame, kernel, scale, interpolation)
    assert ours.dtype == np.float32
    assert np.abs(ours - plain).max() < 1e-5


def test_frames_too_small_for_the_scale():
    with pytest.raises(ConfigError, match="7×64"):
        kernels.low_resolution_size(7, 64, 4)


def test_noise_is_grey_or_coloured_and_of_the_drawn_size():
    frame = np.full((64, 64, 3), 0.5, np.float32)
    levels = (8.0, 8.0)
    grey = degrade.add_noise(
        frame, np.random.default_rng(0), sigma_range_levels=levels, grey_prob=1.0
    )
    colour = degrade.add_noise(
        frame, np.random.default_rng(0), sigma_range_levels=levels, grey_prob=0.0
    )
    assert np.ptp(grey, axis=2).max() == 0
    assert np.ptp(colour, axis=2).max() > 0.01
    for noisy in (grey, colour):
        assert noisy.dtype == np.float32
        assert (noisy - 0.5).std() * 255 == pytest.approx(8, rel=0.05)
    bright = degrade.add_noise(np.ones_like(frame), np.random.default_rng(0))
    assert bright.max() == 1


def test_levels_are_truncated():
    values = np.array([0.0, 0.999 / 255, 1 / 255, 254.99 / 255, 1.0, 1.2, -0.1])
    assert degrade.to_codec_levels(values).tolist() == [0, 0, 1, 254, 255, 255, 0]


@pytest.mark.parametrize("num_frames", [1, 3, 12])
def test_codec_keeps_number_and_order_of_frames(num_frames):
    frames = np.stack([np.full((16, 16, 3), 10 * t + 20, np.uint8) for t in range(num_frames)])
    decoded = np.stack(list(h264_roundtrip(frames, 18)))
    assert decoded.shape == frames.shape
    assert np.abs(decoded.astype(int) - frames).max() <= 4


def test_codec_quality_and_channel_order():
    frames = moving_clip(4)
    grey = np.stack([masks.colorization_input(frame) for frame in frames])  # no chroma to lose
    errors = [mean_difference(np.stack(list(h264_roundtrip(grey, c))), grey) for c in (10, 24, 40)]
    assert errors == sorted(errors)
    assert errors[0] < 1 < errors[2]
    red = np.zeros((3, 16, 16, 3), np.uint8)
    red[..., 0] = 200
    for order in ("bgr_as_rgb24", "rgb"):
        mean = np.stack(list(h264_roundtrip(red, 18, channel_order=order))).mean((0, 1, 2))
        assert mean[0] > 190
        assert mean[1:].max() < 12
    swapped = np.stack(list(h264_roundtrip(frames[..., ::-1], 24, channel_order="rgb")))
    quirk = np.stack(list(h264_roundtrip(frames, 24)))
    np.testing.assert_array_equal(quirk, swapped[..., ::-1])


def test_codec_repeats():
    # These widths are no multiples of 128 px, where x264's AVX-512 path reads stale memory.
    y, x, t = np.mgrid[:96, :144, :12]
    clips = []
    for width, seed in product((32, 96, 144), range(4)):
        noise = numpy_rng("codec", width, seed).uniform(-30, 30, (12, 96, width, 3))
        waves = 128 + 80 * np.sin((x + 2 * t) / 7 + seed) * np.cos((y - t) / 9)
        moving = waves[:, :width].transpose(2, 0, 1)[..., None] + noise
        clips.append(np.clip(moving, 0, 255).astype(np.uint8))
    streams = [set() for _ in clips]
    for _ in range(4):
        for different, clip in zip(streams, clips, strict=True):
            different.add(np.stack(list(h264_roundtrip(clip, 28))).tobytes())
    assert [len(different) for different in streams] == [1] * len(clips)


def test_codec_refuses_odd_and_empty_clips():
    with pytest.raises(ClipError, match="15×16"):
        list(h264_roundtrip(np.zeros((2, 15, 16, 3), np.uint8), 20))
    with pytest.raises(ClipError, match="no frame"):
        list(h264_roundtrip([], 20))


def test_degradation_is_a_function_of_the_names():
    clip, settings = moving_clip(), BlindDegradation()
    first = degraded(clip, settings, "demo", "a")
    degraded(clip, settings, "demo", "b")
    np.testing.assert_array_equal(first, degraded(clip, settings, "demo", "a"))
    drawn, again, other = (draw_degradation(settings, "demo", name) for name in "aac")
    assert drawn == again
    assert other.sigma_x_px != drawn.sigma_x_px
    assert first.shape == clip.shape
    low = np.stack(list(low_resolution_frames(clip, settings, drawn)))
    assert low.shape == (5, 16, 16, 3)
    large = [kernels.upsample(frame, 64, 64, drawn.interpolation) for frame in low]
    np.testing.assert_array_equal(np.stack(large), first)


def test_noise_differs_between_frames_and_everything_else_does_not():
    still = np.repeat(moving_clip(1), 4, axis=0)
    settings = BlindDegradation(noise_sigma=(6, 6), crf=(1, 1))
    noisy = degraded(still, settings, "n")
    assert mean_difference(noisy[0], noisy[1]) > 1
    quiet = degraded(still, BlindDegradation(noise_sigma=(0, 0), crf=(1, 1)), "n")
    assert mean_difference(quiet[0], quiet[3]) < 0.5


@pytest.mark.parametrize("shape", [(1, 64, 64), (3, 61, 47)])
def test_short_and_odd_clips(shape):
    found = degraded(moving_clip(*shape), BlindDegradation(), "short")
    assert found.shape == (*shape, 3)


def test_draws_follow_the_settings():
    settings = BlindDegradation()
    draws = [draw_degradation(settings, "draw", i) for i in range(600)]
    kinds = Counter(draw.kernel_type for draw in draws)
    assert kinds["iso"] / 600 == pytest.approx(0.7, abs=0.06)
    interpolations = Counter(draw.interpolation for draw in draws)
    assert interpolations["area"] / 600 == pytest.approx(0.2, abs=0.05)
    assert {draw.crf for draw in draws} == set(range(18, 25))
    assert all(0.1 <= draw.sigma_x_px <= 10 for draw in draws)
    assert all(draw.theta_rad == 0 for draw in draws if draw.kernel_type == "iso")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kernel_size", 20),
        ("blur_sigma", (0, 1)),
        ("blur_sigma", (2, 1)),
        ("iso_prob", 1.5),
        ("scale", 0),
        ("interpolation_weights", {"nearest": 1.0}),
        ("interpolation_weights", {}),
        ("noise_sigma", (0, 300)),
        ("crf", (18, 60)),
        ("codec_channel_order", "bgr"),
    ],
)
def test_bad_settings_are_named(field, value):
    with pytest.raises(ConfigError, match=field):
        BlindDegradation(**{field: value})


def test_frames_of_another_size_or_type_are_refused():
    clip = moving_clip(2)
    with pytest.raises(ClipError, match="frame 1"):
        list(
            degrade.low_resolution_frames(
                [clip[0], clip[1, :32]], BlindDegradation(), draw_degradation(BlindDegradation())
            )
        )
    with pytest.raises(ClipError, match="float64"):
        degraded(clip / 255, BlindDegradation(), "x")


def test_masks_and_colour():
    first, again = (masks.brush_mask(masks.mask_rng("clip"), 96, 128) for _ in range(2))
    assert first.shape == (96, 128)
    np.testing.assert_array_equal(first, again)
    clip = moving_clip(2, 96, 128)
    painted = masks.inpainting_input(clip, first)
    assert (painted[:, first] == 255).all()
    np.testing.assert_array_equal(painted[:, ~first], clip[:, ~first])
    grey = masks.colorization_input(clip[0])
    assert np.ptp(grey, axis=2).max() == 0
    pure_red = masks.colorization_input(np.full((2, 2, 3), (255, 0, 0), np.uint8))
    assert pure_red[0, 0, 0] == 76
