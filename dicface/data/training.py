"""Training samples: sample i is a pure function of the run's name and i.

So a run that is killed and started again sees the same samples, whatever the number of workers.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from dicface.clips import list_clips, read_clip
from dicface.data.tasks import TaskInput
from dicface.data.windows import WindowSampling, sample_window
from dicface.seeds import numpy_rng, seed_of


class TrainingWindows(Dataset):
    """Windows of consecutive frames, degraded and true, from a folder of aligned clips.

    Args:
        folder: Clips, all square and of one size.
        window: Frames a sample (R in the paper, section 3.5); 1 gives single frames.
        task: Makes the inputs; None where only true frames are wanted.
        seed_names: What the samples' seeds start from.
        num_samples: How many samples there are (steps × batch size).
        degraded_versions: 0 degrades every sample anew; k > 0 draws one of k versions of the whole
            clip, which are kept in memory.
        cache: Keeps decoded clips in memory.
        flip_prob: Probability of mirroring left and right.
        reverse_prob: Probability of playing the window backwards (release: 0.5).
        colour_jitter: Largest relative change of a channel's gain.

    Raises:
        ClipError: A clip is shorter than the window.
    """

    def __init__(
        self,
        folder: str | Path,
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
        self.clips = sorted(list_clips(folder).items())
        self.sampling = WindowSampling(window=window, reverse_prob=reverse_prob)
        self.task = task
        self.seed_names = tuple(seed_names)
        self.num_samples = num_samples
        self.degraded_versions = degraded_versions
        self.flip_prob = flip_prob
        self.colour_jitter = colour_jitter
        self._truth = lru_cache(maxsize=None if cache else 4)(self._read)
        self._degraded = lru_cache(maxsize=None if cache else 4)(self._degrade_version)

    def __len__(self) -> int:
        return self.num_samples

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns (input, truth), each (window, 3, S, S) float32 in [-1, 1]."""
        rng = numpy_rng(*self.seed_names, "sample", index)
        clip = int(rng.integers(len(self.clips)))
        truth = self._truth(clip)
        window = sample_window(
            len(truth), self.sampling, random.Random(seed_of(*self.seed_names, "window", index))
        )
        frames = list(window.frames)
        if self.task is None:
            degraded = truth[frames]
        elif self.degraded_versions:
            version = int(rng.integers(self.degraded_versions))
            degraded = self._degraded(clip, version)[frames]
        else:
            names = (*self.seed_names, "degrade", index)
            degraded = self.task.degrade(truth[frames], *names)
        pair = np.stack([degraded, truth[frames]])
        if rng.random() < self.flip_prob:
            pair = pair[:, :, :, ::-1]
        values = pair.astype(np.float32) / 255
        if self.colour_jitter:
            gain = 1 + rng.uniform(-self.colour_jitter, self.colour_jitter, 3).astype(np.float32)
            values = np.clip(values * gain, 0, 1)
        tensor = torch.from_numpy(np.ascontiguousarray(values.transpose(0, 1, 4, 2, 3)))
        tensor = (tensor - 0.5) / 0.5
        return tensor[0], tensor[1]

    def _read(self, clip: int) -> np.ndarray:
        return read_clip(self.clips[clip][1])[0]

    def _degrade_version(self, clip: int, version: int) -> np.ndarray:
        names = (*self.seed_names, "version", self.clips[clip][0], version)
        return self.task.degrade(self._truth(clip), *names)
