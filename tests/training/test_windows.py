"""Windows that a training draws."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicface.base.errors import ClipError
from dicface.training import windows


def test_training_windows_are_uniform_and_reversed_half_of_the_time():
    rng, sampling = random.Random(0), windows.WindowSampling(landmark_order="forward")
    samples = [windows.sample_window(9, sampling, rng) for _ in range(1000)]
    starts = Counter(min(sample.frames) for sample in samples)
    assert set(starts) == set(range(5))
    assert min(starts.values()) > 150
    backwards = [sample for sample in samples if sample.frames[0] > sample.frames[1]]
    assert 430 < len(backwards) < 570
    assert backwards[0].landmark_frames == backwards[0].frames[::-1]
    own = windows.sample_window(9, windows.WindowSampling(reverse_prob=1.0), rng)
    assert own.landmark_frames == own.frames
    with pytest.raises(ClipError, match="4 frames"):
        windows.sample_window(4, sampling, rng)


@settings(max_examples=40, deadline=None)
@given(
    window=st.integers(1, 9),
    more=st.integers(0, 20),
    reverse=st.sampled_from([0.0, 0.5, 1.0]),
    order=st.sampled_from(["frames", "forward"]),
    seed=st.integers(),
)
def test_a_window_is_frames_in_a_row_of_the_clip(window, more, reverse, order, seed):
    sampling = windows.WindowSampling(window=window, reverse_prob=reverse, landmark_order=order)
    found = windows.sample_window(window + more, sampling, random.Random(seed))
    first = min(found.frames)
    assert sorted(found.frames) == list(range(first, first + window))
    assert 0 <= first <= more
    assert found.frames in (tuple(sorted(found.frames)), tuple(sorted(found.frames))[::-1])
    assert sorted(found.landmark_frames) == sorted(found.frames)
