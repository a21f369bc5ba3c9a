"""PSNR by region: answers that are known, and the scorer with masks."""

import numpy as np
import pytest

from dicface.base.errors import MetricError
from dicface.metrics.clip_scorer import score_beside
from dicface.metrics.psnr import psnr
from dicface.metrics.regions import region_psnr, seam
from tests.metrics import _scoring

fake = _scoring.fake
SIDE = 64
MASK = np.zeros((SIDE, SIDE), bool)
MASK[16:48, 16:48] = True
TRUTH = np.full((2, SIDE, SIDE, 3), 100, np.uint8)
NAMES = ("psnr_masked", "psnr_seam", "psnr_known", "psnr_composited")


def decibels(error: float) -> float:
    return float(20 * np.log10(255 / error))


def scored(restored: np.ndarray, masks: list | None) -> dict[str, float]:
    from dicface.metrics.analysis import analyse_frames
    from dicface.metrics.protocol import EvaluationProtocol

    protocol = EvaluationProtocol.resolve("offline", metrics=NAMES)
    analysis = analyse_frames("a", TRUTH, protocol, needed=())
    (score,) = score_beside("a", [restored], TRUTH, analysis, protocol, metrics=NAMES, masks=masks)
    return {name: score.value(name) for name in NAMES}


def test_an_error_under_the_mask_is_seen_there_and_in_the_composited_frame() -> None:
    restored = TRUTH + np.where(MASK, 10, 0).astype(np.uint8)[..., None]
    found = scored(restored, [MASK, MASK])
    assert found["psnr_masked"] == pytest.approx(decibels(10))
    assert found["psnr_known"] == 100
    assert found["psnr_composited"] == pytest.approx(psnr(restored[0], TRUTH[0]))
    assert decibels(10) < found["psnr_seam"] < found["psnr_composited"]


def test_an_error_of_known_pixels_costs_nothing_but_there() -> None:
    restored = TRUTH + np.where(MASK, 0, 5).astype(np.uint8)[..., None]
    found = scored(restored, [MASK, MASK])
    assert found["psnr_known"] == pytest.approx(decibels(5))
    assert found["psnr_masked"] == found["psnr_composited"] == 100
    assert 100 > found["psnr_seam"] > decibels(5)


def test_the_seam_is_four_px_of_512_on_either_side() -> None:
    large = np.kron(MASK, np.ones((8, 8), bool))
    edge = seam(large)
    assert edge[256, 128 - 4 : 128 + 4].all()
    assert not edge[256, [128 - 5, 128 + 4]].any()
    assert seam(MASK).sum() == 34**2 - 30**2  # at least one px of the frame


def test_without_a_mask_or_pixels_there_is_no_value() -> None:
    assert np.isnan(region_psnr(TRUTH[0], TRUTH[0], np.zeros_like(MASK)))
    with pytest.raises(MetricError, match="PSNR masked: found no mask; expected one"):
        scored(TRUTH, None)
    with pytest.raises(MetricError, match="mask: found 32×32 px, expected the 64×64 px"):
        region_psnr(TRUTH[0], TRUTH[0], MASK[:32, :32])
