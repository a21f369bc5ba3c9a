"""TOPIQ: what people would say of a picture. Card: docs/metrics/topiq.md."""

from __future__ import annotations

from dicface.metrics.facts import BackboneFacts, MetricFacts
from dicface.metrics.quality import QualityMetric

TOPIQ = BackboneFacts(
    kind="topiq",
    offline="",
    official="dicface.metrics.backbones.quality:TopiqQuality",
    file="topiq_koniq",
)
"""A ResNet-50 that learnt people's opinions of KonIQ-10k (Chen et al., IEEE TIP 2024)."""


class Topiq(QualityMetric):
    """TOPIQ of every fourth frame, from 0 to 1."""

    facts = MetricFacts(
        id="topiq",
        name="TOPIQ",
        unit="",
        higher_is_better=True,
        level="frame",
        digits=3,
    )
    needs = (TOPIQ,)
    says = "the opinion that people would have of a frame as a photograph, learnt from KonIQ-10k"
