"""Training samples: sample i is a pure function of the run's name and i.

So a run that is killed and started again sees the same samples, whatever the number of workers.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch.utils.data import Dataset

from dicface.base.seeds import numpy_rng, seed_of
from dicface.data.degradation.tasks import TaskInput
from dicface.training.clips import ClipSource
from dicface.training.windows import TrainingWindow, WindowSampling, sample_window


class TrainingWindows(Dataset):
    """Windows of consecutive frames, degraded and true.

    Args:
        clips: Where they are drawn from.
        window: Frames a sample (R in the paper, section 3.5); 1 gives single frames.
        task: Makes the inputs; None where only true frames are wanted.
        seed_names: What the samples' seeds start from.
        num_samples: How many samples there are (steps × batch size).
        degraded_versions: 0 degrades every sample by itself; k > 0 draws one of k versions of the
            whole clip.
        cache: Keeps all degraded versions in memory, not the last few alone.
        flip_prob: Probability of mirroring left and right.
        reverse_prob: Probability of playing the window backwards (release: 0.5).
        colour_jitter: Largest relative change of a channel's gain.

    Raises:
        ClipError: A clip is shorter than the window.
    """

    def __init__(
        self,
        clips: ClipSource,
        *,
        window: int,
        task: TaskInput | None,
        seed_names: Sequence[str],
        num_samples: int,
        degraded_versions: int = 0,
        cache: bool = False,
        flip_prob: float = 0.0,
        reverse_prob: float = 0.5,
        colour_jitter: float = 0.0,
    ) -> None:
        self.clips = clips
        self.sampling = WindowSampling(window=window, reverse_prob=reverse_prob)
        self.task = task
        self.seed_names = tuple(seed_names)
        self.num_samples = num_samples
        self.degraded_versions = degraded_versions
        self.flip_prob = flip_prob
        self.colour_jitter = colour_jitter
        self._degraded = lru_cache(maxsize=None if cache else 4)(self._degrade_version)

    def __len__(self) -> int:
        return self.num_samples

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns (input, truth), each (window, 3, S, S) float32 in [-1, 1]."""
        rng, clip = self._draw(index)
        window = sample_window(
            self.clips.num_frames(clip),
            self.sampling,
            random.Random(seed_of(*self.seed_names, "window", index)),
        )
        if self.task is None:
            degraded = truth = self.clips.read(clip, window)
        elif self.degraded_versions:
            version = int(rng.integers(self.degraded_versions))
            degraded = self._degraded(clip, version)[list(window.frames)]
            truth = self.clips.read(clip, window)
        else:
            names = (*self.seed_names, "degrade", index)
            degraded, truth = self.clips.pair(
                clip, window, lambda frames: self.task.degrade(frames, *names)
            )
        pair = np.stack([degraded, truth])
        if rng.random() < self.flip_prob:
            pair = pair[:, :, :, ::-1]
        values = pair.astype(np.float32) / 255
        if self.colour_jitter:
            gain = 1 + rng.uniform(-self.colour_jitter, self.colour_jitter, 3).astype(np.float32)
            values = np.clip(values * gain, 0, 1)
        tensor = torch.from_numpy(np.ascontiguousarray(values.transpose(0, 1, 4, 2, 3)))
        tensor = (tensor - 0.5) / 0.5
        return tensor[0], tensor[1]

    def clip_of(self, index: int) -> str:
        """Name of the clip that a sample is drawn from."""
        return self.clips.names[self._draw(index)[1]]

    def _draw(self, index: int) -> tuple[np.random.Generator, int]:
        rng = numpy_rng(*self.seed_names, "sample", index)
        return rng, int(rng.integers(len(self.clips.names)))

    def _degrade_version(self, clip: int, version: int) -> np.ndarray:
        names = (*self.seed_names, "version", self.clips.names[clip], version)
        frames = tuple(range(self.clips.num_frames(clip)))
        whole = TrainingWindow(frames=frames, landmark_frames=frames)
        return self.clips.pair(clip, whole, lambda truth: self.task.degrade(truth, *names))[0]
