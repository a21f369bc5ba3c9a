"""Sampling from a diffusion prior under partial guidance (Yang et al., PGDiff, NeurIPS 2023).

The prior predicts noise and variance (Nichol and Dhariwal, ICML 2021). At each step a `Guidance`
gives a gradient for the predicted clean image, which moves the sample.

Shapes: n images, 3 channels, h×w positions. Images are RGB in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from baselines.networks.guidance import Guidance
from dicface.base.errors import MethodError

TRAINED_STEPS = 1000
# Steps whose index lies between these are repeated, if any is.
REPEATED = (700, 1000)

Prior = Callable[[Tensor, Tensor], Tensor]


class Schedule:
    """Linear noise schedule of 1000 steps, or some of them; tables in float64.

    Tables are indexed by the step of this schedule, 0 (clean) to `num_steps` - 1; `timesteps` are
    the same steps of the full process, which networks are told.

    Args:
        num_steps: How many steps are kept: every k-th from 0 on, with the smallest k that keeps
            exactly as many.

    Raises:
        MethodError: No k does.
    """

    def __init__(self, num_steps: int = TRAINED_STEPS) -> None:
        strides = (
            k for k in range(1, TRAINED_STEPS) if len(range(0, TRAINED_STEPS, k)) == num_steps
        )
        stride = next(strides, None)
        if stride is None:
            raise MethodError(
                f"{num_steps} diffusion steps cannot be taken evenly from {TRAINED_STEPS}; choose "
                "1000, 500, 250, 200, 125, 100 or 50."
            )
        self.num_steps = num_steps
        self.timesteps = np.arange(0, TRAINED_STEPS, stride)
        full = np.cumprod(1 - np.linspace(1e-4, 0.02, TRAINED_STEPS))[self.timesteps]
        self.betas = 1 - full / np.append(1.0, full[:-1])
        self.alphas_cumprod = np.cumprod(1 - self.betas)
        before = np.append(1.0, self.alphas_cumprod[:-1])
        noise = 1 - self.alphas_cumprod
        self.posterior_mean_coef1 = self.betas * np.sqrt(before) / noise
        self.posterior_mean_coef2 = (1 - before) * np.sqrt(1 - self.betas) / noise
        variance = self.betas * (1 - before) / noise
        # The variance of the last step is 0; its logarithm takes the one before.
        self.posterior_log_variance_clipped = np.log(np.append(variance[1], variance[1:]))

    def predict(self, network: Prior, x: Tensor, index: int) -> Prediction:
        """One evaluation of the network at one step.

        Args:
            network: Maps (n, 3, h, w) and (n,) steps of the full process to (n, 6, h, w).
            x: (n, 3, h, w) sample at this step.
            index: The step of this schedule.
        """
        noise, between = network(x, self.timestep(x, index)).chunk(2, 1)
        cumulative = self.alphas_cumprod[index]
        x0 = x * float(np.sqrt(1 / cumulative)) - noise * float(np.sqrt(1 / cumulative - 1))
        x0 = x0.clamp(-1, 1)
        mean = x0 * float(self.posterior_mean_coef1[index])
        mean = mean + x * float(self.posterior_mean_coef2[index])
        fraction = (between + 1) / 2
        upper = float(np.log(self.betas[index]))
        lower = float(self.posterior_log_variance_clipped[index])
        return Prediction(x0, mean, fraction * upper + (1 - fraction) * lower)

    def timestep(self, x: Tensor, index: int) -> Tensor:
        """The step of the full process, once for each image of `x`: (n,)."""
        return torch.full((len(x),), int(self.timesteps[index]), device=x.device)


@dataclass(frozen=True)
class Prediction:
    """What one evaluation of the prior tells.

    Attributes:
        x0: Predicted clean images, clamped to [-1, 1].
        mean: Mean of the sample of the next step.
        log_variance: Logarithm of that sample's variance.
    """

    x0: Tensor
    mean: Tensor
    log_variance: Tensor

    @property
    def variance(self) -> Tensor:
        """Variance of the sample of the next step."""
        return self.log_variance.exp()


@dataclass(frozen=True)
class Step:
    """One guided step: the next sample and how it came about."""

    sample: Tensor
    prediction: Prediction
    gradient: Tensor
    target: Tensor | None


def guided_step(
    network: Prior,
    schedule: Schedule,
    guidance: Guidance,
    x: Tensor,
    index: int,
    noise: Tensor,
    *,
    target: Tensor | None = None,
) -> Step:
    """Takes a sample one step further; works inside `torch.inference_mode`, too.

    Args:
        network: The prior.
        schedule: Its steps.
        guidance: What is known; its tensors must not have been made in inference mode.
        x: (n, 3, h, w) sample at the step.
        index: The step of the schedule; at 0 no noise is added.
        noise: (n, 3, h, w) standard normal.
        target: Of `guidance`; None to compute it.
    """
    with torch.inference_mode(False), torch.no_grad():
        prediction = schedule.predict(network, x, index)
        if target is None:
            target = guidance.target(x, schedule.timestep(x, index))
        gradient = guidance.gradient(prediction.x0, target)
        mean = prediction.mean
        if guidance.norm_dims is None:
            mean = mean - prediction.variance * gradient * guidance.scale
        sample = mean + (index > 0) * (prediction.log_variance / 2).exp() * noise
        if guidance.norm_dims is not None:
            change, length = (
                torch.linalg.vector_norm(v, dim=guidance.norm_dims, keepdim=True)
                for v in (x - sample, gradient)
            )
            sample = sample - gradient * guidance.scale * (change / length)
    return Step(sample, prediction, gradient, target)


def repeated_step(
    network: Prior,
    schedule: Schedule,
    guidance: Guidance,
    x: Tensor,
    index: int,
    draw: Callable[[], Tensor],
    *,
    repeats: int = 1,
) -> Step:
    """`guided_step`, repeated at the same step if its index lies inside `REPEATED`.

    Args:
        network: The prior.
        schedule: Its steps.
        guidance: What is known.
        x: (n, 3, h, w) sample at the step.
        index: The step of the schedule.
        draw: Gives fresh standard normal noise, (n, 3, h, w).
        repeats: How often the step is taken; the target is that of the first time.
    """
    step = guided_step(network, schedule, guidance, x, index, draw())
    if REPEATED[0] < index < REPEATED[1]:
        for _ in range(repeats - 1):
            x, target = step.sample, step.target
            step = guided_step(network, schedule, guidance, x, index, draw(), target=target)
    return step


def sample(
    network: Prior,
    schedule: Schedule,
    guidance: Guidance,
    generator: torch.Generator,
    *,
    repeats: int = 1,
) -> Tensor:
    """Draws images: noise first, then every step from the last to 0.

    Args:
        network: The prior.
        schedule: Its steps.
        guidance: What is known.
        generator: Gives all noise, on its own device; the same noise whatever the prior's is.
        repeats: See `repeated_step`.

    Returns:
        (n, 3, h, w), around [-1, 1] and not clamped.
    """
    known = guidance.known

    def draw() -> Tensor:
        noise = torch.randn(known.shape, generator=generator, device=generator.device)
        return noise.to(known.device)

    x = draw()
    for index in reversed(range(schedule.num_steps)):
        x = repeated_step(network, schedule, guidance, x, index, draw, repeats=repeats).sample
    return x
