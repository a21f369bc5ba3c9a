"""Which clips a picture shows: by rule, from the scores of the input."""

import pytest

from dicface.base.errors import MetricError
from dicface.report.figures.chosen import choose_clips, clip_scores
from tests.report.tables._scores import write_scores


def test_clips_are_taken_from_the_middle_of_equal_shares_of_the_order():
    scores = {f"clip_{i:02d}": float(i) for i in range(12)}
    assert choose_clips(scores, 4) == ["clip_01", "clip_04", "clip_07", "clip_10"]
    assert choose_clips(dict(reversed(scores.items())), 4) == choose_clips(scores, 4)
    assert choose_clips(scores, 1) == ["clip_06"]


def test_clips_without_a_score_are_not_chosen_and_few_clips_are_all_shown():
    assert choose_clips({"a": float("nan"), "b": 1.0, "c": 1.0}, 4) == ["b", "c"]
    assert choose_clips({}, 4) == []


def test_scores_without_the_metric_are_refused(tmp_path):
    with pytest.raises(MetricError, match="no value of tlme"):
        clip_scores(write_scores(tmp_path, "input"), "tlme")
