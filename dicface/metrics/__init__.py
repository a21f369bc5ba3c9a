"""The seven metrics of the paper's tables: definitions, backbones, the scorer, the noise floor."""

from dicface.metrics import akd, fvd, ids, lpips, psnr, ssim, tlme
from dicface.metrics.facts import FACE_SIZE, MetricFacts

METRICS: dict[str, MetricFacts] = {
    module.FACTS.id: module.FACTS for module in (psnr, ssim, lpips, ids, akd, fvd, tlme)
}
"""Facts of every metric, in the order of the paper's columns."""

__all__ = ["FACE_SIZE", "METRICS", "MetricFacts"]
