"""Partial guidance of a diffusion prior (Yang et al., PGDiff, NeurIPS 2023, section 3).

At each step the predicted clean image is compared with what is known of it; the gradient of that
loss with respect to the prediction, not through the network, moves the sample.

Shapes: n images, 3 channels, h×w positions. Images are RGB in [-1, 1].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

Restorer = Callable[[Tensor, Tensor, Tensor], Tensor]

# Mean and standard deviation of R, G, B that a colourised face takes; 0 is the average of
# CelebA-HQ, the release's default.
COLOUR_STYLES = (
    ((0.03202754, -0.16308397, -0.26475719), (0.53549316, 0.47539538, 0.46814889)),
    ((0.05546914, -0.22203779, -0.48434922), (0.60425657, 0.53711116, 0.45434347)),
    ((-0.43500257, -0.65664947, -0.7156179), (0.47355509, 0.29044732, 0.2357967)),
    ((-0.35427222, -0.41545531, -0.36199731), (0.42282647, 0.33328968, 0.36431086)),
)


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
            "lightness": self.lightness_weight * lightness_loss(self.known, x0).sum(),
            "color": self.colour_weight * colour_loss(x0, self.style),
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


def lightness_loss(known: Tensor, x0: Tensor) -> Tensor:
    """Squared difference of the channels' mean, once for each channel: (n, 3, h, w)."""
    difference = (known - x0).mean(1, keepdim=True)
    return difference.square().expand_as(x0)


def colour_loss(x0: Tensor, style: int) -> Tensor:
    """Squared difference to the same images with the mean and deviation of a style."""
    mean, deviation = (x0.new_tensor(v).view(1, 3, 1, 1) for v in COLOUR_STYLES[style])
    var_x, mean_x = torch.var_mean(x0, (2, 3), keepdim=True)
    styled = (x0 - mean_x) / (var_x + 1e-5).sqrt() * deviation + mean
    return (x0 - styled.clamp(-1, 1)).square().sum()
