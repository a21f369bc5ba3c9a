"""FAN: its crop, and how landmarks are read from its heat maps."""

import numpy as np
import pytest
import torch

from dicface.base.errors import WeightsError
from dicface.faces.dlib_models import Box
from dicface.metrics.backbones.landmarks import FanLandmarks, fan_crop, heatmap_peaks
from dicface.weights import registry


class Pooled(torch.nn.Module):
    """Stands for FAN: every heat map is the picture itself, 256 px averaged to 64 cells."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        heat = torch.nn.functional.avg_pool2d(x.mean(dim=1, keepdim=True), 4)
        return heat.expand(-1, 68, -1, -1)


def test_a_program_that_the_registry_does_not_know_is_never_run(tmp_path) -> None:
    path = tmp_path / "fan.zip"
    torch.jit.script(Pooled()).save(str(path))
    registry.mark_seeded(path)
    with pytest.raises(WeightsError, match=r"fan\.zip: is a program .* another one is never run"):
        FanLandmarks(path, "cpu").locate(np.zeros((512, 512, 3), np.uint8), Box(150, 140, 350, 340))


def test_fan_finds_a_spot_where_it_is(tmp_path, register_script) -> None:
    path = tmp_path / "fan.zip"
    torch.jit.script(Pooled()).save(str(path))
    register_script("fan_2dfan4", path)
    fan = FanLandmarks(path, "cpu")
    box = Box(150, 140, 350, 340)
    corner, side = fan_crop(box)
    assert side == pytest.approx(200 / 195 * 400)
    assert corner + side / 2 == pytest.approx([250, 240 - 0.12 * 200])
    columns, rows = np.meshgrid(np.arange(512), np.arange(512))
    rng = np.random.default_rng(0)
    for _ in range(20):
        x, y = rng.uniform(corner + 40, corner + side - 40)
        spot = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 8.0**2))
        face = np.repeat(spot[..., None], 3, axis=2).astype(np.uint8)
        points = fan.locate(face, box)
        assert points.shape == (68, 2)
        # A quarter-cell code leaves at most a quarter of a cell (6.4 px) of error.
        assert np.abs(points[0] - [x, y]).max() < 0.3 * side / 64
    assert fan.info.official


def test_heatmap_peaks_step_a_quarter_towards_the_larger_neighbour() -> None:
    heat = np.zeros((3, 64, 64))
    heat[0, 10, 20], heat[0, 10, 21], heat[0, 9, 20] = 1, 0.5, 0.5
    heat[1, 0, 63] = 1
    heat[2, 5, 5] = 1
    assert heatmap_peaks(heat).tolist() == [[20.25, 9.75], [63, 0], [5, 5]]
