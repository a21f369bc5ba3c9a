"""The Dirichlet distribution over codebook weights (the paper, section 3.2 and eq. 5, 7, 8).

alpha has shape (…, N): one concentration per code and position. Everything here runs outside
autocast, in float32 (float64 stays float64), and is finite with finite gradients for alpha from
1e-4 to 1e4 at N = 1024; the divergence is computed in float64 inside.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from dicface.base.device import float64


def full_precision(x: Tensor) -> Tensor:
    """Half precisions become float32; float32 and float64 stay."""
    return x if x.dtype in (torch.float32, torch.float64) else x.float()


def concentration(logits: Tensor, floor: float = 1e-2, total: float = 0.0) -> Tensor:
    """α̂ = softplus(logits) + floor (DicFace release: floor 1e-2), or κ · softmax(logits) + floor.

    Args:
        logits: (…, N), any float type.
        floor: Smallest α̂. Below 1e-3 samples are one-hot and gradients explode (∝ 1 / α̂²).
        total: κ, to which α̂ sum but for the floor; 0 for the softplus.

    Returns:
        (…, N), float32 or float64.
    """
    with torch.autocast(logits.device.type, enabled=False):
        logits = full_precision(logits)
        return (total * logits.softmax(-1) if total else F.softplus(logits)) + floor


def mean(alpha: Tensor) -> Tensor:
    """E[ŵ] = α̂ / Σ α̂ for ŵ ~ Dir(α̂): (…, N) → (…, N)."""
    alpha = full_precision(alpha)
    return alpha / alpha.sum(-1, keepdim=True)


def rsample(alpha: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Draws ŵ ~ Dir(α̂), differentiable in α̂ (the paper, section 3.3).

    ŵ = softmax(log γ) with independent γ_k ~ Gamma(α̂_k). The logarithms are drawn directly, so
    that a row cannot underflow: for α̂ ≪ 1 the γ themselves are below the smallest float.

    Args:
        alpha: α̂ > 0, (…, N).
        generator: Source of randomness, on the device of `alpha`; torch's own if None.

    Returns:
        ŵ, (…, N), sums to 1 over the last axis.
    """
    with torch.autocast(alpha.device.type, enabled=False):
        return _LogGamma.apply(full_precision(alpha), generator).softmax(-1)


class _LogGamma(torch.autograd.Function):
    """log γ for γ ~ Gamma(a, 1), with the implicit reparameterisation gradient."""

    @staticmethod
    def forward(ctx: FunctionCtx, a: Tensor, generator: torch.Generator | None) -> Tensor:
        # Gamma(a) = Gamma(a + 1) · U^(1/a) keeps small shapes away from the underflow.
        boost = a < 1
        log_x = torch._standard_gamma(a + boost, generator=generator).log()
        log_x -= boost * torch.empty_like(a).exponential_(generator=generator) / a
        ctx.save_for_backward(a, log_x)
        return log_x

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor, None]:
        a, log_x = ctx.saved_tensors
        x = log_x.exp()
        # The cdf tends to x^a / Γ(a + 1) for x → 0, hence d log x / da there.
        small = (torch.digamma(a + 1) - log_x) / a
        implicit = torch._standard_gamma_grad(a, x) / x
        return grad * torch.where(log_x < math.log(1e-5), small, implicit), None


def kl(alpha: Tensor, prior: float, constant: bool = True) -> Tensor:
    """KL( Dir(α̂) ‖ Dir(α) ) with a symmetric prior α (the paper, eq. 8).

    With A = Σ α̂ and B = N·α:
    lnΓ(A) − Σ lnΓ(α̂) − lnΓ(B) + N lnΓ(α) + Σ (α̂ − α)(ψ(α̂) − ψ(A)). Eq. 8 as printed has ψ(B) for
    ψ(A); the derivation, the release and this function have ψ(A).

    Args:
        alpha: α̂ > 0, (…, N).
        prior: α > 0 (headline value 1.0; the released configuration has 0.1).
        constant: False leaves out N lnΓ(α) − lnΓ(B), as the release does: same gradient, but the
            value may be negative.

    Returns:
        One value per row, (…), float32 or float64 like alpha. Relative error below 1e-6, also for
        α̂ = α·(1 ± 1e-3).
    """
    with torch.autocast(alpha.device.type, enabled=False):
        alpha = full_precision(alpha)
        value = _DirichletKL.apply(alpha, float(prior))
        if constant:
            return value.to(alpha)
        n = alpha.shape[-1]
        return (value - (n * math.lgamma(prior) - math.lgamma(n * prior))).to(alpha)


class _DirichletKL(torch.autograd.Function):
    """KL in float64 with its closed-form gradient (α̂ − α) ψ₁(α̂) − (A − B) ψ₁(A)."""

    @staticmethod
    def forward(ctx: FunctionCtx, alpha: Tensor, prior: float) -> Tensor:
        ctx.save_for_backward(alpha)
        ctx.prior = prior
        excess = float64(alpha) - prior
        total = _bregman(excess.shape[-1] * prior, excess.sum(-1))
        return (_bregman(prior, excess).sum(-1) - total).clamp_min(0)  # rounding alone goes below

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor, None]:
        (alpha,) = ctx.saved_tensors
        a = float64(alpha)
        n = a.shape[-1]
        excess = (a - ctx.prior).sum(-1, keepdim=True)
        slope = (a - ctx.prior) * torch.polygamma(1, a)
        slope -= excess * torch.polygamma(1, n * ctx.prior + excess)
        return (grad.unsqueeze(-1) * slope).to(alpha), None


def _bregman(b: float, d: Tensor) -> Tensor:
    """lnΓ(b) − lnΓ(b + d) + d ψ(b + d) ≥ 0, with a small relative error for any d > −b.

    Next to b the direct form loses all digits; there it is the integral of t ψ₁(b + t) over t in
    [0, d], term by term: Σ ψ₁₊ₖ(b) dᵏ⁺² / (k! (k + 2)); five terms leave 1e-9 for |d| < b / 100.
    """
    direct = math.lgamma(b) - torch.lgamma(b + d) + d * torch.digamma(b + d)
    near = torch.zeros_like(d)
    for k in reversed(range(5)):
        zeta = torch.special.zeta(torch.tensor(k + 2.0, dtype=torch.float64, device="cpu"), b)
        polygamma = (-1) ** k * math.factorial(k + 1) * zeta.item()  # ψ₁₊ₖ(b)
        near = near * d + polygamma / math.factorial(k) / (k + 2)
    return torch.where(d.abs() < 0.01 * b, near * d.square(), direct)
