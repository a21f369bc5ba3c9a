"""CLIP-IQA: does a picture look good to CLIP. Card: docs/metrics/clipiqa.md."""

from __future__ import annotations

from dicface.metrics.facts import BackboneFacts, MetricFacts
from dicface.metrics.quality import QualityMetric

CLIPIQA = BackboneFacts(
    kind="clipiqa",
    offline="",
    official="dicface.metrics.backbones.quality:ClipIqaQuality",
    file="clip_rn50",
)
"""CLIP, asked whether a picture is good and sharp, or not (Wang et al., AAAI 2023)."""


class ClipIqa(QualityMetric):
    """CLIP-IQA of every fourth frame, from 0 to 1."""

    facts = MetricFacts(
        id="clipiqa",
        name="CLIP-IQA",
        unit="",
        higher_is_better=True,
        level="frame",
        digits=3,
    )
    needs = (CLIPIQA,)
    says = "whether a frame is nearer to words such as 'good image' than to 'bad image'"
