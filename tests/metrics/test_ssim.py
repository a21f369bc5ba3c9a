"""SSIM against independent implementations and known answers."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from scipy.ndimage import gaussian_filter
from skimage.data import astronaut
from skimage.metrics import structural_similarity
from torchmetrics.functional.image import (
    structural_similarity_index_measure as torchmetrics_ssim,
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


@given(FRAMES, FRAMES)
@settings(max_examples=30, deadline=None)
def test_psnr_and_ssim_are_symmetric_and_bounded(a: np.ndarray, b: np.ndarray) -> None:
    assert psnr(a, b) == psnr(b, a) <= MAX_DB
    assert ssim(a, b) == pytest.approx(ssim(b, a), abs=1e-12)
    assert -1 <= ssim(a, b) <= 1 + 1e-12


def test_ssim_equals_skimage(pair: tuple[np.ndarray, np.ndarray]) -> None:
    restored, truth = pair
    theirs = structural_similarity(
        truth,
        restored,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        channel_axis=2,
    )
    assert ssim(restored, truth) == pytest.approx(theirs, abs=1e-6)


def test_ssim_of_the_reference_picture() -> None:
    cv2 = pytest.importorskip("cv2")
    truth = astronaut()
    # Value of BasicSR's SSIM and of skimage's Gaussian one on this pair.
    assert ssim(cv2.GaussianBlur(truth, (0, 0), 2), truth) == pytest.approx(0.810937, abs=1e-6)


def test_ssim_equals_torchmetrics_without_its_padded_border(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    restored, truth = (image[64:192, 160:288] for image in pair)
    _, full = torchmetrics_ssim(
        as_batch(restored), as_batch(truth), data_range=1.0, return_full_image=True
    )
    assert ssim(restored, truth) == pytest.approx(float(full[..., 5:-5, 5:-5].mean()), abs=1e-6)


def test_ssim_of_identical_frames_is_one_and_of_inverted_ones_negative() -> None:
    frame = astronaut()[:64, :64]
    assert ssim(frame, frame) == pytest.approx(1, abs=1e-12)
    texture = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    assert ssim(255 - texture, texture) < 0


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


def test_ssim_needs_a_whole_window() -> None:
    with pytest.raises(MetricError, match="at least 11×11"):
        ssim(np.zeros((10, 20, 3), np.uint8), np.zeros((10, 20, 3), np.uint8))
