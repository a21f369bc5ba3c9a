"""PSNR against independent implementations and known answers."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from scipy.ndimage import gaussian_filter
from skimage.data import astronaut
from skimage.metrics import peak_signal_noise_ratio
from torchmetrics.functional.image import (
    peak_signal_noise_ratio as torchmetrics_psnr,
)

from dicface.base.errors import MetricError
from dicface.metrics.psnr import MAX_DB, psnr
from dicface.metrics.ssim import ssim

FRAMES = arrays(np.uint8, (12, 13, 3))


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    return gaussian_filter(image.astype(np.float64), (sigma, sigma, 0)).round().astype(np.uint8)


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray]:
    truth = astronaut()
    return blurred(truth, 2), truth


def as_batch(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)[None].double() / 255


def test_psnr_equals_skimage_and_torchmetrics(pair: tuple[np.ndarray, np.ndarray]) -> None:
    restored, truth = pair
    ours = psnr(restored, truth)
    assert ours == pytest.approx(peak_signal_noise_ratio(truth, restored), abs=1e-10)
    theirs = torchmetrics_psnr(as_batch(restored), as_batch(truth), data_range=1.0)
    assert ours == pytest.approx(float(theirs), abs=1e-4)


def test_psnr_of_a_constant_offset() -> None:
    truth = np.full((16, 16, 3), 100, np.uint8)
    assert psnr(truth + np.uint8(5), truth) == pytest.approx(20 * np.log10(255 / 5))


def test_psnr_of_identical_frames_is_the_stated_cap() -> None:
    frame = astronaut()
    nearly = frame.copy()
    nearly[0, 0, 0] ^= 1
    assert psnr(frame, frame) == MAX_DB == 100.0
    assert psnr(nearly, frame) == MAX_DB


@given(FRAMES, FRAMES)
@settings(max_examples=30, deadline=None)
def test_psnr_and_ssim_are_symmetric_and_bounded(a: np.ndarray, b: np.ndarray) -> None:
    assert psnr(a, b) == psnr(b, a) <= MAX_DB
    assert ssim(a, b) == pytest.approx(ssim(b, a), abs=1e-12)
    assert -1 <= ssim(a, b) <= 1 + 1e-12


def test_both_fall_with_blur() -> None:
    truth = astronaut()[:128, 128:256]
    for metric in (psnr, ssim):
        values = [metric(blurred(truth, sigma), truth) for sigma in (0.5, 1, 2, 4)]
        assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_bad_frames_are_refused(metric) -> None:
    frame = np.zeros((16, 16, 3), np.uint8)
    with pytest.raises(MetricError, match="16×16.*8×16"):
        metric(frame, np.zeros((16, 8, 3), np.uint8))
    with pytest.raises(MetricError, match="float64"):
        metric(frame.astype(np.float64), frame)
    with pytest.raises(MetricError, match="expected uint8"):
        metric(frame[..., 0], frame[..., 0])
