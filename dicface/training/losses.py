"""The objectives of all stages; images are (n, 3, H, W) in [-1, 1], predictions unclamped.

DicFace minimises (the paper, eq. 7, 10 and 11, with the signs that make it a loss)

    L = KL( Dir(α̂) ‖ Dir(α) ) + E_ŵ |y − y_pred(ŵ)| + λ₂ · LPIPS(y, y_pred).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dicface.base.errors import ConfigError
from dicface.models import dirichlet
from dicface.models.vqgan import vq_loss
from dicface.training.lpips import PerceptualLoss, perceptual_network

__all__ = [
    "Objective",
    "adaptive_weight",
    "code_loss",
    "hinge_d",
    "hinge_g",
    "kl_weight",
    "r1_penalty",
    "vq_loss",
]


class Objective(nn.Module):
    """The paper's L for one draw of ŵ; average it over L draws for more.

    Args:
        prior: α, the same for all codes (paper: 1.0; released configuration: 0.1).
        kl_weight: Factor of the divergence, which sums over N codes while L1 is a mean; 0 is the
            ablation "w/o KL" (and the release's colourisation and inpainting).
        kl_constant: False drops the terms without α̂, as the release does: same gradient.
        lambda2: λ₂, the factor of LPIPS; 0 leaves it out and needs no weights.
        perceptual: LPIPS or a distance in its place; None builds LPIPS from the registry's `vgg16`
            where `lambda2` is not 0.

    Raises:
        ConfigError: A prior that is not positive.
        WeightsError: LPIPS is wanted and the VGG16 file is missing.
    """

    def __init__(
        self,
        *,
        prior: float = 1.0,
        kl_weight: float = 1.0,
        kl_constant: bool = True,
        lambda2: float = 1.0,
        perceptual: PerceptualLoss | None = None,
    ) -> None:
        super().__init__()
        if prior <= 0:
            raise ConfigError(f"objective: prior = {prior}; a Dirichlet prior must be positive.")
        self.prior, self.kl_weight, self.kl_constant = prior, kl_weight, kl_constant
        self.lambda2 = lambda2
        self.perceptual = perceptual or PerceptualLoss(perceptual_network()) if lambda2 else None

    def forward(self, pred: Tensor, y: Tensor, alpha: Tensor) -> dict[str, Tensor]:
        """Returns scalars: `total` and its unweighted terms `l1`, `kl`, `lpips` (where not off).

        A perceptual distance that is not LPIPS is called `perceptual`.

        Args:
            pred: y_pred, (n, 3, H, W).
            y: Truth, same shape.
            alpha: α̂ + 1e-6 as DicFace returns it, (…, N); the mean is over all but N.
        """
        terms = {"l1": F.l1_loss(pred, y)}
        total = terms["l1"]
        if self.kl_weight:
            terms["kl"] = dirichlet.kl(alpha, self.prior, self.kl_constant).mean()
            total = total + self.kl_weight * terms["kl"]
        if self.lambda2:
            terms[self.perceptual.term] = self.perceptual(pred, y)
            total = total + self.lambda2 * terms[self.perceptual.term]
        return {"total": total, **terms}

    def image_loss(self, terms: dict[str, Tensor]) -> Tensor:
        """L1 + λ₂ · perceptual distance of `terms`: what a discriminator's term is weighed by."""
        if not self.lambda2:
            return terms["l1"]
        return terms["l1"] + self.lambda2 * terms[self.perceptual.term]


def kl_weight(scale: float | str, resolution: int, latent_size: int) -> float:
    """Factor of the mean divergence of a position beside the mean error of a value.

    The evidence lower bound (eq. 7) sums both: over h·w positions, and over 3·S² values.

    Args:
        scale: In the units of eq. 7, or "release", which adds the two means.
        resolution: S, side of the frames.
        latent_size: h = w.
    """
    return 1.0 if scale == "release" else scale * latent_size**2 / (3 * resolution**2)


def code_loss(logits: Tensor, lq_feat: Tensor, indices: Tensor, codes: Tensor) -> dict[str, Tensor]:
    """Code prediction of CodeFormer's stage II: feature loss + 0.5 · cross-entropy.

    Args:
        logits: (n, h·w, N).
        lq_feat: (n, d, h, w).
        indices: Codes of the clean faces, integer (n, h, w).
        codes: Their vectors, (n, d, h, w), no gradient.

    Returns:
        Scalars `total`, `feature`, `cross_entropy`.
    """
    feature = F.mse_loss(lq_feat, codes.detach())
    cross_entropy = F.cross_entropy(logits.flatten(0, 1).float(), indices.flatten())
    total = feature + 0.5 * cross_entropy
    return {"total": total, "feature": feature, "cross_entropy": cross_entropy}


def hinge_g(fake: Tensor) -> Tensor:
    """Generator's hinge loss of the discriminator's logits: −mean D(fake)."""
    return -fake.mean()


def hinge_d(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Discriminator's hinge losses: mean max(0, 1 − D(real)), mean max(0, 1 + D(fake))."""
    return F.relu(1 - real).mean(), F.relu(1 + fake).mean()


def r1_penalty(real_logits: Tensor, real: Tensor) -> Tensor:
    """R1 regularisation of a discriminator: ½ · E ‖∇ D(real)‖² (Mescheder et al., 2018).

    Args:
        real_logits: D(real), with its graph.
        real: The images, (n, 3, H, W), which ask for a gradient.
    """
    (slope,) = torch.autograd.grad(real_logits.mean((1, 2, 3)).sum(), real, create_graph=True)
    return 0.5 * slope.square().sum((1, 2, 3)).mean()


def adaptive_weight(reconstruction: Tensor, gan: Tensor, last_layer: Tensor) -> Tensor:
    """Weight of the GAN loss in stages I and III: ratio of gradients at the decoder's last layer.

    Args:
        reconstruction: Scalar L1 + LPIPS, with its graph.
        gan: Scalar generator loss, with its graph.
        last_layer: Weight of the last convolution that learns: the decoder's, or where that is
            frozen the last one of the largest fusion's shift.

    Returns:
        ‖∇ reconstruction‖ / (‖∇ gan‖ + 1e-4), at most 1e4, without gradient.
    """
    (down,) = torch.autograd.grad(reconstruction, last_layer, retain_graph=True)
    (up,) = torch.autograd.grad(gan, last_layer, retain_graph=True)
    return (down.norm() / (up.norm() + 1e-4)).clamp(max=1e4).detach()
