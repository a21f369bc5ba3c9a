"""What whole-picture PSNR does not see: eyes and mouth, sharpness, backgrounds, codes in use.

Numbers of restored faces against the truth, and the picture that shows them. Truth has exact
landmarks (68 points), as rendered faces do. The perceptual network is EfficientNet-Lite2, which no
training sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dicface.models.efficientnet import LiteDistance

BLUR_SIGMA_PX = 1.5
"""Of the blurred truth that eyes and mouth are compared with."""
BOXES = {"eyes": range(36, 48), "mouth": range(48, 68)}
_MARGIN_PX = 4
_FACE = range(27)  # jaw and brows
_BORDER_PX = 6
"""Width of the strips left and right, in the picture's upper half, that are background."""
_BATCH = 8


class _Frames(Protocol):
    def __call__(self, frames: Tensor) -> Tensor: ...


@dataclass(frozen=True, kw_only=True)
class FaceSet:
    """Faces that no training saw.

    Attributes:
        truth: (n, S, S, 3) uint8 RGB.
        landmarks: (n, 68, 2) px of the frame.
        inputs: Degraded, as `truth`; the truth itself for an autoencoder.
    """

    truth: NDArray[np.uint8]
    landmarks: NDArray[np.floating]
    inputs: NDArray[np.uint8]


def to_tensor(frames: NDArray[np.uint8]) -> Tensor:
    """(n, S, S, 3) uint8 → (n, 3, S, S) in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float() / 127.5 - 1


def to_frames(images: Tensor) -> NDArray[np.uint8]:
    """(n, 3, S, S) in [-1, 1] → (n, S, S, 3) uint8, clamped and rounded."""
    levels = ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()


@torch.no_grad()
def outputs_of(network: _Frames, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Applies `network` ((n, 3, S, S) → the same) to uint8 frames, a few at a time."""
    parts = [network(to_tensor(frames[i : i + _BATCH])) for i in range(0, len(frames), _BATCH)]
    return np.concatenate([to_frames(part) for part in parts])


def face_numbers(
    restored: NDArray[np.uint8], faces: FaceSet, distance: LiteDistance
) -> dict[str, float]:
    """Numbers of restored faces, means over faces.

    Args:
        restored: (n, S, S, 3) uint8 RGB.
        faces: Their truth and inputs.
        distance: The scoring network, Lite2.

    Returns:
        `psnr` and `input_psnr` (dB); `distance`; `eyes_psnr`, `eyes_distance`, `mouth_…` inside the
        boxes of the truth's landmarks; the same of the truth blurred by σ = 1.5 px, `blurred_…`;
        `sharpness`, the Laplacian's energy inside the face in units of the truth's (1 is ideal);
        `background_levels`, the difference of the backgrounds' mean colour (grey levels).
    """
    truth = faces.truth
    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), BLUR_SIGMA_PX) for frame in truth])
    numbers = {
        "psnr": _psnr(restored, truth),
        "input_psnr": _psnr(faces.inputs, truth),
    }
    for prefix, frames in (("", restored), ("blurred_", blurred)):
        maps = _distance_maps(frames, truth, distance)
        if not prefix:
            numbers["distance"] = float(maps.mean())
        for name, points in BOXES.items():
            boxes = [_box(marks[list(points)], truth.shape[1]) for marks in faces.landmarks]
            pairs = zip(boxes, frames, truth, strict=True)
            numbers[f"{prefix}{name}_psnr"] = float(
                np.mean([_psnr(a[box][None], b[box][None]) for box, a, b in pairs])
            )
            numbers[f"{prefix}{name}_distance"] = float(
                np.mean([each[box].mean() for box, each in zip(boxes, maps, strict=True)])
            )
    numbers["sharpness"] = float(
        np.mean(
            [
                _energy(a, marks) / _energy(b, marks)
                for a, b, marks in zip(restored, truth, faces.landmarks, strict=True)
            ]
        )
    )
    difference = _background(restored) - _background(truth)
    numbers["background_levels"] = float(np.abs(difference).mean())
    return numbers


def comparison(rows: list[NDArray[np.uint8]], columns: int = 12) -> NDArray[np.uint8]:
    """Rows of faces below one another, the first `columns` of each: (rows·S, columns·S, 3)."""
    return np.concatenate([np.concatenate(list(row[:columns]), axis=1) for row in rows])


def _psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Mean over frames of the PSNR in RGB, dB; 99 for equal frames."""
    error = np.square(a.astype(np.float64) - b).mean((1, 2, 3)) / 255**2
    return float(np.mean(-10 * np.log10(np.maximum(error, 10**-9.9))))


@torch.no_grad()
def _distance_maps(
    a: NDArray[np.uint8], b: NDArray[np.uint8], distance: LiteDistance
) -> NDArray[np.float32]:
    parts = [
        distance.maps(to_tensor(b[i : i + _BATCH]), to_tensor(a[i : i + _BATCH]))
        for i in range(0, len(a), _BATCH)
    ]
    return torch.cat(parts).numpy()


def _box(points: NDArray[np.floating], size: int) -> tuple[slice, slice]:
    low = np.clip(np.floor(points.min(0)).astype(int) - _MARGIN_PX, 0, size - 1)
    high = np.clip(np.ceil(points.max(0)).astype(int) + _MARGIN_PX, low + 1, size)
    return slice(low[1], high[1]), slice(low[0], high[0])


def _energy(frame: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> float:
    """Mean square of the Laplacian of grey inside the hull of jaw and brows."""
    hull = cv2.convexHull(np.round(landmarks[list(_FACE)]).astype(np.int32))
    inside = cv2.fillConvexPoly(np.zeros(frame.shape[:2], np.uint8), hull, 1).astype(bool)
    laplacian = cv2.Laplacian(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.CV_64F)
    return float(np.square(laplacian[inside]).mean()) + 1e-6


def _background(frames: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean colour of each frame's border strips, (n, 3) levels."""
    upper = frames[:, : frames.shape[1] // 2]
    strips = np.concatenate([upper[:, :, :_BORDER_PX], upper[:, :, -_BORDER_PX:]], axis=2)
    return strips.reshape(len(frames), -1, 3).mean(1)
