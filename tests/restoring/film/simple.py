"""Simple methods, a finder and a paster: what surrounds them is tested."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch

from dicface.faces.align import template
from dicface.faces.people import Found, Track
from dicface.methods import Method, MethodFacts
from dicface.restoring.film.tools import Tools
from dicface.restoring.runner import per_frame

SIDE = 40


@dataclass(kw_only=True)
class Invert(Method):
    """Inverts colours, one frame at a time, in batches."""

    facts = MethodFacts(
        name="invert", label="Invert", size=SIDE, licence="none", tasks=("bfr", "inpainting")
    )
    batches: list[int] = field(default_factory=list)

    def restore(self, frames, *, clip=""):
        def step(x):
            self.batches.append(len(x))
            return 1 - x

        yield from per_frame(step, frames, device="cpu", batch=4)

    def settings(self):
        return {}


@dataclass(kw_only=True)
class MeanOf3(Method):
    """The mean of three frames, darkened: a method with a window."""

    facts = MethodFacts(name="mean3", label="Mean of 3", size=SIDE, window=3, licence="none")
    clips: list[str] = field(default_factory=list)

    def restore(self, frames, *, clip=""):
        self.clips.append(clip)
        window = deque(maxlen=3)
        for frame in frames:
            window.append(frame)
            if len(window) == 1:
                window.append(frame)
                continue
            yield torch.stack(list(window)).mean(0) / 2
            last = frame
        if window:
            last = window[-1]
            window.append(last)
            yield torch.stack(list(window)).mean(0) / 2

    def settings(self):
        return {}


@dataclass(kw_only=True)
class Chunks(Method):
    """The mean of chunks of seven frames, of the ×4 smaller input."""

    facts = MethodFacts(
        name="chunks", label="Chunks", size=SIDE, window=0, chunk=7, scale=4, licence="none"
    )

    def restore(self, frames, *, clip=""):
        frames = iter(frames)
        while chunk := [f for _, f in zip(range(7), frames, strict=False)]:
            mean = torch.stack(chunk).mean(0)
            large = torch.nn.functional.interpolate(mean[None], scale_factor=4)[0]
            yield from [large] * len(chunk)


def track(
    number=1, first=0, num=30, *, person=None, shot=0, at=(20, 12), side=48, step=0.5, **facts
) -> Track:
    """A face whose square of `side` px moves right by `step` px a frame."""
    move = np.arange(num)[:, None, None] * np.array([step, 0.0])
    points = template(side)[None] + np.array(at, float) + move
    return Track(
        number=number,
        person=person or number,
        shot=shot,
        first=first,
        points=points,
        detected=np.ones(num, bool),
        **facts,
    )


@dataclass
class Finder:
    """Says what it was told to say."""

    shots: list[range]
    tracks: list[Track]
    seen: list[np.ndarray] = field(default_factory=list)

    def add(self, frame):
        self.seen.append(frame.shape)

    def finish(self):
        return Found(shots=self.shots, tracks=self.tracks)


class Paster:
    """Pastes the whole square, by the mean of the last changes: it has a memory."""

    memory = 4

    def __init__(self, track):
        self.track = track
        self.changes = deque(maxlen=self.memory + 1)

    def observe(self, aligned_input, restored, frame_index):
        self.changes.append(restored.astype(np.float32) - aligned_input)

    def paste(self, frame, aligned_input, restored, frame_index, corner=(0, 0)):
        self.observe(aligned_input, restored, frame_index)
        change = np.mean(self.changes, axis=0)
        side = len(restored)
        inverse = cv2.invertAffineTransform(self.track.affine(frame_index, side))
        inverse[:, 2] -= corner
        layer = cv2.warpAffine(change, inverse, (frame.shape[1], frame.shape[0]))
        return np.clip(np.rint(frame + layer), 0, 255).astype(np.uint8)


def tools(*tracks, shots=None, num_frames=30, finder=None) -> Tools:
    """Tools that find these faces."""
    shots = shots or [range(num_frames)]
    return Tools(
        finder=lambda log: finder or Finder(shots, list(tracks)),
        paster=Paster,
        memory=Paster.memory,
        facts={"faces": [t.to_dict() for t in tracks]},
    )
