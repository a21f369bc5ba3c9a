"""Face detectors with five landmarks: RetinaFace through facexlib, dlib offline.

Detection follows section 4 of the release's inference: short side enlarged to 640 px and never
reduced, confidence 0.8, NMS 0.4, eyes at least 5 px apart.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from dicface.base.errors import ConfigError, WeightsError
from dicface.base.files import sha256_of
from dicface.faces.dlib_models import (
    LANDMARKS_68_FILE,
    SHA256,
    Box,
    frontal_detector,
    landmarks_68,
)
from dicface.weights import registry
from dicface.weights.convert import read_checkpoint

logger = logging.getLogger(__name__)

DetectorName = Literal["auto", "retinaface", "dlib"]
RetinaFaceNetwork = Literal["resnet50", "mobile0.25"]

MIN_EYE_DISTANCE_PX = 5.0
"""Faces with closer eyes are not faces that can be aligned (DicFace release)."""

_REGISTERED: dict[str, RetinaFaceNetwork] = {
    "retinaface_resnet50": "resnet50",
    "retinaface_mobilenet": "mobile0.25",
}


@dataclass(frozen=True, eq=False)
class Face:
    """One detected face, in px of the frame given to the detector.

    Attributes:
        box: The box around it.
        score: The detector's confidence; comparable within one detector only.
        points: (5, 2) float64 x, y of the left eye, right eye, nose tip, left and right mouth
            corner; left and right as seen in the picture.
    """

    box: Box
    score: float
    points: NDArray[np.float64]


class Detector(Protocol):
    """Finds faces in a frame.

    Attributes:
        name: Name of the detector, for records.
        sha256: Digest of its weights.
    """

    name: str
    sha256: str

    def detect(self, frame: NDArray[np.uint8]) -> list[Face]:
        """All faces of an (H, W, 3) uint8 RGB frame, in any order."""
        ...

    def search(self, frame: NDArray[np.uint8], scale: float = 1.0) -> list[Face]:
        """The faces of a frame that is resized by `scale`, and by nothing else, for the search."""
        ...


class RetinaFaceDetector:
    """RetinaFace (Deng et al., CVPR 2020) as facexlib builds it, with weights from a given file.

    Args:
        path: File with the state dict of the network.
        network: Backbone of the network.
        short_side_px: Frames with a smaller short side are enlarged to it.
        confidence: Smallest score.
        nms: Largest overlap (IoU) of two faces.
        device: The torch device; by default CUDA where there is one.

    Raises:
        WeightsError: The file is missing, corrupted or of another network.
    """

    def __init__(
        self,
        path: Path,
        network: RetinaFaceNetwork,
        *,
        short_side_px: int = 640,
        confidence: float = 0.8,
        nms: float = 0.4,
        device: str | None = None,
    ) -> None:
        # facexlib pulls in numba: seconds that only those pay who use it.
        from facexlib.detection.retinaface import RetinaFace

        self.name = f"retinaface-{network}"
        self.short_side_px, self.confidence, self.nms = short_side_px, confidence, nms
        if not path.is_file():
            raise WeightsError(f"{path}: file not found, expected RetinaFace ({network}) weights")
        self.sha256 = sha256_of(path)
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        with warnings.catch_warnings():
            # torchvision calls the argument by which facexlib asks for no weights deprecated.
            warnings.filterwarnings("ignore", category=UserWarning, module="torchvision")
            self._network = RetinaFace(network_name=network, device=device)
        try:
            tensors = read_checkpoint(path)
            tensors = {key.removeprefix("module."): value for key, value in tensors.items()}
            self._network.load_state_dict(tensors, strict=True)
        except Exception as error:  # torch raises many kinds for damaged and foreign files
            raise WeightsError(
                f"{path}: not a state dict of RetinaFace ({network}): {_first_line(error)}; "
                "download the file again"
            ) from error
        self._network.eval()

    def detect(self, frame: NDArray[np.uint8]) -> list[Face]:
        """All faces of an (H, W, 3) uint8 RGB frame."""
        return self.search(frame, max(1.0, self.short_side_px / min(frame.shape[:2])))

    def search(self, frame: NDArray[np.uint8], scale: float = 1.0) -> list[Face]:
        """All faces of a frame that is resized by `scale` first."""
        bgr = np.ascontiguousarray(_resized(frame, scale)[..., ::-1])
        with torch.no_grad():
            rows = self._network.detect_faces(bgr, self.confidence, self.nms)
        faces = [
            Face(
                box=Box(*(float(edge) for edge in row[:4])).scaled(1 / scale),
                score=float(row[4]),
                points=row[5:15].reshape(5, 2).astype(np.float64) / scale,
            )
            for row in rows
        ]
        return [face for face in faces if _eyes_apart(face)]

    def detect_batch(self, frames: Sequence[NDArray[np.uint8]]) -> list[list[Face]]:
        """What `detect` finds in each of some frames of one size, in one pass of the network."""
        scale = max(1.0, self.short_side_px / min(frames[0].shape[:2]))
        bgr = np.stack([_resized(frame, scale)[..., ::-1] for frame in frames])
        with torch.no_grad():
            found = self._network.batched_detect_faces(
                torch.from_numpy(bgr).float(), self.confidence, self.nms
            )
        batch = []
        for boxes, points in zip(*found, strict=True):
            faces = [
                Face(
                    box=Box(*(float(edge) for edge in row[:4])).scaled(1 / scale),
                    score=float(row[4]),
                    points=marks.reshape(5, 2).astype(np.float64) / scale,
                )
                for row, marks in zip(boxes, points, strict=True)
            ]
            batch.append([face for face in faces if _eyes_apart(face)])
        return batch


class DlibDetector:
    """dlib's frontal HOG detector and 68 landmarks, reduced to five points.

    HOG sees upright faces of 80 px and more. A frame is therefore searched at a short side of
    `short_sides_px[0]` to `[1]`; where nothing is found, once more at twice that resolution.

    Args:
        short_sides_px: Smallest and largest short side of the first search, px.
        threshold: HOG score above which a box counts; dlib's default is 0.
    """

    def __init__(
        self, *, short_sides_px: tuple[int, int] = (400, 720), threshold: float = 0.0
    ) -> None:
        self.name = "dlib-hog-68"
        self.sha256 = SHA256[LANDMARKS_68_FILE]
        self.short_sides_px, self.threshold = short_sides_px, threshold

    def detect(self, frame: NDArray[np.uint8]) -> list[Face]:
        """All frontal faces of an (H, W, 3) uint8 RGB frame.

        Raises:
            WeightsError: Dlib's landmark file is missing or corrupted.
        """
        short_side = min(frame.shape[:2])
        scale = float(np.clip(short_side, *self.short_sides_px)) / short_side
        return self.search(frame, scale) or self.search(frame, 2 * scale)

    def search(self, frame: NDArray[np.uint8], scale: float = 1.0) -> list[Face]:
        """All frontal faces of 80 px and more of a frame that is resized by `scale` first."""
        scaled = _resized(frame, scale)
        rectangles, scores, _ = frontal_detector().run(scaled, 0, self.threshold)
        faces = []
        for rectangle, score in zip(rectangles, scores, strict=True):
            box = Box(rectangle.left(), rectangle.top(), rectangle.right(), rectangle.bottom())
            # Pixel centres move by the resize: back to the source they are at (x + ½) / scale - ½.
            points = (five_points(landmarks_68(scaled, box)) + 0.5) / scale - 0.5
            faces.append(Face(box=box.scaled(1 / scale), score=float(score), points=points))
        return [face for face in faces if _eyes_apart(face)]


def detect_all(
    frames: Iterable[NDArray[np.uint8]], detector: Detector, batch_size: int = 1
) -> Iterator[tuple[tuple[int, int], list[Face]]]:
    """Yields height, width and faces of every frame, in order; `batch_size` frames are in memory.

    Args:
        frames: (H, W, 3) uint8 RGB, of one size.
        detector: What finds the faces; its `detect_batch`, where it has one, takes several frames
            at once.
        batch_size: Number of frames given to it at once.
    """
    together = getattr(detector, "detect_batch", None)
    source = iter(frames)
    while batch := list(islice(source, batch_size if together else 1)):
        found = together(batch) if len(batch) > 1 else [detector.detect(batch[0])]
        for frame, faces in zip(batch, found, strict=True):
            yield frame.shape[:2], faces


def five_points(landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Eyes (mean of six contour points each), nose tip and mouth corners of 68 iBUG landmarks.

    Args:
        landmarks: (68, 2), x and y.

    Returns:
        (5, 2): left eye, right eye, nose, left mouth, right mouth, as seen in the picture.
    """
    return np.stack(
        [
            landmarks[36:42].mean(axis=0),
            landmarks[42:48].mean(axis=0),
            landmarks[30],
            landmarks[48],
            landmarks[54],
        ]
    )


