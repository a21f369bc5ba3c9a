"""68 landmarks for IDS, AKD and TLME: FAN, or dlib's regression trees offline."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from dicface.base.errors import WeightsError
from dicface.base.files import sha256_of
from dicface.faces import dlib_models
from dicface.faces.dlib_models import Box
from dicface.metrics.backbones.info import BackboneInfo
from dicface.metrics.facts import FACE_SIZE, LANDMARKS, NUM_POINTS
from dicface.metrics.tracks import resize
from dicface.weights.convert import read_script

FAN_INPUT = 256
FAN_HEATMAP = 64
ENLARGE = 2
"""dlib answers in whole pixels: on a frame twice as large its step is half a pixel."""


class Landmarks(Protocol):
    """What finds landmarks in a given box."""

    info: BackboneInfo

    def locate(self, face: NDArray[np.uint8], box: Box) -> NDArray[np.float64]:
        """Landmarks (68, 2), x and y in px, iBUG order, of a frame (512, 512, 3) uint8 RGB."""


class DlibLandmarks:
    """dlib's 68-point regression trees (iBUG 300-W), on the frame enlarged to 1024 px."""

    def __init__(self, device: str, reason: str) -> None:
        """Takes why this model; its file, a dependency's, is read at first use, on the CPU."""
        self.info = BackboneInfo(
            name="dlib-68",
            sha256=dlib_models.SHA256[dlib_models.LANDMARKS_68_FILE],
            official=False,
            reason=reason,
        )

    def locate(self, face: NDArray[np.uint8], box: Box) -> NDArray[np.float64]:
        """Landmarks (68, 2) in px of the 512-px frame, steps of half a pixel."""
        large = resize(face, ENLARGE * FACE_SIZE)
        return (dlib_models.landmarks_68(large, box.scaled(ENLARGE)) + 0.5) / ENLARGE - 0.5


class FanLandmarks:
    """2DFAN-4 (Bulat and Tzimiropoulos, ICCV 2017), the TorchScript file of face-alignment.

    The crop is a square of 200/195 · (width + height) of the box, its centre 0.12 heights above
    the box's. A landmark is the peak of its heat map, moved a quarter cell towards the larger
    neighbour in x and in y; one cell is 9 px for a box of 280 px.
    """

    def __init__(self, path: Path, device: str) -> None:
        """Takes the TorchScript file; it is read at first use."""
        self._path, self._device = path, device
        self.info = BackboneInfo(
            name="fan-68",
            sha256=sha256_of(path),
            official=True,
            reason=f"{path.name} is on this machine",
        )

    @cached_property
    def _network(self) -> torch.jit.ScriptModule:
        return read_script(self._path, LANDMARKS.file, self._device)

    def locate(self, face: NDArray[np.uint8], box: Box) -> NDArray[np.float64]:
        """Landmarks (68, 2) in px of the 512-px frame."""
        corner, side = fan_crop(box)
        step = side / FAN_INPUT
        # Output pixel centre i lies at corner + (i + 0.5) · step - 0.5 of the frame.
        first = corner + 0.5 * step - 0.5
        to_frame = np.array([[step, 0, first[0]], [0, step, first[1]]], np.float64)
        crop = cv2.warpAffine(
            face, to_frame, (FAN_INPUT, FAN_INPUT), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        )
        batch = torch.from_numpy(crop).permute(2, 0, 1)[None].float().to(self._device) / 255
        with torch.inference_mode():
            heatmaps = self._network(batch)
        shape = (1, NUM_POINTS, FAN_HEATMAP, FAN_HEATMAP)
        if not isinstance(heatmaps, torch.Tensor) or heatmaps.shape != shape:
            raise WeightsError(
                f"{self._path}: does not give heat maps of shape {shape}. It is another network: "
                "delete it and get it again."
            )
        cells = heatmap_peaks(heatmaps[0].float().cpu().numpy())
        return corner + (cells + 0.5) * (side / FAN_HEATMAP) - 0.5


def fan_crop(box: Box) -> tuple[NDArray[np.float64], float]:
    """Upper left corner (x, y) and side, px, of the square that FAN looks at."""
    x, y = box.centre
    side = 200 / 195 * (box.width + box.height)
    return np.array([x, y - 0.12 * box.height]) - side / 2, side


def heatmap_peaks(heatmaps: NDArray[np.floating]) -> NDArray[np.float64]:
    """Peaks of heat maps with a quarter-cell step towards the larger neighbour.

    Args:
        heatmaps: (L, H, W).

    Returns:
        (L, 2) x and y in cells; whole numbers are centres of cells.
    """
    num, height, width = heatmaps.shape
    ys, xs = np.divmod(heatmaps.reshape(num, -1).argmax(axis=1), width)
    peaks = np.stack([xs, ys], axis=1).astype(np.float64)
    for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
        if 0 < x < width - 1 and 0 < y < height - 1:
            heat = heatmaps[i]
            slope = heat[y, x + 1] - heat[y, x - 1], heat[y + 1, x] - heat[y - 1, x]
            peaks[i] += 0.25 * np.sign(slope)
    return peaks
