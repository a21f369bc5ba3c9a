"""Sampling from a diffusion prior under partial guidance (Yang et al., PGDiff, NeurIPS 2023).

The prior predicts noise and variance (Nichol and Dhariwal, ICML 2021). At each step a `Guidance`
compares the predicted clean image with what is known of it; the gradient of that loss with respect
to the prediction, not through the network, moves the sample.

Shapes: n images, 3 channels, h×w positions. Images are RGB in [-1, 1].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

TRAINED_STEPS = 1000
# Steps whose index lies between these are repeated, if any is.
REPEATED = (700, 1000)

Prior = Callable[[Tensor, Tensor], Tensor]
Restorer = Callable[[Tensor, Tensor, Tensor], Tensor]

# Mean and standard deviation of R, G, B that a colourised face takes; 0 is the average of
# CelebA-HQ, the release's default.
COLOUR_STYLES = (
    ((0.03202754, -0.16308397, -0.26475719), (0.53549316, 0.47539538, 0.46814889)),
    ((0.05546914, -0.22203779, -0.48434922), (0.60425657, 0.53711116, 0.45434347)),
    ((-0.43500257, -0.65664947, -0.7156179), (0.47355509, 0.29044732, 0.2357967)),
    ((-0.35427222, -0.41545531, -0.36199731), (0.42282647, 0.33328968, 0.36431086)),
)


class Schedule:
    """Linear noise schedule of 1000 steps, or some of them; tables in float64.

    Tables are indexed by the step of this schedule, 0 (clean) to `num_steps` - 1; `timesteps` are
    the same steps of the full process, which networks are told.

    Args:
        num_steps: How many steps are kept: every k-th from 0 on, with the smallest k that keeps
            exactly as many.

    Raises:
        ValueError: No k does.
    """

    def __init__(self, num_steps: int = TRAINED_STEPS) -> None:
        strides = (k for k in range(1, TRAINED_STEPS) if len(range(0, TRAINED_STEPS, k)) == num_steps)
        stride = next(strides, None)
        if stride is None:
            raise ValueError(
                f"{num_steps} steps cannot be taken evenly from {TRAINED_STEPS}; "
                "1000, 500, 250, 200, 125, 100 or 50 can"
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


@dataclass(frozen=True, kw_only=True)
class Guidance(ABC):
    """What is known of the clean images, as a loss; each image of a batch is guided on its own.

    Attributes:
        known: (n, 3, h, w) degraded images.
        scale: How far the gradient moves the sample.
        norm_dims: Axes over which the change of the sample and the gradient are measured, to make
            the move a share of the change; None to move the mean by variance times gradient.
    """

    known: Tensor
    scale: float

    norm_dims: ClassVar[tuple[int, ...] | None] = None

    def target(self, x: Tensor, timestep: Tensor) -> Tensor | None:
        """The images that the loss compares with, where they depend on the step; else None."""
        del x, timestep
        return None

    @abstractmethod
    def losses(self, x0: Tensor, target: Tensor | None) -> dict[str, Tensor]:
        """The parts of the loss by name, weighted: sums over all pixels, not means."""

    def gradient(self, x0: Tensor, target: Tensor | None) -> Tensor:
        """Gradient of the summed loss with respect to predicted clean images, (n, 3, h, w)."""
        with torch.enable_grad():
            x0 = x0.detach().requires_grad_()
            loss = torch.stack(tuple(self.losses(x0, target).values())).sum()
            (gradient,) = torch.autograd.grad(loss, x0)
        return gradient


@dataclass(frozen=True, kw_only=True)
class Inpainting(Guidance):
    """Known pixels stay.

    Attributes:
        mask: (n, 1 or 3, h, w); pixels above 0 are missing.
    """

    mask: Tensor
    weight: float = 1.0

    norm_dims = (1, 2, 3)

    def losses(self, x0: Tensor, target: Tensor | None) -> dict[str, Tensor]:
        """Squared differences of known pixels; missing ones are not read."""
        del target
        known = torch.where(self.mask > 0, x0.detach(), self.known)
        return {"unmasked": self.weight * (known - x0).square().sum()}

    def gradient(self, x0: Tensor, target: Tensor | None) -> Tensor:
        """See `Guidance.gradient`; 0 where pixels are missing."""
        return super().gradient(x0, target).masked_fill(self.mask > 0, 0)


@dataclass(frozen=True, kw_only=True)
class Colorization(Guidance):
    """The grey image stays, colours follow the statistics of faces.

    Attributes:
        style: One of `COLOUR_STYLES`.
    """

    lightness_weight: float = 1.0
    colour_weight: float = 0.05
    style: int = 0

    norm_dims = (2, 3)

    def losses(self, x0: Tensor, target: Tensor | None) -> dict[str, Tensor]:
        """Squared differences of lightness and of colour statistics."""
        del target
        return {
            "lightness": self.lightness_weight * _lightness_loss(self.known, x0).sum(),
            "color": self.colour_weight * _colour_loss(x0, self.style),
        }


@dataclass(frozen=True, kw_only=True)
class Restoration(Guidance):
    """The prediction follows what a restorer makes of the degraded image at each step.

    Attributes:
        restorer: Maps noisy images, degraded images and (n,) steps to restored images.
    """

    restorer: Restorer
    weight: float = 1.0

    def target(self, x: Tensor, timestep: Tensor) -> Tensor:
        """Restored images, clamped to [-1, 1]."""
        return self.restorer(x, self.known, timestep).clamp(-1, 1)

    def losses(self, x0: Tensor, target: Tensor | None) -> dict[str, Tensor]:
        """Squared differences to the restored images."""
        return {"smooth semantics": self.weight * (target - x0).square().sum()}


@dataclass(frozen=True, kw_only=True)
class ReferenceRestoration(Restoration):
    """Restoration that also follows the identity in a photograph.

    Attributes:
        embed: Maps (n, 3, 112, 112) faces to identity vectors.
        reference: (n, 3, h, w) photographs of the persons.
        size: Side of what `embed` takes, in pixels.
    """

    embed: Callable[[Tensor], Tensor]
    reference: Tensor
    size: int = 112
    identity_weight: float = 25.0

    def losses(self, x0: Tensor, target: Tensor | None) -> dict[str, Tensor]:
        """Adds the squared differences of identity vectors, which are not normalised."""
        distance = self._identity(x0) - self._identity(self.reference)
        identity = self.identity_weight * distance.square().sum()
        return {**super().losses(x0, target), "identity": identity}

    def _identity(self, images: Tensor) -> Tensor:
        size = (self.size, self.size)
        return self.embed(functional.interpolate(images, size, mode="bilinear", antialias=True))


@dataclass(frozen=True, kw_only=True)
class OldPhotoRestoration(Restoration):
    """Restores, inpaints and colourises a scratched grey photograph.

    Attributes:
        mask: (n, 1 or 3, h, w); pixels above 0 are missing.
    """

    mask: Tensor
    lightness_weight: float = 1.0
    colour_weight: float = 0.5
    style: int = 0

    norm_dims = (2, 3)

    def losses(self, x0: Tensor, target: Tensor | None) -> dict[str, Tensor]:
        """Lightness against the restored images where pixels are known, and colour statistics."""
        lightness = _lightness_loss(target, x0).masked_fill(self.mask > 0, 0)
        return {
            "lightness": self.lightness_weight * lightness.sum(),
            "color": self.colour_weight * _colour_loss(x0, self.style),
        }

    def gradient(self, x0: Tensor, target: Tensor | None) -> Tensor:
        """See `Guidance.gradient`; 0 where pixels are missing."""
        return super().gradient(x0, target).masked_fill(self.mask > 0, 0)


GUIDANCES: Mapping[str, type[Guidance]] = MappingProxyType(
    {
        "restoration": Restoration,
        "colorization": Colorization,
        "inpainting": Inpainting,
        "ref_restoration": ReferenceRestoration,
        "old_photo_restoration": OldPhotoRestoration,
    }
)


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
    draw: Callable[[], Tensor],
    *,
    repeats: int = 1,
) -> Tensor:
    """Draws images: noise first, then every step from the last to 0.

    Returns:
        (n, 3, h, w), around [-1, 1] and not clamped.
    """
    x = draw()
    for index in reversed(range(schedule.num_steps)):
        x = repeated_step(network, schedule, guidance, x, index, draw, repeats=repeats).sample
    return x


def _lightness_loss(known: Tensor, x0: Tensor) -> Tensor:
    """Squared difference of the channels' mean, once for each channel: (n, 3, h, w)."""
    difference = (known - x0).mean(1, keepdim=True)
    return difference.square().expand_as(x0)


def _colour_loss(x0: Tensor, style: int) -> Tensor:
    """Squared difference to the same images with the mean and deviation of a style."""
    mean, deviation = (x0.new_tensor(v).view(1, 3, 1, 1) for v in COLOUR_STYLES[style])
    var_x, mean_x = torch.var_mean(x0, (2, 3), keepdim=True)
    styled = (x0 - mean_x) / (var_x + 1e-5).sqrt() * deviation + mean
    return (x0 - styled.clamp(-1, 1)).square().sum()