def default_detector(name: DetectorName = "auto") -> Detector:
    """The detector of that name; what was chosen is logged, and recorded with what it finds.

    Args:
        name: `retinaface` takes ResNet-50 weights or, failing these, MobileNet ones; `dlib` needs
            no download; `auto` is RetinaFace where its weights are present and dlib elsewhere.

    Raises:
        ConfigError: There is no detector of that name.
        WeightsError: `retinaface` is asked for and its weights are missing, or a file is corrupted.
    """
    if name not in ("auto", "retinaface", "dlib"):
        raise ConfigError(f"detector: found {name!r}, expected auto, retinaface or dlib")
    if name != "dlib":
        for registered, network in _REGISTERED.items():
            path = registry.find(registered)
            if path is not None:
                logger.info("faces are detected by RetinaFace (%s, %s)", network, path)
                return RetinaFaceDetector(path, network)
        if name == "retinaface":
            raise WeightsError(
                f"detector: {registry.where_to_get('retinaface_resnet50')}; or set the detector to "
                "dlib, which needs no download"
            )
        logger.info("faces are detected by dlib: no RetinaFace weights are on this machine")
    return DlibDetector()


def _eyes_apart(face: Face) -> bool:
    return float(np.linalg.norm(face.points[0] - face.points[1])) >= MIN_EYE_DISTANCE_PX


def _resized(frame: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if scale == 1:
        return np.ascontiguousarray(frame)
    size = (round(frame.shape[1] * scale), round(frame.shape[0] * scale))
    shrinks = scale < 1
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
