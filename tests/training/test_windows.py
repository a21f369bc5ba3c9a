"""Windows that a training draws."""

import random
from collections import Counter

import pytest

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
