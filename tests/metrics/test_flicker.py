"""The flicker spectrum: brightness that changes by known amounts, in known bands and places."""

import numpy as np
import pytest

from dicface.base.errors import MetricError
from dicface.metrics import functional
from dicface.metrics.flicker import BANDS, REGIONS, flicker_spectrum, region_luma

NAMES = ("slow", "middle", "fast", "eyes", "mouth", "background")
RNG = np.random.default_rng(0)


def energy(luma: np.ndarray) -> dict[str, float]:
    return {band: np.square(part).mean() for band, part in flicker_spectrum(luma).items()}


def measured(frames: np.ndarray) -> dict[str, float]:
    return {name: getattr(functional, f"flicker_{name}")(frames) for name in NAMES}


def test_bands_add_up_to_all_changes() -> None:
    luma = RNG.normal(0, 3, 4000).cumsum()
    assert sum(flicker_spectrum(luma).values()) == pytest.approx(np.diff(luma))
    assert sum(energy(luma).values()) == pytest.approx(np.square(np.diff(luma)).mean())
    edges = sorted(edge for band in BANDS.values() for edge in band)
    assert (edges[0], edges[-1], edges[1::2][:-1]) == (0, 0.5, edges[2::2])


@pytest.mark.parametrize(("cycles", "band"), [(0.05, "slow"), (0.2, "middle"), (0.4, "fast")])
def test_a_wave_lies_in_its_band_with_the_energy_of_its_steps(cycles: float, band: str) -> None:
    found = energy(5 * np.sin(2 * np.pi * cycles * np.arange(400)))
    expected = (2 * 5 * np.sin(np.pi * cycles)) ** 2 / 2
    assert found[band] == pytest.approx(expected, rel=0.02)
    assert sum(found.values()) - found[band] < 0.02 * expected


def test_white_flicker_is_spread_as_theory_says() -> None:
    # Its changes have the density 4 sin²(πf) of twice the variance.
    fast = energy(RNG.normal(0, 3, 20_000))["fast"]
    assert fast == pytest.approx(9 * (1 + 2 / np.pi), rel=0.03)


def test_a_still_film_has_none_and_a_flicker_of_known_size_is_found_everywhere() -> None:
    still = np.full((24, 64, 64, 3), 100, np.uint8)
    assert set(measured(still).values()) == {0.0}
    found = measured(still + 4 * (np.arange(24) % 2).astype(np.uint8)[:, None, None, None])
    assert found["slow"] + found["middle"] + found["fast"] == pytest.approx(16)
    assert found["fast"] == pytest.approx(found["eyes"]) == pytest.approx(found["background"])
    assert found["fast"] > 15


def test_regions_are_where_the_template_has_them() -> None:
    frames = np.full((12, 512, 512, 3), 100, np.uint8)
    left, top, right, bottom = REGIONS["mouth"]
    frames[::2, top:bottom, left:right] += 8
    found = measured(frames)
    assert found["mouth"] > 55
    assert found["eyes"] == found["background"] == 0
    share = (right - left) * (bottom - top) / (288 * 320)
    assert found["fast"] == pytest.approx(found["mouth"] * share**2)


def test_green_weighs_most_and_whole_frames_are_refused() -> None:
    colours = np.zeros((3, 16, 16, 3), np.uint8)
    colours[[0, 1, 2], :, :, [0, 1, 2]] = 100
    assert [region_luma(c, "background") for c in colours] == pytest.approx([29.9, 58.7, 11.4])
    with pytest.raises(MetricError, match="16×24 px; face metrics need square"):
        region_luma(np.zeros((24, 16, 3), np.uint8), "face")
    with pytest.raises(MetricError, match="Flicker: a clip of 4 frames has no value"):
        functional.flicker_fast(np.zeros((4, 16, 16, 3), np.uint8))
