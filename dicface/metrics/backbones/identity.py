"""Identity networks for IDS: ArcFace, or dlib's ResNet offline."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from skimage.transform import SimilarityTransform

from dicface.base.errors import MetricError
from dicface.base.files import sha256_of
from dicface.faces import dlib_models
from dicface.metrics.backbones.info import BackboneInfo

ARCFACE_SIZE = 112
ARCFACE_POINTS = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655],
     [70.7299, 92.2041]]
)  # fmt: skip
"""Where ArcFace wants eyes, nose tip and mouth corners, px of its 112×112 input."""


class Identity(Protocol):
    """What embeds a face."""

    info: BackboneInfo

    def embed(
        self, face: NDArray[np.uint8], landmarks: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Embedding (D,) of a face (512, 512, 3) uint8 RGB with 68 landmarks (68, 2) in px."""


class DlibIdentity:
    """dlib's face-recognition ResNet, 128 numbers."""

    def __init__(self, device: str, reason: str) -> None:
        """Takes why this network; its file, a dependency's, is read at first use, on the CPU."""
        self.info = BackboneInfo(
            name="dlib-resnet",
            sha256=dlib_models.SHA256[dlib_models.IDENTITY_FILE],
            official=False,
            reason=reason,
        )

    def embed(
        self, face: NDArray[np.uint8], landmarks: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Embedding (128,) of the face cut out by its landmarks as dlib does."""
        return dlib_models.identity_embedding(face, landmarks)


class ArcFaceIdentity:
    """ArcFace (Deng et al., CVPR 2019), ResNet-50 trained on WebFace600K, 512 numbers."""

    def __init__(self, path: Path, device: str) -> None:
        """Takes insightface's ONNX file; it is read at first use and runs on the CPU."""
        self._path = path
        self.info = BackboneInfo(
            name="arcface-w600k-r50",
            sha256=sha256_of(path),
            official=True,
            reason=f"{path.name} is at hand",
        )

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        # One process scores one clip; the pool spreads clips over the cores.
        options.intra_op_num_threads = 1
        return onnxruntime.InferenceSession(
            str(self._path), options, providers=["CPUExecutionProvider"]
        )

    def embed(
        self, face: NDArray[np.uint8], landmarks: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Embedding (512,) of the face warped to ArcFace's template by five points."""
        warp = SimilarityTransform.from_estimate(five_points(landmarks), ARCFACE_POINTS)
        if not warp:
            raise MetricError(
                "ArcFace: the 68 landmarks of a face lie in one point; they cannot be aligned. "
                "Look at the frame: is there a face?"
            )
        crop = cv2.warpAffine(face, warp.params[:2], (ARCFACE_SIZE, ARCFACE_SIZE))
        batch = (crop.transpose(2, 0, 1)[None].astype(np.float32) - 127.5) / 127.5
        name = self._session.get_inputs()[0].name
        return self._session.run(None, {name: batch})[0][0].astype(np.float64)


def five_points(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """Eye centres, nose tip and mouth corners (5, 2) of 68 landmarks in iBUG order."""
    eyes = [landmarks[36:42].mean(axis=0), landmarks[42:48].mean(axis=0)]
    return np.stack([*eyes, landmarks[30], landmarks[48], landmarks[54]])
