"""Looks at the networks of stages I to III while they learn: numbers and a picture of unseen faces.

Each look at the averaged weights writes a line to `<network>/validation.jsonl` and a picture to
`<network>/pictures/`, so that one sees when to stop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dicface.base.files import atomic_path
from dicface.base.reading import Array, read_packed
from dicface.config.networks import network
from dicface.config.settings import Config
from dicface.data.degradation.tasks import task_input
from dicface.models import build
from dicface.models.checkpoint import load_state
from dicface.restoring.code_weights import code_numbers
from dicface.training.clips import STILLS
from dicface.training.shipping.numbers import (
    FaceSet,
    comparison,
    face_numbers,
    outputs_of,
    to_tensor,
)
from dicface.training.unseen import write_look
from dicface.weights.packages import lite_distance

COLUMNS = 12
"""Faces of a picture."""
NUM_LOOKED_AT = 32
"""Unseen faces of a look."""


@dataclass
class Unseen:
    """Faces that no training sees, from a packed file.

    Attributes:
        truth: (n, S, S, 3) uint8 RGB.
        landmarks: (n, 68, 2) px.
        inputs: Degraded as the run's training inputs, each by a seed of its own.
    """

    truth: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    inputs: NDArray[np.uint8]

    @classmethod
    def read(cls, path: Path, config: Config, count: int) -> Unseen:
        """Takes up to `count` faces, one an identity where the file says who they are.

        Raises:
            ClipError: The file is missing or damaged, or lacks frames or landmarks.
        """
        wanted = {
            "frames": Array("u", (None, None, None, 3)),
            "landmarks": Array("f", (None, 68, 2)),
        }
        packed = read_packed(path, STILLS, wanted)
        truth, landmarks = packed["frames"], packed["landmarks"]
        people = packed.get("identity", np.arange(len(truth)))
        chosen = np.sort(np.unique(people, return_index=True)[1])[:count]
        task = task_input(config, "bfr")
        inputs = [
            task.degrade(truth[i : i + 1], config.seed_name, "unseen", int(i))[0] for i in chosen
        ]
        return cls(truth[chosen], landmarks[chosen], np.stack(inputs))

    def faces(self, *, degraded: bool) -> FaceSet:
        """What numbers are taken on: an autoencoder's input is the truth."""
        inputs = self.inputs if degraded else self.truth
        return FaceSet(truth=self.truth, landmarks=self.landmarks, inputs=inputs)


class Look:
    """A look at the averaged weights, whenever a checkpoint was written and at the end.

    Args:
        config: The run.
        name: The network, of stage I, II or III.
        unseen: Packed faces that no training sees, with landmarks.
        folder: Of the network.

    Raises:
        ClipError: The packed file cannot be read.
        WeightsError: The perceptual network's package is missing.
    """

    def __init__(self, config: Config, name: str, unseen: Path, folder: Path) -> None:
        resolved = network(config, name)
        self.stage = resolved.stage
        self.network = build(resolved.kind, **resolved.settings()).eval()
        self.unseen = Unseen.read(unseen, config, NUM_LOOKED_AT)
        self.distance = lite_distance("efficientnet_lite2").eval()
        self.folder = folder

    def __call__(self, step: int, seconds: float, state: dict[str, Tensor]) -> None:
        """See `dicface.training.loop.Watch`."""
        load_state(self.network, state, f"{self.stage}, step {step}")
        numbers, restored = look_at(self.network, self.stage, self.unseen, self.distance)
        write_look(self.folder, step, seconds, numbers)
        write_picture(
            self.folder / "pictures" / f"step_{step:06d}.png",
            [self.unseen.truth, restored, self.unseen.faces(degraded=self.stage != "vqgan").inputs],
        )


def look_at(
    net: torch.nn.Module, stage: str, unseen: Unseen, distance: torch.nn.Module
) -> tuple[dict[str, float], NDArray[np.uint8]]:
    """Numbers of a stage's network on unseen faces, and its outputs (n, S, S, 3)."""
    faces = unseen.faces(degraded=stage != "vqgan")
    restored = outputs_of(image_of(net, stage), faces.inputs)
    with torch.no_grad():
        parts = [to_tensor(faces.inputs[i : i + 8]) for i in range(0, len(faces.inputs), 8)]
        if stage == "vqgan":
            codes = [net.indices(part) for part in parts]
        else:
            codes = [net(part, code_only=True)[0].argmax(-1) for part in parts]
    used = code_numbers(torch.cat(codes).numpy(), net.settings.codebook_size)
    return {**face_numbers(restored, faces, distance), **used}, restored


def image_of(net: torch.nn.Module, stage: str) -> Callable[[Tensor], Tensor]:
    """How a stage's network makes its image: stage II through codes alone, III with w = 1."""
    if stage == "vqgan":
        return lambda frames: net(frames)[0]
    w = 1.0 if stage == "fusion" else 0.0
    return lambda frames: net(frames, w=w)[0]


def write_picture(path: Path, rows: list[NDArray[np.uint8]], scale: int = 1) -> None:
    """Writes rows of faces as PNG, enlarged `scale` times with pixels kept."""
    sheet = comparison(rows, COLUMNS).repeat(scale, 0).repeat(scale, 1)
    with atomic_path(path) as temporary:
        cv2.imwrite(str(temporary), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
