"""Statistics of tables: intervals cover, differences are paired, nothing depends on order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from dicface.base.errors import MetricError
from dicface.base.seeds import numpy_rng
from dicface.report.tables.statistics import (
    MIN_VERDICT_CLIPS,
    FeatureSet,
    bootstrap_counts,
    holm,
    in_order,
    jackknife_interval,
    mean_interval,
    ranks,
    set_difference,
    set_interval,
    sign_flip_test,
    tail_probability,
    wins,
)

CLIPS = tuple(f"clip_{i:02d}" for i in range(12))
NAN = float("nan")


def squared_distance_of_means(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.square(a.mean(axis=0) - b.mean(axis=0)).sum())


def features_of(restored: np.ndarray, truth: np.ndarray, clips=CLIPS, windows=1, distance=None):
    return FeatureSet(
        clips=tuple(clips),
        restored=restored,
        truth=truth,
        window_clip=np.repeat(clips, windows),
        distance=distance or squared_distance_of_means,
    )


def test_every_resample_draws_as_many_clips_as_there_are():
    counts = bootstrap_counts(CLIPS, num_resamples=500)
    assert counts.shape == (500, 12)
    assert (counts.sum(axis=1) == 12).all()
    assert counts.mean(axis=0) == pytest.approx(np.ones(12), abs=0.2)


def test_resamples_depend_on_the_names_of_the_clips_alone():
    again = bootstrap_counts(CLIPS, num_resamples=50)
    assert (bootstrap_counts(CLIPS, num_resamples=50) == again).all()
    assert (bootstrap_counts(CLIPS[::-1], num_resamples=50) != again).any()


@pytest.mark.parametrize("num_clips", [6, 12, 40])
def test_interval_covers_the_mean_of_normal_data_as_often_as_it_says(num_clips):
    rng = numpy_rng("test", "coverage", num_clips)
    counts = bootstrap_counts([str(i) for i in range(num_clips)], num_resamples=1000)
    sets = rng.normal(size=(4000, num_clips))
    found = [mean_interval(values, counts) for values in sets]
    coverage = np.mean([estimate.low < 0 < estimate.high for estimate in found])
    assert coverage == pytest.approx(0.95, abs=0.022)
    # The plain percentile interval, which docs/tables.md says is too short, would not pass.
    low, high = np.quantile(sets[:1000] @ counts.T / num_clips, [0.025, 0.975], axis=1)
    if num_clips < 40:
        assert np.mean((low < 0) & (high > 0)) < 0.925


def test_few_clips_widen_the_interval_like_students_t():
    assert tail_probability(6) < tail_probability(12) < tail_probability(1000) < 0.025
    assert tail_probability(100_000) == pytest.approx(0.025, abs=1e-4)
    values = numpy_rng("test", "t").normal(size=8)
    found = mean_interval(values, bootstrap_counts(CLIPS[:8]))
    t = stats.t.interval(0.95, 7, values.mean(), values.std(ddof=1) / np.sqrt(8))
    assert (found.low, found.high) == pytest.approx(t, abs=0.25 * (t[1] - t[0]))


def test_paired_difference_is_much_surer_than_the_means_of_alike_methods():
    rng = numpy_rng("test", "paired")
    hardness = rng.normal(25, 3, size=12)
    a, b = hardness + 0.5 + rng.normal(0, 0.1, 12), hardness + rng.normal(0, 0.1, 12)
    counts = bootstrap_counts(CLIPS)
    mean_a, mean_b, difference = (mean_interval(x, counts) for x in (a, b, a - b))
    assert difference.mean == pytest.approx(mean_a.mean - mean_b.mean)
    assert difference.high - difference.low < 0.2 * (mean_a.high - mean_a.low)
    assert difference.sign() == 1
    assert mean_interval(b - a, counts).sign() == -1
    assert mean_interval(a - a, counts).sign() == 0
    assert mean_a.low < mean_b.mean < mean_a.high


def test_shift_of_a_method_shifts_its_interval_because_resamples_are_shared():
    values = numpy_rng("test", "shift").normal(size=12)
    counts = bootstrap_counts(CLIPS)
    base, shifted = mean_interval(values, counts), mean_interval(values + 3, counts)
    assert (shifted.low - base.low, shifted.high - base.high) == pytest.approx((3, 3))


def test_missing_clips_are_left_out_and_counted():
    values = np.array([1.0, 2.0, NAN, 4.0])
    found = mean_interval(values, bootstrap_counts(CLIPS[:4]))
    assert found.clips == 3
    assert found.mean == pytest.approx(7 / 3)
    assert 1 <= found.low < found.mean < found.high <= 4


def test_too_few_clips_give_no_verdict_however_clear_they_look():
    for num_clips, sign in ((MIN_VERDICT_CLIPS - 1, 0), (MIN_VERDICT_CLIPS, 1)):
        found = mean_interval(np.linspace(1, 2, num_clips), bootstrap_counts(CLIPS[:num_clips]))
        assert found.low > 0
        assert found.sign() == sign


def test_distances_have_no_negative_interval_and_differences_may():
    truth = numpy_rng("test", "negative").normal(size=(12, 2))
    restored = truth.copy()
    restored[0] += 5
    assert set_interval(features_of(restored, truth)).low == 0
    difference, _ = set_difference(features_of(restored, truth), features_of(truth, truth))
    assert difference.low < 0


def test_one_clip_has_a_mean_and_no_interval_and_none_has_nothing():
    counts = bootstrap_counts(CLIPS[:3])
    one = mean_interval(np.array([NAN, 5.0, NAN]), counts)
    assert (one.mean, one.clips) == (5.0, 1)
    assert np.isnan([one.low, one.high]).all()
    assert one.sign() == 0
    none = mean_interval(np.full(3, NAN), counts)
    assert none.clips == 0
    assert np.isnan([none.mean, none.low, none.high]).all()


def test_jackknife_of_a_mean_is_students_interval():
    values = numpy_rng("test", "jackknife").normal(size=9)
    left_out = (values.sum() - values) / 8
    found = jackknife_interval(float(values.mean()), left_out, 9)
    expected = stats.t.interval(0.95, 8, values.mean(), values.std(ddof=1) / 3)
    assert (found.low, found.high) == pytest.approx(expected)


def test_set_interval_leaves_out_whole_clips():
    rng = numpy_rng("test", "set")
    truth = rng.normal(size=(24, 3))
    features = features_of(truth + 1, truth, windows=2)
    assert features.num_windows == 24
    by_hand = squared_distance_of_means(truth[2:] + 1, truth[2:])
    assert features.left_out[0] == pytest.approx(by_hand)
    found = set_interval(features)
    assert (found.mean, found.clips) == (pytest.approx(3.0), 12)


def test_set_difference_is_paired_and_uses_common_clips():
    rng = numpy_rng("test", "set difference")
    truth = rng.normal(size=(12, 4))
    noise = rng.normal(0, 1, size=(12, 4))
    worse = features_of(truth + 2.1 + noise, truth)
    better = features_of((truth + 2 + noise)[:-1], truth[:-1], clips=CLIPS[:-1])
    difference, p = set_difference(worse, better)
    alone = set_interval(worse)
    assert difference.clips == 11
    assert 0 < difference.mean
    assert difference.high - difference.low < 0.2 * (alone.high - alone.low)
    assert p < 0.05
    same, p_same = set_difference(worse, worse)
    assert (same.mean, same.low, same.high, p_same) == (0, 0, 0, 1)


def test_sign_flip_test_is_exact_for_few_clips():
    assert sign_flip_test(np.array([1.0, 2.0, 3.0])) == pytest.approx(2 / 8)
    assert sign_flip_test(np.array([1.0, -1.0])) == 1.0
    assert sign_flip_test(np.array([1.0, 2.0, 3.0, NAN])) == pytest.approx(2 / 8)
    assert np.isnan(sign_flip_test(np.array([1.0, NAN])))


def test_sign_flip_test_of_many_clips_agrees_with_the_t_test_and_repeats():
    values = numpy_rng("test", "flips").normal(0.3, 1, size=40)
    found = sign_flip_test(values, "psnr")
    assert found == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=0.02)
    assert sign_flip_test(values, "psnr") == found


def test_holm_corrects_step_by_step():
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": NAN})
    assert (found["a"], found["b"], found["c"]) == pytest.approx((0.03, 0.06, 0.06))
    assert np.isnan(found["d"])
    assert holm({"a": 0.9, "b": 0.8})["b"] == 1.0


@pytest.mark.parametrize(("higher", "best", "second"), [(True, "b", "a"), (False, "c", "a")])
def test_ranks_follow_the_metrics_direction(higher, best, second):
    found = ranks({"a": 2.0, "b": 3.0, "c": 1.0, "d": NAN}, higher_is_better=higher, digits=3)
    assert (found[best], found[second], found["d"]) == (1, 2, 0)


def test_means_that_print_the_same_share_their_rank():
    means = {"a": 29.0991, "b": 29.0994, "c": 28.0, "d": 27.0}
    assert ranks(means, higher_is_better=True, digits=3) == {"a": 1, "b": 1, "c": 2, "d": 3}
    assert ranks(means, higher_is_better=True, digits=4)["a"] == 2


def test_values_are_put_in_the_order_of_the_clips_and_strangers_are_refused():
    assert in_order({"b": 2.0}, ["a", "b"], "f")[1] == 2.0
    assert np.isnan(in_order({"b": 2.0}, ["a", "b"], "f")[0])
    with pytest.raises(MetricError, match=r"metrics\.parquet.*not in the set: other"):
        in_order({"other": 1.0}, ["a"], "metrics.parquet")


SCORES = arrays(np.float64, 12, elements=st.floats(-1e3, 1e3) | st.just(NAN))
quick = settings(max_examples=25, deadline=None)


@quick
@given(values=SCORES, shift=st.floats(-1e3, 1e3), factor=st.floats(0.01, 100))
def test_an_interval_holds_the_mean_and_moves_and_grows_with_its_values(values, shift, factor):
    counts = bootstrap_counts(CLIPS, num_resamples=200)
    found = mean_interval(values, counts)
    moved = mean_interval(factor * values + shift, counts)
    assert found.clips == moved.clips == np.isfinite(values).sum()
    if found.clips > 1:
        assert np.nanmin(values) - 1e-9 <= found.low <= found.high <= np.nanmax(values) + 1e-9
        for name in ("mean", "low", "high"):
            expected = factor * getattr(found, name) + shift
            assert getattr(moved, name) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@quick
@given(values=SCORES)
def test_a_test_of_differences_does_not_ask_which_is_first(values):
    p = sign_flip_test(values)
    num = int(np.isfinite(values).sum())
    assert sign_flip_test(-values) == pytest.approx(p, nan_ok=True)
    if num > 1:
        assert 2 / 2**num <= p <= 1
    up, down = (wins(values, higher_is_better=way) for way in (True, False))
    assert up.wins + down.wins == num - int((values == 0).sum())
    assert wins(-values, higher_is_better=False) == up or not np.isfinite(up.low)


@quick
@given(st.dictionaries(st.text("abcd", min_size=1), st.floats(0, 1) | st.just(NAN), max_size=6))
def test_corrected_p_values_are_no_smaller_and_keep_their_order(p_values):
    corrected = holm(p_values)
    names = [name for name, p in p_values.items() if np.isfinite(p)]
    assert all(p_values[name] <= corrected[name] <= 1 for name in names)
    in_rising = sorted(names, key=p_values.get)
    assert [corrected[n] for n in in_rising] == sorted(corrected[n] for n in names)
    assert {n for n in corrected if not np.isfinite(corrected[n])} == p_values.keys() - names


@quick
@given(
    means=st.dictionaries(st.text("abcd", min_size=1), st.floats(-10, 10), min_size=1, max_size=6),
    higher=st.booleans(),
)
def test_ranks_follow_what_is_printed(means, higher):
    found = ranks(means, higher_is_better=higher, digits=1)
    best = (max if higher else min)(round(mean, 1) for mean in means.values())
    assert {name for name, rank in found.items() if rank == 1} == {
        name for name, mean in means.items() if round(mean, 1) == best
    }
