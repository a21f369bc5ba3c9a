"""NIQE: natural image quality without a reference. Card: docs/metrics/niqe.md."""

from __future__ import annotations

from dicface.metrics.facts import BackboneFacts, MetricFacts
from dicface.metrics.quality import QualityMetric

NIQE = BackboneFacts(
    kind="niqe",
    offline="",
    official="dicface.metrics.backbones.quality:NiqeQuality",
    file="niqe",
)
"""Statistics of natural pictures (Mittal et al., IEEE SPL 2013)."""


class Niqe(QualityMetric):
    """NIQE of every fourth frame, from 0; lower is more natural."""

    facts = MetricFacts(
        id="niqe",
        name="NIQE",
        unit="",
        higher_is_better=False,
        level="frame",
        digits=2,
    )
    needs = (NIQE,)
    says = "how far a frame's statistics are from those of natural photographs"
