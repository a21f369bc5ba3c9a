"""LPIPS against the lpips package."""

import cv2
import numpy as np
import pytest
import torch
from skimage.data import astronaut

from dicface.base.errors import MetricError
from dicface.metrics.backbones.perceptual import RandomPerceptual
from dicface.metrics.lpips import lpips_distance


@pytest.fixture(scope="module")
def frames() -> tuple[np.ndarray, np.ndarray]:
    truth = np.ascontiguousarray(astronaut()[60:124, 190:254])
    return cv2.GaussianBlur(truth, (0, 0), 1.5), truth


@pytest.fixture(scope="module")
def random_vgg() -> RandomPerceptual:
    return RandomPerceptual("cpu", "test")


def as_batch(frame: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(frame).permute(2, 0, 1)[None].float() / 255


def test_lpips_equals_the_package_called_by_hand(
    frames: tuple[np.ndarray, np.ndarray], random_vgg: RandomPerceptual
) -> None:
    restored, truth = frames
    with torch.inference_mode():
        by_hand = random_vgg.network(as_batch(restored), as_batch(truth), normalize=True)
    assert random_vgg.distance(restored[None], truth[None]) == pytest.approx(
        float(by_hand), rel=1e-5
    )


def test_random_lpips_is_a_distance_that_grows_with_blur_and_noise(
    frames: tuple[np.ndarray, np.ndarray], random_vgg: RandomPerceptual
) -> None:
    _, truth = frames
    assert random_vgg.distance(truth[None], truth[None]) == 0
    blurred = [cv2.GaussianBlur(truth, (0, 0), sigma) for sigma in (0.5, 1, 2, 4)]
    noise = np.random.default_rng(0).normal(0, 1, truth.shape)
    noisy = [np.clip(truth + s * noise, 0, 255).astype(np.uint8) for s in (3, 10, 30)]
    for worse_and_worse in (blurred, noisy):
        values = [random_vgg.distance(frame[None], truth[None]).item() for frame in worse_and_worse]
        assert values == sorted(values)
        assert values[0] > 0


def test_lpips_refuses_frames_too_small_for_its_network(random_vgg: RandomPerceptual) -> None:
    tiny = np.zeros((16, 16, 3), np.uint8)
    with pytest.raises(MetricError, match="at least 32×32"):
        lpips_distance(tiny[None], tiny[None], random_vgg.network)
