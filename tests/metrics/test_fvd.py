"""Fréchet distance against closed forms; windows; random video features."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.ndimage import gaussian_filter
from skimage.data import astronaut

from dicface.base.errors import MetricError
from dicface.metrics.backbones.video import RandomVideoFeatures
from dicface.metrics.fvd import WINDOW, WindowBuffer, frechet_distance, window_starts
from dicface.metrics.psnr import psnr
from dicface.metrics.tlme import landmark_motion_error


def samples(mean: np.ndarray, covariance: np.ndarray, num: int, seed: int = 0) -> np.ndarray:
    """Points whose sample mean and unbiased covariance are exactly the given ones."""
    draw = np.random.default_rng(seed).normal(size=(num, len(mean)))
    draw -= draw.mean(axis=0)
    white = draw @ np.linalg.inv(np.linalg.cholesky(np.cov(draw.T).reshape(len(mean), -1))).T
    return mean + white @ np.linalg.cholesky(covariance).T


def textbook(a: np.ndarray, b: np.ndarray) -> float:
    """The formula with a matrix square root, as it is usually written."""
    cov_a, cov_b = np.cov(a.T), np.cov(b.T)
    shift = a.mean(axis=0) - b.mean(axis=0)
    return float(shift @ shift + np.trace(cov_a + cov_b - 2 * sqrtm(cov_a @ cov_b).real))


def test_one_dimension_is_the_squared_distance_of_means_and_deviations() -> None:
    a = samples(np.array([1.0]), np.array([[4.0]]), 30)
    b = samples(np.array([4.0]), np.array([[25.0]]), 50, seed=1)
    assert frechet_distance(a, b) == pytest.approx((4 - 1) ** 2 + (5 - 2) ** 2)


def test_commuting_covariances_have_a_closed_form() -> None:
    first, second = np.array([1.0, 4.0, 9.0]), np.array([16.0, 1.0, 0.25])
    a = samples(np.zeros(3), np.diag(first), 40)
    b = samples(np.array([1.0, 2.0, 2.0]), np.diag(second), 60, seed=1)
    expected = 9 + ((np.sqrt(first) - np.sqrt(second)) ** 2).sum()
    assert frechet_distance(a, b) == pytest.approx(expected)


def test_equals_the_matrix_square_root_at_full_rank() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(200, 12)) @ rng.normal(size=(12, 12))
    b = rng.normal(size=(90, 12)) @ rng.normal(size=(12, 12)) + 1
    assert frechet_distance(a, b) == pytest.approx(textbook(a, b), rel=1e-8)


def test_fewer_windows_than_features_equal_the_limit_of_full_rank() -> None:
    """Singular covariances: Σ + ε I with an ever smaller ε tends to our value."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(4, 10)), rng.normal(size=(5, 10)) + 0.5
    shift = a.mean(axis=0) - b.mean(axis=0)
    regular = np.eye(10) * 1e-9
    cov_a, cov_b = np.cov(a.T) + regular, np.cov(b.T) + regular
    root = sqrtm(cov_a)
    limit = shift @ shift + np.trace(cov_a + cov_b - 2 * sqrtm(root @ cov_b @ root).real)
    assert frechet_distance(a, b) == pytest.approx(limit, rel=1e-3)


@given(st.integers(2, 12), st.integers(2, 12), st.integers(1, 20), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_is_a_distance_and_a_shift_costs_its_square(n: int, m: int, dim: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b, shift = rng.normal(size=(n, dim)), rng.normal(size=(m, dim)), rng.normal(size=dim)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9)
    assert frechet_distance(a, b) >= 0
    assert frechet_distance(a + shift, a) == pytest.approx(shift @ shift, abs=1e-9)


@pytest.mark.parametrize(
    ("restored", "truth", "message"),
    [
        (np.zeros((1, 4)), np.zeros((3, 4)), "at least two windows"),
        (np.zeros((3, 4)), np.zeros((3, 5)), "same network"),
        (np.full((3, 4), np.nan), np.zeros((3, 4)), "not finite"),
    ],
)
def test_bad_features_are_refused(restored: np.ndarray, truth: np.ndarray, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        frechet_distance(restored, truth)


@pytest.mark.parametrize("num_frames", [*range(1, 42), 120])
def test_streamed_windows_are_those_of_the_rule(num_frames: int) -> None:
    frames = np.arange(num_frames, dtype=np.uint8)[:, None, None, None].repeat(3, axis=3)
    buffer = WindowBuffer()
    found = [window for frame in frames for window in buffer.push(frame)]
    found += list(buffer.flush())
    padded = np.concatenate([frames, frames[-1:].repeat(WINDOW, axis=0)])
    expected = [padded[start : start + WINDOW] for start in window_starts(num_frames)]
    assert len(found) == len(expected)
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
    covered = {int(value) for window in found for value in window[:, 0, 0, 0]}
    assert covered == set(range(num_frames))


@pytest.fixture(scope="module")
def network() -> RandomVideoFeatures:
    network = RandomVideoFeatures("cpu", "test")
    network.frame_size = 56  # a quarter of the work of 112
    return network


def moving(num_clips: int = 2) -> np.ndarray:
    """Clips (N, 16, 96, 96, 3) of a window that wanders over a photograph."""
    image = astronaut()[:256, 64:320]
    clips = []
    for seed in range(num_clips):
        x, y = np.random.default_rng(seed).integers(0, 100, 2)
        clips.append([image[y + 2 * t :, x + 3 * t :][:96, :96] for t in range(WINDOW)])
    return np.array(clips)


def features(network: RandomVideoFeatures, clips: np.ndarray) -> np.ndarray:
    return np.stack(
        [network.features(np.stack([network.prepare(frame) for frame in clip])) for clip in clips]
    )


def test_stronger_blur_is_farther_away(network: RandomVideoFeatures) -> None:
    clips = moving()
    truth = features(network, clips)
    values = [
        frechet_distance(features(network, gaussian_filter(clips, (0, 0, sigma, sigma, 0))), truth)
        for sigma in (1, 2, 4)
    ]
    assert 0 < values[0] < values[1] < values[2]


def test_shuffled_frames_change_fvd_and_tlme_and_not_the_mean_of_psnr(
    network: RandomVideoFeatures,
) -> None:
    """One permutation for restored and truth alike: each frame keeps its partner."""
    rng = np.random.default_rng(0)
    truth = moving()
    noise = rng.normal(0, 12, truth.shape)
    restored = np.clip(truth + noise, 0, 255).astype(np.uint8)
    order = rng.permutation(WINDOW)

    def mean_psnr(a: np.ndarray, b: np.ndarray) -> float:
        frames = zip(a.reshape(-1, 96, 96, 3), b.reshape(-1, 96, 96, 3), strict=True)
        return float(np.mean([psnr(x, y) for x, y in frames]))

    shuffled = restored[:, order], truth[:, order]
    assert mean_psnr(*shuffled) == pytest.approx(mean_psnr(restored, truth), abs=1e-9)
    before = frechet_distance(features(network, restored), features(network, truth))
    after = frechet_distance(*(features(network, clips) for clips in shuffled))
    assert abs(after - before) > 0.01 * before

    drift = np.cumsum(rng.normal(0, 1, (WINDOW, 68, 2)), axis=0)
    still = np.zeros((WINDOW, 68, 2))
    smooth = landmark_motion_error(drift, still).mean()
    assert landmark_motion_error(drift[order], still).mean() > 1.5 * smooth
