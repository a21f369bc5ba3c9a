"""Rows of several trainings: components as simulated, both spreads in every interval and test."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dicface.base.seeds import numpy_rng
from dicface.report.render.markdown import to_markdown
from dicface.report.tables.build import Conditions, build_table
from dicface.report.tables.replicates import (
    replicated_difference,
    replicated_mean,
    replicated_set,
    spreads,
)
from dicface.report.tables.rows import Row
from dicface.report.tables.spec import TableSpec
from dicface.report.tables.statistics import FeatureSet, set_interval
from dicface.report.tables.table import read_table, to_json


def simulated(rng, trainings=3, clips=20, *, of_clips=0.3, of_trainings=0.22, rest=0.1, mean=0.0):
    """Values of a row; the spread of trainings is that of three seeds of the demo, in dB."""
    return (
        mean
        + rng.normal(0, of_clips, clips)
        + rng.normal(0, of_trainings, (trainings, 1))
        + rng.normal(0, rest, (trainings, clips))
    )


def test_components_are_those_that_were_put_in():
    rng = numpy_rng("test", "components")
    found = [dataclasses.astuple(spreads(simulated(rng, 12, 30))) for _ in range(150)]
    clips, trainings, rest = np.sqrt(np.square(found).mean(axis=0))
    assert clips == pytest.approx(0.3, rel=0.06)
    assert trainings == pytest.approx(0.22, rel=0.08)
    assert rest == pytest.approx(0.1, rel=0.03)


def test_the_interval_covers_what_it_says_with_three_trainings_of_twenty_clips():
    rng = numpy_rng("test", "coverage of trainings")
    # 20 000 sets give 93.2 and 95.0 % (benchmarks/simulated_statistics.py); three standard
    # deviations of a share of 3000 on either side.
    found = [replicated_mean(simulated(rng)) for _ in range(3000)]
    assert np.mean([each.low < 0 < each.high for each in found]) == pytest.approx(0.932, abs=0.014)
    pairs = [replicated_difference(simulated(rng), simulated(rng)) for _ in range(3000)]
    coverage = np.mean([each.low < 0 < each.high for each, _ in pairs])
    assert coverage == pytest.approx(0.95, abs=0.012)
    for estimate, p in pairs[:200]:
        assert (p < 0.05) == (not estimate.low <= 0 <= estimate.high)


def test_a_spread_between_trainings_widens_the_interval_and_none_leaves_that_of_clips():
    rng = numpy_rng("test", "widens")
    clips = rng.normal(size=12)
    alike = np.stack([clips, clips, clips])
    expected = stats.t.interval(0.95, 11, clips.mean(), clips.std(ddof=1) / np.sqrt(12))
    found = replicated_mean(alike)
    assert (found.low, found.high) == pytest.approx(expected)
    apart = alike + np.array([[-1.0], [0.0], [1.0]])
    wide = replicated_mean(apart)
    assert wide.mean == pytest.approx(found.mean)
    assert wide.high - wide.low > 2 * (found.high - found.low)


def test_a_row_of_one_training_beside_one_of_three():
    rng = numpy_rng("test", "one beside three")
    clips = rng.normal(25, 3, 20)
    a, b = clips + simulated(rng, mean=2.0), (clips + rng.normal(0, 0.1, 20))[None]
    estimate, p = replicated_difference(a, b)
    assert estimate.mean == pytest.approx((a.mean(0) - b[0]).mean())
    assert estimate.low > 0
    assert p < 0.05
    back, same = replicated_difference(b, a)
    assert (back.mean, back.low) == pytest.approx((-estimate.mean, -estimate.high))
    assert same == pytest.approx(p)
    only, p = replicated_difference(b, b[:, ::-1])
    t = stats.ttest_1samp(b[0] - b[0, ::-1], 0)
    assert p == pytest.approx(t.pvalue)


def test_clips_that_a_training_lacks_are_left_out_and_too_few_give_none():
    values = simulated(numpy_rng("test", "missing"), 3, 8)
    values[1, 0] = np.nan
    found = replicated_mean(values)
    assert found.clips == 7
    assert found.mean == pytest.approx(values[:, 1:].mean())
    assert np.isnan(replicated_mean(np.full((3, 4), np.nan)).mean)
    one = replicated_mean(values[:, 1:2])
    assert (one.clips, np.isnan(one.low)) == (1, True)


def features(shift, rng, truth, clips=tuple("abcdefgh")):
    return FeatureSet(
        clips=clips,
        restored=truth + shift + rng.normal(0, 0.01, truth.shape),
        truth=truth,
        window_clip=np.array(clips),
        distance=lambda a, b: float(np.square(a.mean(0) - b.mean(0)).sum()),
    )


def test_set_level_distances_have_both_spreads_too():
    rng = numpy_rng("test", "set of trainings")
    truth = rng.normal(size=(8, 3))
    same = [features(1.0, rng, truth) for _ in range(3)]
    apart = [features(shift, rng, truth) for shift in (0.8, 1.0, 1.2)]
    narrow, wide = replicated_set(same)[0], replicated_set(apart)[0]
    assert narrow.mean == pytest.approx(np.mean([each.whole for each in same]))
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)
    assert wide.low >= 0
    estimate, p = replicated_set(apart, same)
    assert estimate.mean == pytest.approx(wide.mean - narrow.mean)
    assert p > 0.05
    once = replicated_set(same[:1])[0]
    assert (once.low, once.high) == pytest.approx(
        (set_interval(same[0]).low, set_interval(same[0]).high)
    )


@pytest.fixture
def row(tmp_path):
    def make(name, *trainings, **facts):
        paths = []
        for number, values in enumerate(trainings, 1):
            folder = tmp_path / f"{name}{number}"
            folder.mkdir()
            lines = [
                {"clip": f"clip_{i:02d}", "metric": "psnr", "value": value}
                for i, value in enumerate(values)
            ]
            scores = pd.DataFrame(lines).assign(
                task="bfr", method=name, num_frames=1, num_missing=0, backbone="", note="",
                backbone_sha256="", official=True, protocol="test-1",
            )  # fmt: skip
            scores.to_parquet(folder / "metrics.parquet")
            paths.append(folder / "metrics.parquet")
        first, *others = paths
        return Row(
            method=name, label=name, group="All", metrics=first, replicates=tuple(others), **facts
        )

    return make


def test_a_table_tells_rows_apart_only_by_both_spreads(row, tmp_path):
    rng = numpy_rng("test", "table of trainings")
    clips = rng.normal(25, 1, 20)
    noisy = [clips + rng.normal(0, 0.02, 20) + shift for shift in (-0.5, 0.1, 0.6)]
    rows = [
        row("base", *(clips + rng.normal(0, 0.02, 20) for _ in range(3))),
        row("noisy", *noisy),
        row("better", *(clips + 2 + rng.normal(0, 0.02, 20) for _ in range(3))),
    ]
    spec = TableSpec(name="t", title="T", rows=(), references=("base",))
    from dicface.metrics import METRICS

    table = build_table(spec, rows, Conditions(metrics=[METRICS["psnr"]]))
    p = table.differences.set_index("method_b")["p_corrected"]
    assert p["noisy"] > 0.05
    assert p["better"] < 0.05
    alone = [dataclasses.replace(each, replicates=()) for each in rows]
    before = build_table(spec, alone, Conditions(metrics=[METRICS["psnr"]]))
    assert (before.differences["p_corrected"] < 0.05).all(), "one training each told them apart"
    text = to_markdown(table)
    assert "standard deviations between clips / between 3 trainings / rest: PSNR" in text
    assert "A row of one training holds that of clips alone" in text
    (tmp_path / "t.json").write_text(to_json(table, tmp_path))
    again = read_table(tmp_path / "t.json")
    assert again.rows[1].replicates == rows[1].replicates
    assert to_markdown(again) == text
