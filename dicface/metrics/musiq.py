"""MUSIQ: what people would say of a picture. Card: docs/metrics/musiq.md."""

from __future__ import annotations

from dicface.metrics.facts import BackboneFacts, MetricFacts
from dicface.metrics.quality import QualityMetric

MUSIQ = BackboneFacts(
    kind="musiq",
    offline="",
    official="dicface.metrics.backbones.quality:MusiqQuality",
    file="musiq_koniq",
)
"""A Transformer that learnt people's opinions of KonIQ-10k's photographs (Ke et al., ICCV 2021)."""


class Musiq(QualityMetric):
    """MUSIQ of every fourth frame, from 0 to 100."""

    facts = MetricFacts(
        id="musiq",
        name="MUSIQ",
        unit="",
        higher_is_better=True,
        level="frame",
        digits=2,
    )
    needs = (MUSIQ,)
    says = "the opinion that people would have of a frame as a photograph, learnt from KonIQ-10k"
