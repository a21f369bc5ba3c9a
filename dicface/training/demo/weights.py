"""The demo's own stages I to III, trained from a packed file of rendered faces.

    python -m dicface.training.demo train  --stills FILE --unseen FILE --out FOLDER
    python -m dicface.training.demo export --unseen FILE --out FOLDER --to FILE
    python -m dicface.training.demo card   --stills FILE --unseen FILE --out FOLDER --machine TEXT

A training that was killed resumes from its last checkpoint when the same command is given again,
and ends with the same bits. Each look at the averaged weights writes a line of numbers to
`<out>/<stage>/validation.jsonl` and a picture to `<out>/<stage>/pictures/`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file
from torch import Tensor

from dicface.base.errors import ClipError, TrainingError, WeightsError
from dicface.base.files import atomic_path, hold_lock, sha256_of, write_json
from dicface.base.suite import suite_folder
from dicface.config.networks import network
from dicface.config.settings import Config
from dicface.data.degradation.tasks import task_input
from dicface.models import build
from dicface.models.checkpoint import (
    load_network,
    load_state,
    load_tensors,
    read_header,
    save_weights,
)
from dicface.training.demo.numbers import (
    FaceSet,
    code_numbers,
    comparison,
    face_numbers,
    outputs_of,
    to_frames,
    to_tensor,
)
from dicface.training.loop import CHECKPOINT, WEIGHTS, train_stage
from dicface.training.lpips import lite_distance

logger = logging.getLogger(__name__)

CONFIG = tuple(suite_folder() / "config" / name for name in ("config.yaml", "demo_weights.yaml"))
STAGES = ("vqgan", "codeformer", "fusion")
COLUMNS = 12
"""Faces of a picture."""
LIMIT_MB = 8.0


def train(
    config: Config, *, stills: Path, unseen: Path, out: Path, look_every: int, num_looked_at: int
) -> None:
    """Trains the three stages; those that are done with these settings are kept.

    Args:
        config: The run.
        stills: Packed training frames (`PackedFrames`).
        unseen: Packed faces that no training sees, with `landmarks`.
        out: Folder of networks, checkpoints, numbers and pictures.
        look_every: Steps between looks, a multiple of the settings' `save_every`.
        num_looked_at: Unseen faces of a look.

    Raises:
        TrainingError: `out` was begun with other data or settings, or a loss is not finite.
        ClipError: A packed file cannot be read.
        WeightsError: A perceptual network's package is missing.
        DicfaceError: Another process trains in `out`.
    """
    out.mkdir(parents=True, exist_ok=True)
    with hold_lock(out / ".lock"):
        _require_same_data(out, stills)
        faces = Unseen.read(unseen, config, num_looked_at)
        for stage in STAGES:
            if _is_done(config, stage, out):
                logger.info("%s is done", stage)
                continue
            look = Look(config, stage, faces, out, look_every)
            train_stage(config, stage, clips=stills, out=out, watch=look)


def _require_same_data(out: Path, stills: Path) -> None:
    if not stills.is_file():
        raise ClipError(f"{stills}: no such file; expected packed frames, see docs/training.md")
    facts = {"stills": stills.name, "sha256": sha256_of(stills)}
    path = out / "data.json"
    if path.is_file() and json.loads(path.read_text()) != facts:
        raise TrainingError(
            f"{path} says that {out} was begun with {json.loads(path.read_text())}, and {facts} "
            "was given. Give the same file, or another --out."
        )
    write_json(path, facts)


def _is_done(config: Config, stage: str, out: Path) -> bool:
    """Whether the stage's weights are there; refuses what other settings began.

    `train_stage` would start again, and hours of work would be lost.
    """
    wanted = json.loads(json.dumps(network(config, stage).decides()))
    for name in (WEIGHTS, CHECKPOINT):
        path = out / stage / name
        if path.is_file():
            facts = read_header(path)
            facts = facts.get("origin", facts)
            changed = [key for key, value in wanted.items() if facts.get(key) != value]
            if changed:
                raise TrainingError(
                    f"{path} was made with other settings ({', '.join(changed)}). Train with the "
                    "configuration and code that began it, or remove the file to start again."
                )
            return name == WEIGHTS
    return False


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
        try:
            packed = load_file(path)
            truth, landmarks = packed["frames"], packed["landmarks"]
        except (OSError, SafetensorError, KeyError) as error:
            raise ClipError(
                f"{path}: cannot be read as faces with landmarks ({error}); expected `frames` "
                "(n, S, S, 3) uint8 and `landmarks` (n, 68, 2)"
            ) from error
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
    """Looks at averaged weights on the way: a line of numbers and a picture."""

    def __init__(self, config: Config, stage: str, unseen: Unseen, out: Path, every: int) -> None:
        resolved = network(config, stage)
        self.stage, self.every, self.steps = stage, every, resolved.train.steps
        self.network = build(resolved.kind, **resolved.settings()).eval()
        self.unseen = unseen
        self.distance = lite_distance("efficientnet_lite2").eval()
        self.folder = out / stage

    def __call__(self, step: int, seconds: float, state: dict[str, Tensor]) -> None:
        """Every `every` steps, and at the end."""
        if step % self.every and step < self.steps:
            return
        load_state(self.network, state, f"{self.stage}, step {step}")
        numbers, restored = look_at(self.network, self.stage, self.unseen, self.distance)
        line = {"step": step, "seconds": round(seconds), **numbers}
        with open(self.folder / "validation.jsonl", "a") as file:
            file.write(json.dumps(line) + "\n")
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


def export(out: Path, to: Path, unseen: Unseen, facts: dict[str, object]) -> dict[str, float]:
    """Writes stage III in 16 bits as one file, and says what the bits cost.

    Args:
        out: Folder of the training.
        to: The file to write.
        unseen: Faces on which outputs of 16 and 32 bits are compared.
        facts: What the file's header says beside network, settings and training.

    Returns:
        `megabytes`, `psnr_16_32` (dB between the two outputs, before rounding to levels), and
        `levels_16_32`, the largest difference in grey levels.

    Raises:
        WeightsError: Stage III is not trained, a number leaves the range of 16 bits, or the file
            is larger than 8 MB.
    """
    source = out / "fusion" / WEIGHTS
    net, own = load_network(source)
    halves = {name: tensor.half() for name, tensor in load_tensors(source).items()}
    spoilt = [name for name, tensor in halves.items() if not torch.isfinite(tensor).all()]
    if spoilt:
        raise WeightsError(f"{source}: {spoilt[0]} leaves the range of 16 bits; nothing written.")
    size = sum(tensor.numel() * 2 for tensor in halves.values()) / 1e6
    if size > LIMIT_MB:
        raise WeightsError(
            f"{source}: {size:.1f} MB in 16 bits, expected at most {LIMIT_MB}; train a smaller one."
        )
    frames = to_tensor(unseen.inputs)
    with torch.no_grad():
        full = torch.cat([net(part, w=1.0)[0] for part in frames.split(8)]).clamp(-1, 1)
        load_state(net, halves, str(source))
        half = torch.cat([net(part, w=1.0)[0] for part in frames.split(8)]).clamp(-1, 1)
    error = ((full - half) / 2).square().mean()
    levels = np.abs(to_frames(full).astype(int) - to_frames(half)).max()
    made = {"made_by": "this project", "recipe": "config/demo_weights.yaml", "bits": 16}
    save_weights(to, halves, {**own, **made, **facts})
    return {
        "megabytes": round(to.stat().st_size / 1e6, 2),
        "psnr_16_32": round(float(-10 * torch.log10(error.clamp(min=1e-12))), 1),
        "levels_16_32": int(levels),
    }
