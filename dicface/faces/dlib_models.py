"""dlib's frontal detector, 68-point landmarks and identity network: the offline face models.

The three ``.dat`` files come inside the package ``face_recognition_models``, a declared dependency.
They are read in place: that package is never imported (its import needs ``pkg_resources``, which
recent setuptools no longer ship). Each file is checked against its sha256 once per process.

The 68-point model was trained on iBUG 300-W, whose licence excludes commercial use; the identity
network and the 5-point model are in the public domain (CC0), as dlib's model page states.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import dlib
import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import FaceError, WeightsError
from dicface.base.files import sha256_of

if TYPE_CHECKING:
    from dicface.faces.dlib_resnet import DlibResNet

LANDMARKS_68_FILE = "shape_predictor_68_face_landmarks.dat"
LANDMARKS_5_FILE = "shape_predictor_5_face_landmarks.dat"
IDENTITY_FILE = "dlib_face_recognition_resnet_model_v1.dat"

SHA256 = {
    LANDMARKS_68_FILE: "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
    LANDMARKS_5_FILE: "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
    IDENTITY_FILE: "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
}
"""sha256 of each file, as shipped in face_recognition_models 0.3.0."""

IDENTITY_DIM = 128
"""Length of an identity embedding."""

CHIP_SIZE, CHIP_PADDING = 150, 0.25
"""How dlib cuts a face out for its network: side in px, and margin as a share of the face."""


@dataclass(frozen=True)
class Box:
    """An axis-aligned face box in pixels.

    Attributes:
        left: The left edge, x in px.
        top: The top edge, y in px.
        right: The right edge, x in px (inclusive, as dlib counts).
        bottom: The bottom edge, y in px (inclusive).
    """

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Width in px."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Height in px."""
        return self.bottom - self.top

    @property
    def centre(self) -> tuple[float, float]:
        """Centre (x, y) in px."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def clipped_area(self, height: int, width: int) -> float:
        """Area in px² of the part of the box inside an image of ``height`` × ``width``."""
        inside_x = min(self.right, width) - max(self.left, 0.0)
        inside_y = min(self.bottom, height) - max(self.top, 0.0)
        return max(inside_x, 0.0) * max(inside_y, 0.0)

    def scaled(self, factor: float) -> Box:
        """The same box in an image resized by ``factor``."""
        edges = (self.left, self.top, self.right, self.bottom)
        return Box(*(edge * factor for edge in edges))


@cache
def model_path(name: str) -> Path:
    """Finds and verifies one of dlib's model files.

    Args:
        name: A key of ``SHA256``.

    Returns:
        Path of the file inside the installed ``face_recognition_models`` package.

    Raises:
        WeightsError: The package or file is missing, or its sha256 is not the expected one.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise WeightsError(
            f"{name}: the package face_recognition_models, which ships it, is not installed; "
            "run `pip install face_recognition_models`"
        )
    path = Path(spec.origin).parent / "models" / name
    if not path.is_file():
        raise WeightsError(
            f"{path}: file not found; reinstall its package: "
            "`pip install --force-reinstall --no-deps face_recognition_models`"
        )
    found = sha256_of(path)
    if found != SHA256[name]:
        raise WeightsError(
            f"{path}: sha256 is {found}, expected {SHA256[name]} (corrupted or another version); "
            "reinstall it: `pip install --force-reinstall --no-deps face_recognition_models`"
        )
    return path


@cache
def frontal_detector() -> dlib.fhog_object_detector:
    """The HOG detector of frontal faces (built into dlib, no file), cached.

    ``frontal_detector().run(frame, upsample, threshold)`` gives boxes, scores and pose indices.
    """
    return dlib.get_frontal_face_detector()


@cache
def _landmark_model() -> dlib.shape_predictor:
    return dlib.shape_predictor(str(model_path(LANDMARKS_68_FILE)))


@cache
def _identity_model() -> DlibResNet:
    # Here, because it loads torch, which boxes and landmarks do not need.
    from dicface.faces.dlib_resnet import DlibResNet

    return DlibResNet(model_path(IDENTITY_FILE)).eval()


def landmarks_68(frame: NDArray[np.uint8], box: Box) -> NDArray[np.float64]:
    """68 iBUG landmarks of the face in ``box`` (Kazemi and Sullivan, CVPR 2014).

    The regressor always answers, also for a box without a face. It rounds to whole pixels; callers
    who need finer points enlarge the frame first.

    Args:
        frame: (H, W, 3) uint8 RGB.
        box: Face box in px of ``frame``; rounded to whole pixels.

    Returns:
        (68, 2) float64, x and y in px of ``frame``.

    Raises:
        FaceError: ``frame`` is not an RGB uint8 image.
        WeightsError: The model file is missing or corrupted.
    """
    frame = _checked(frame)
    edges = (round(edge) for edge in (box.left, box.top, box.right, box.bottom))
    shape = _landmark_model()(frame, dlib.rectangle(*edges))
    return np.array([(point.x, point.y) for point in shape.parts()], dtype=np.float64)


def identity_embedding(
    frame: NDArray[np.uint8], landmarks: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Embeds the face given by its 68 landmarks with dlib's face-recognition network (in torch).

    The face is cut out as dlib does (150 × 150 px, padding 0.25) after the landmarks are rounded to
    whole pixels. The vector is not normalised: its norm is near 1.4. Two pictures of one person are
    closer than 0.6 in Euclidean distance (dlib's own threshold).

    Args:
        frame: (H, W, 3) uint8 RGB.
        landmarks: (68, 2) x and y in px of ``frame``.

    Returns:
        (128,) float64.

    Raises:
        FaceError: ``frame`` is not an RGB uint8 image, or ``landmarks`` is not (68, 2) and finite.
        WeightsError: The model file is missing or corrupted.
    """
    frame = _checked(frame)
    if landmarks.shape != (68, 2) or not np.isfinite(landmarks).all():
        raise FaceError(
            f"landmarks: shape {landmarks.shape} or non-finite values found, expected 68 finite "
            "(x, y) points; take them from landmarks_68"
        )
    points = [dlib.point(round(float(x)), round(float(y))) for x, y in landmarks]
    left, top = np.min(landmarks, axis=0)
    right, bottom = np.max(landmarks, axis=0)
    rect = dlib.rectangle(round(left), round(top), round(right), round(bottom))
    face = dlib.full_object_detection(rect, points)
    chip = dlib.get_face_chip(frame, face, size=CHIP_SIZE, padding=CHIP_PADDING)
    return _identity_model().embed(chip).astype(np.float64)


def _checked(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        raise FaceError(
            f"frame: found {frame.dtype} of shape {frame.shape}, expected uint8 (H, W, 3) RGB"
        )
    return np.ascontiguousarray(frame)
