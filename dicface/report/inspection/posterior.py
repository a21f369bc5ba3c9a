"""Numbers of the code weights of a set of frames: divergence, concentration, codes in use.

Shapes: T frames of a clip, h·w positions of the latent grid, N codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from dicface.base.device import float64
from dicface.models import dirichlet
from dicface.restoring.code_weights import code_numbers

ADDED = 1e-6
"""What the divergence of a training adds to α̂."""


def entropy(weights: Tensor) -> Tensor:
    """Entropy of weights (…, N) in nats, (…); its exponential is their effective number.

    >>> entropy(torch.full((4,), 0.25)).exp().item()
    4.0
    """
    return torch.special.entr(weights).sum(-1)


def latent_variance(alpha: Tensor, weights: Tensor, codes: Tensor, has_dirichlet: bool) -> Tensor:
    """Variance of a position's latent, tr Cov[v̂] for v̂ = ŵᵀc.

    Under Dir(α̂) with A = Σ α̂, Cov[ŵ] = (diag(m) − m mᵀ) / (A + 1) with m = E[ŵ]. Without a
    Dirichlet one code is drawn with the probabilities ŵ, which is the limit A → 0.

    Args:
        alpha: α̂, (…, N).
        weights: ŵ as predicted, (…, N).
        codes: The codebook, (N, d).
        has_dirichlet: Whether ŵ has a distribution.

    Returns:
        (…) ≥ 0.
    """
    expected = alpha / alpha.sum(-1, keepdim=True) if has_dirichlet else weights
    spread = expected @ codes.square().sum(-1) - (expected @ codes).square().sum(-1)
    return spread.clamp_min(0) / (alpha.sum(-1) + 1 if has_dirichlet else 1)


@dataclass
class Posterior:
    """Gathers the numbers of all frames.

    Attributes:
        priors: Each α that the divergence is taken from, with where it comes from; none without a
            Dirichlet.
        num_codes: N.
    """

    priors: Sequence[tuple[float, str]]
    num_codes: int
    _rows: list[Tensor] = field(default_factory=list)
    _best: list[Tensor] = field(default_factory=list)
    _sum: Tensor | float = 0.0

    def add(self, alpha: Tensor, weights: Tensor) -> None:
        """Takes α̂ and ŵ of a clip, both (T, h·w, N), on the CPU."""
        alpha, weights = float64(alpha), float64(weights)
        divergence = [dirichlet.kl(alpha + ADDED, prior) for prior, _ in self.priors]
        columns = (alpha.sum(-1), entropy(weights).exp(), weights.amax(-1), *divergence)
        self._rows.append(torch.stack(columns, -1).flatten(0, 1))
        self._best.append(weights.argmax(-1).flatten())
        self._sum = self._sum + weights.flatten(0, 1).sum(0)

    def numbers(self, positions: int) -> dict[str, Any]:
        """Returns what was found, as values of JSON.

        Args:
            positions: h·w.
        """
        rows = torch.cat(self._rows)
        total, effective, largest = rows.T[:3]
        used = code_numbers(torch.cat(self._best).numpy(), self.num_codes)
        return {
            "distribution": "Dirichlet" if self.priors else "softmax",
            "divergence": [
                {
                    "prior": prior,
                    "from": source,
                    "nats_a_position": nats.mean().item(),
                    "nats_a_frame": nats.mean().item() * positions,
                }
                for (prior, source), nats in zip(self.priors, rows.T[3:], strict=True)
            ],
            "alpha_sum_mean": total.mean().item() if self.priors else None,
            "alpha_sum_sd": total.std().item() if self.priors else None,
            "effective_codes": effective.mean().item(),
            "effective_codes_of_mean": entropy(self._sum / len(rows)).exp().item(),
            "largest_weight": largest.mean().item(),
            "codes_used": used["codes_used"],
            "codes_used_perplexity": used["perplexity"],
        }
