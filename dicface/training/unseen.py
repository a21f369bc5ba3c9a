"""Looks at a network while it learns: its losses on clips that no training sees.

Each look at the averaged weights writes a line to `<network>/validation.jsonl`. Losses are called
there as in `stats.jsonl`, so that a report draws both in one chart. It changes nothing of the
training.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dicface.base.errors import ClipError
from dicface.base.files import atomic_path
from dicface.base.reading import is_there
from dicface.base.seeds import seed_of
from dicface.config.networks import network
from dicface.config.settings import Config
from dicface.data.degradation.tasks import task_input
from dicface.metrics.psnr import psnr
from dicface.models.checkpoint import load_state
from dicface.runs.files import read_steps
from dicface.training.clips import open_clips
from dicface.training.stages import build_stage
from dicface.training.windows import TrainingWindow

FILE = "validation.jsonl"


class Look:
    """A look at the averaged weights, whenever a checkpoint was written and at the end.

    One window in the middle of each clip, its input degraded once and for all; all in float32.

    Args:
        config: The run.
        name: The network, of any stage.
        out: Folder of all networks.

    Raises:
        ClipError: The user's clips cannot be read or are too short.
        WeightsError: Weights that the stage starts from are missing or do not fit.
    """

    def __init__(self, config: Config, name: str, out: Path) -> None:
        resolved = network(config, name)
        self.name, self.folder, self.device = name, out / name, torch.device("cpu")
        self.stage = build_stage(config, name, out)[0].eval()
        task = task_input(config, resolved.task)
        self.windows = [
            (task.degrade(truth, config.seed_name, "unseen", clip), truth)
            for clip, truth in unseen_windows(config, resolved.frames).items()
        ]

    def __call__(self, step: int, seconds: float, state: Mapping[str, Tensor]) -> None:
        """See `dicface.training.loop.Watch`."""
        self.device = next(iter(state.values())).device
        load_state(self.stage.to(self.device).network, state, f"{self.name}, step {step}")
        found = [self._numbers(*window) for window in self.windows]
        means = {key: round(float(np.mean([each[key] for each in found])), 6) for key in found[0]}
        write_look(self.folder, step, seconds, means)

    def _numbers(self, degraded: NDArray[np.uint8], truth: NDArray[np.uint8]) -> dict[str, float]:
        inputs, true = (_tensor(frames).to(self.device) for frames in (degraded, truth))
        with torch.no_grad(), torch.random.fork_rng():
            torch.manual_seed(seed_of(self.name, "unseen"))
            loss = self.stage(inputs, true)
        numbers = {key: value.item() for key, value in loss.terms.items()}
        if loss.image is None or len(loss.image) != len(truth):
            return numbers
        shown = ((loss.image.clamp(-1, 1) + 1) * 127.5).round().byte()
        restored = shown.permute(0, 2, 3, 1).cpu().numpy()
        for prefix, frames in (("", restored), ("input_", degraded)):
            pairs = zip(frames, truth, strict=True)
            numbers[f"{prefix}psnr"] = float(np.mean([psnr(*pair) for pair in pairs]))
            if len(truth) > 1:
                numbers[f"{prefix}flicker"] = flicker(frames, truth)
        return numbers


def unseen_windows(config: Config, num_frames: int) -> dict[str, NDArray[np.uint8]]:
    """Clip -> a window of true frames, (T, S, S, 3) uint8 RGB; none where there are no such clips.

    Args:
        config: The run.
        num_frames: T.

    Raises:
        ClipError: The user's clips cannot be read or are too short.
    """
    data, chosen = config.data, config.data.unseen
    if chosen.folder:
        clips = open_clips(
            chosen.folder, size=data.size, window=num_frames, order="aligned", cache=False
        )
        windows = {}
        for clip, name in enumerate(clips.names[: chosen.num_clips]):
            if (found := clips.num_frames(clip)) < num_frames:
                raise ClipError(
                    f"data.unseen.folder: found {found} frames in clip {name} of {chosen.folder}; "
                    f"expected at least the window's {num_frames}. Take longer clips."
                )
            first = (found - num_frames) // 2
            frames = tuple(range(first, first + num_frames))
            windows[name] = clips.read(clip, TrainingWindow(frames=frames, landmark_frames=frames))
        return windows
    if data.train.source != "render":
        return {}
    # Imported here: its kernels take a second to load.
    from dicface.data.render import render_clip

    names = [f"unseen_{i:03d}" for i in range(chosen.num_clips)]
    return {
        name: render_clip(
            f"{config.seed_name}-{name}", name, num_frames=num_frames, size=data.size, fps=data.fps
        ).frames
        for name in names
    }


def flicker(frames: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Mean absolute error of the changes from frame to frame, levels of 255."""
    own, true = (np.diff(each.astype(np.float64), axis=0) for each in (frames, truth))
    return float(np.abs(own - true).mean())


def write_look(folder: Path, step: int, seconds: float, numbers: Mapping[str, float]) -> None:
    """Adds a line to `validation.jsonl`; lines of this step and later ones go.

    A training that resumed, or started again, takes some looks a second time.
    """
    path = folder / FILE
    looks = [look for look in read_steps(path) if look["step"] < step] if is_there(path) else []
    looks.append({"step": step, "seconds": round(seconds), **numbers})
    with atomic_path(path) as temporary:
        temporary.write_text("".join(f"{json.dumps(look)}\n" for look in looks))


def _tensor(frames: NDArray[np.uint8]) -> Tensor:
    """(1, T, 3, S, S) float32 in [-1, 1]."""
    return torch.from_numpy(frames).permute(0, 3, 1, 2)[None].float() / 127.5 - 1
