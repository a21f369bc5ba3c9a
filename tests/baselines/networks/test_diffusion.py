"""PGDiff's schedule and its guided steps."""

import math

import numpy as np
import pytest
import torch

from baselines.networks.diffusion import Schedule, guided_step, repeated_step, sample
from baselines.networks.guidance import Colorization, Inpainting, Restoration
from dicface.base.errors import MethodError
from tests.baselines._pgdiff import SIZE, images, perfect_prior

# Schedule


def test_full_schedule_has_known_values():
    schedule = Schedule()
    assert schedule.betas[[0, -1]] == pytest.approx([1e-4, 0.02])
    assert schedule.alphas_cumprod[0] == pytest.approx(0.9999)
    assert schedule.alphas_cumprod[-1] == pytest.approx(4.0358e-5, rel=1e-3)
    # The mean of the last step is the predicted image itself.
    assert schedule.posterior_mean_coef1[0] == pytest.approx(1)
    assert schedule.posterior_mean_coef2[0] == 0
    lower = schedule.posterior_log_variance_clipped
    assert lower[0] == lower[1]
    assert (lower[1:] <= np.log(schedule.betas[1:])).all()


def test_fewer_steps_keep_the_noise_levels_of_those_they_keep():
    full, kept = Schedule(), Schedule(200)
    assert kept.timesteps.tolist() == list(range(0, 1000, 5))
    np.testing.assert_allclose(kept.alphas_cumprod, full.alphas_cumprod[::5], rtol=1e-12)
    assert Schedule(2).timesteps.tolist() == [0, 500]


@pytest.mark.parametrize("num_steps", [0, 1, 300, 1001])
def test_uneven_steps_are_refused(num_steps: int):
    with pytest.raises(MethodError, match=f"^{num_steps} diffusion steps cannot be taken evenly"):
        Schedule(num_steps)


def test_prediction_of_a_perfect_prior():
    schedule = Schedule(100)
    clean, x = images(1, 2)
    clean = clean.clamp(-1, 1)
    prediction = schedule.predict(perfect_prior(clean, schedule), x, 60)
    torch.testing.assert_close(prediction.x0, clean, atol=1e-4, rtol=0)
    mean = schedule.posterior_mean_coef1[60] * clean + schedule.posterior_mean_coef2[60] * x
    torch.testing.assert_close(prediction.mean, mean.float(), atol=1e-5, rtol=0)
    # v = -1 is the lower bound of the variance.
    lower = math.exp(schedule.posterior_log_variance_clipped[60])
    torch.testing.assert_close(prediction.variance, torch.full_like(x, lower))


# Steps


def step_facts() -> tuple[Schedule, torch.Tensor, torch.Tensor, torch.Tensor]:
    clean, x, noise = images(1, 2, 3)
    return Schedule(100), clean.clamp(-1, 1), x, noise


@pytest.mark.parametrize("index", [0, 60])
def test_restoration_moves_the_mean(index: int):
    schedule, clean, x, noise = step_facts()
    guidance = Restoration(known=clean, scale=0.3, restorer=lambda x, y, t: torch.zeros_like(x))
    step = guided_step(perfect_prior(clean, schedule), schedule, guidance, x, index, noise)
    variance = step.prediction.variance
    expected = step.prediction.mean - variance * 2 * step.prediction.x0 * 0.3
    expected = expected + (index > 0) * variance.sqrt() * noise
    torch.testing.assert_close(step.sample, expected)


@pytest.mark.parametrize("task", ["inpainting", "colorization"])
def test_move_is_a_share_of_the_change(task: str):
    schedule, clean, x, noise = step_facts()
    known = images(4)[0]
    if task == "inpainting":
        guidance = Inpainting(known=known, scale=0.2, mask=torch.zeros(1, 1, SIZE, SIZE))
    else:
        guidance = Colorization(known=known, scale=0.2)
    step = guided_step(perfect_prior(clean, schedule), schedule, guidance, x, 60, noise)
    free = step.prediction.mean + step.prediction.variance.sqrt() * noise
    axes = (1, 2, 3) if task == "inpainting" else (2, 3)
    moved, change = ((a - b).square().sum(axes).sqrt() for a, b in ((step.sample, free), (x, free)))
    torch.testing.assert_close(moved, 0.2 * change, rtol=1e-3, atol=0)
    downhill = ((free - step.sample) * step.gradient).sum(axes)
    assert (downhill > 0).all()


def test_images_of_a_batch_are_guided_on_their_own():
    schedule = Schedule(100)
    clean, x, noise, known = images(1, 2, 3, 4, num=2)
    prior = perfect_prior(clean.clamp(-1, 1), schedule)
    both = guided_step(prior, schedule, Colorization(known=known, scale=0.1), x, 50, noise).sample
    for i in (slice(0, 1), slice(1, 2)):
        prior = perfect_prior(clean[i].clamp(-1, 1), schedule)
        guidance = Colorization(known=known[i], scale=0.1)
        alone = guided_step(prior, schedule, guidance, x[i], 50, noise[i]).sample
        torch.testing.assert_close(both[i], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("index", "times"), [(999, 3), (701, 3), (700, 1), (10, 1)])
def test_early_steps_are_repeated_with_their_first_target(index: int, times: int):
    schedule, calls = Schedule(), {"restorer": 0, "noise": 0}
    clean, x, noise = images(1, 2, 3)

    def restorer(x: torch.Tensor, y: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        calls["restorer"] += 1
        return y

    def draw() -> torch.Tensor:
        calls["noise"] += 1
        return noise

    guidance = Restoration(known=clean, scale=0.1, restorer=restorer)
    prior = perfect_prior(clean.clamp(-1, 1), schedule)
    repeated_step(prior, schedule, guidance, x, index, draw, repeats=3)
    assert calls == {"restorer": 1, "noise": times}


def test_sampling_a_perfect_prior_ends_at_its_image():
    schedule, clean, *_ = step_facts()
    guidance = Restoration(known=clean, scale=0, restorer=lambda x, y, t: y)
    generator = torch.Generator().manual_seed(0)
    y = sample(perfect_prior(clean, schedule), schedule, guidance, generator)
    torch.testing.assert_close(y, clean, atol=1e-3, rtol=0)
