"""Two more kinds of PGDiff's guidance: no task of the suite uses them, reference tensors hold them.

They show that losses, gradients and steps are the release's beyond the three tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor
from torch.nn import functional

from baselines.networks.guidance import (
    Colorization,
    Guidance,
    Inpainting,
    Restoration,
    colour_loss,
    lightness_loss,
)


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
        lightness = lightness_loss(target, x0).masked_fill(self.mask > 0, 0)
        return {
            "lightness": self.lightness_weight * lightness.sum(),
            "color": self.colour_weight * colour_loss(x0, self.style),
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
