"""What a network of stage III reaches on unseen faces, and its file in 16 bits, as it ships."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from dicface.base.errors import WeightsError
from dicface.base.files import write_json
from dicface.faces.detect import DlibDetector
from dicface.faces.dlib_models import Box, landmarks_68
from dicface.models.checkpoint import load_network, load_state, load_tensors, save_weights
from dicface.training.shipping.card import LIMIT_MB, NUMBERS
from dicface.training.shipping.looks import Unseen, look_at, write_picture
from dicface.training.shipping.numbers import to_frames, to_tensor
from dicface.weights.packages import lite_distance

SIDE = 512
"""Landmarks are measured on faces enlarged to so many px, as by the suite's metrics."""
EYES = slice(36, 48)


def measure(weights: Mapping[str, Path], unseen: Unseen, out: Path) -> dict[str, float]:
    """Exports stage III to `out`; leaves numbers and pictures beside it.

    Args:
        weights: Stage -> its file: "vqgan", "codeformer" and "fusion", in this order.
        unseen: Faces that no training saw; 64 for a card that is published.
        out: The file to write.

    Returns:
        The numbers by name.

    Raises:
        WeightsError: A stage is not trained, or the file would be too large.
    """
    distance = lite_distance("efficientnet_lite2")
    boxes = face_boxes(unseen.truth, unseen.landmarks)
    rows, numbers = [], {}
    for stage, path in weights.items():
        net, _ = load_network(path)
        found, restored = look_at(net, stage, unseen, distance)
        numbers |= {f"{stage}_{name}": value for name, value in found.items()}
        numbers[f"{stage}_eye_landmarks_px"] = eye_error(restored, unseen.landmarks, boxes)
        rows.append(restored)
    numbers["truth_eye_landmarks_px"] = eye_error(unseen.truth, unseen.landmarks, boxes)
    numbers["faces"] = len(unseen.truth)
    numbers |= export(weights["fusion"], out, unseen)
    autoencoder, codes, fused = rows
    picture = [unseen.truth, autoencoder, fused, codes, unseen.inputs]
    write_picture(out.with_name("faces.png"), picture)
    write_picture(out.with_name("faces_4x.png"), [unseen.truth, fused], scale=4)
    write_json(out.with_name(NUMBERS), numbers)
    return numbers


def eye_error(
    frames: NDArray[np.uint8], landmarks: NDArray[np.floating], boxes: Sequence[Box]
) -> float:
    """Mean distance of dlib's eye landmarks from the exact ones, px of a 512-px face.

    Args:
        frames: (n, S, S, 3) uint8 RGB.
        landmarks: The exact ones, (n, 68, 2) px.
        boxes: Where the faces are, as from `face_boxes`: no face is ever missed.
    """
    errors = []
    for frame, exact, box in zip(frames, landmarks, boxes, strict=True):
        points = (exact + 0.5) * (SIDE / frame.shape[0]) - 0.5
        found = landmarks_68(_enlarged(frame), box)
        errors.append(np.linalg.norm(found[EYES] - points[EYES], axis=1).mean())
    return float(np.mean(errors))


def face_boxes(truth: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> list[Box]:
    """Boxes of the true faces by dlib, px of 512; about the landmarks where it finds none."""
    boxes = []
    for frame, exact in zip(truth, landmarks, strict=True):
        faces = DlibDetector().detect(_enlarged(frame))
        if faces:
            boxes.append(max(faces, key=lambda face: face.score).box)
            continue
        points = exact * (SIDE / frame.shape[0])
        middle, half = (points.min(0) + points.max(0)) / 2, np.ptp(points, axis=0).max() / 2
        boxes.append(Box(*(middle - half), *(middle + half)))
    return boxes


def _enlarged(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def export(source: Path, to: Path, unseen: Unseen) -> dict[str, float]:
    """Writes a network of stage III in 16 bits as one file, and says what the bits cost.

    Args:
        source: Its weights as trained.
        to: The file to write.
        unseen: Faces on which outputs of 16 and 32 bits are compared.

    Returns:
        `megabytes`, `parameters`, `psnr_16_32` (dB between the two outputs, before rounding to
        levels), and `levels_16_32`, the largest difference in grey levels.

    Raises:
        WeightsError: Stage III is not trained, a number leaves the range of 16 bits, or the file
            is larger than 8 MB.
    """
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
    save_weights(to, halves, {**own, "made_by": "this project", "bits": 16})
    return {
        "megabytes": round(to.stat().st_size / 1e6, 2),
        "parameters": sum(tensor.numel() for tensor in net.parameters()),
        "psnr_16_32": round(float(-10 * torch.log10(error.clamp(min=1e-12))), 1),
        "levels_16_32": int(levels),
    }
