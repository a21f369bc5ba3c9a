"""The noise floor."""

import math

import numpy as np
import pandas as pd
import pytest

from dicface.base.errors import MetricError
from dicface.metrics.noise_floor import CODED_KIND, EXACT_KIND, measure_noise_floor
from tests.metrics import _scoring
from tests.metrics._scoring import NUM_FRAMES, TRUTH, protocol

fake, folders = _scoring.fake, _scoring.folders


def test_noise_floor_against_exact_landmarks_is_in_px_of_a_512_px_face(fake, folders) -> None:
    rows = []
    for clip, levels in TRUTH.items():
        for frame, level in enumerate(levels):
            # The fake detector's answer in px of the stored frame, half a stored px to the left
            # in even frames; the jaw far away.
            x = (100 + level + 0.5) / 16 - 0.5 - 0.5 * (frame % 2 == 0)
            y = (100 + 0.5) / 16 - 0.5
            rows += [(clip, frame, p, x + 99 * (p < 17), y) for p in range(68)]
    exact = pd.DataFrame(rows, columns=["clip", "frame", "point", "x", "y"])
    exact = exact.sample(frac=1, random_state=0)
    exact.to_parquet(folders["truth"] / "landmarks.parquet")
    out = folders["out"] / "noise_floor.parquet"
    table = measure_noise_floor(folders["truth"], folders["analysis"], out, protocol())
    pd.testing.assert_frame_equal(pd.read_parquet(out), table)
    assert list(table.columns) == ["kind", "metric", "value", "clips", "backbone"]
    found = table.set_index(["kind", "metric"])
    even = np.mean([math.ceil(len(levels) / 2) / len(levels) for levels in TRUTH.values()])
    assert found.value[EXACT_KIND, "akd"] == pytest.approx(8 * even)
    assert found.value[EXACT_KIND, "tlme"] == pytest.approx(8)
    assert found.clips[EXACT_KIND, "akd"] == 3
    assert "without the jaw" in found.backbone[EXACT_KIND, "akd"]
    coded = found.loc[CODED_KIND]
    assert set(coded.index) == {"psnr", "ids", "akd", "tlme"}
    assert coded.value["psnr"] > 35


def test_noise_floor_copies_at_most_so_many_clips(fake, folders) -> None:
    out = folders["out"] / "noise_floor.parquet"
    table = measure_noise_floor(folders["truth"], folders["analysis"], out, protocol(), max_clips=2)
    assert set(table.kind) == {CODED_KIND}
    assert set(table.clips) == {2}


def test_noise_floor_refuses_landmarks_of_other_clips(fake, folders) -> None:
    rows = [("a", 0, point, 0.0, 0.0) for point in range(68)]
    exact = pd.DataFrame(rows, columns=["clip", "frame", "point", "x", "y"])
    path, out = folders["truth"] / "landmarks.parquet", folders["out"] / "noise_floor.parquet"
    exact.to_parquet(path)
    with pytest.raises(MetricError, match=f"'a' has 1 frames of landmarks and {NUM_FRAMES}"):
        measure_noise_floor(folders["truth"], folders["analysis"], out, protocol())
    exact.iloc[:-1].to_parquet(path)
    with pytest.raises(MetricError, match="67 points"):
        measure_noise_floor(folders["truth"], folders["analysis"], out, protocol())
