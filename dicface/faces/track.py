"""From detections to one smooth track of five points a clip (DicFace release, inference)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from dicface.base.errors import FaceError
from dicface.faces.detect import Detector, Face, detect_all

Choice = Literal["largest", "nearest"]
Ends = Literal["reflect", "extrapolate"]

SMOOTHING_SIGMA_FRAMES = 5.0
"""Temporal smoothing of the landmarks (DicFace release)."""

_SMALLEST_RIVAL = 0.5


def choose_face(
    faces: list[Face],
    height: int,
    width: int,
    *,
    choice: Choice = "largest",
    previous: Face | None = None,
) -> Face | None:
    """The face of a frame that is followed.

    Args:
        faces: Detections in the frame.
        height: Height of the frame, px.
        width: Width of the frame, px.
        choice: `largest` (release): the largest area inside the frame. `nearest`: among faces of at
            least half the largest area, the one nearest to `previous`; steadier where two faces of
            similar size are in view.
        previous: The face of the last frame that had one.

    Returns:
        The face, or None if there is none.
    """
    if not faces:
        return None
    areas = [face.box.clipped_area(height, width) for face in faces]
    if choice == "largest" or previous is None:
        return faces[int(np.argmax(areas))]
    rivals = [
        face
        for face, area in zip(faces, areas, strict=True)
        if area >= _SMALLEST_RIVAL * max(areas)
    ]
    centre = np.array(previous.box.centre)
    return min(rivals, key=lambda face: np.linalg.norm(np.array(face.box.centre) - centre))


def track_faces(
    frames: Iterable[NDArray[np.uint8]],
    detector: Detector,
    *,
    choice: Choice = "largest",
    batch_size: int = 1,
) -> NDArray[np.float64]:
    """Five points of one face a frame; `batch_size` frames are in memory.

    Args:
        frames: (H, W, 3) uint8 RGB.
        detector: What finds the faces.
        choice: Which face of several is taken (see `choose_face`).
        batch_size: Number of frames given at once to a detector that can take several.

    Returns:
        (T, 5, 2) float64 in px of the frames; NaN where no face was found.
    """
    track, previous = [], None
    for size, faces in detect_all(frames, detector, batch_size):
        face = choose_face(faces, *size, choice=choice, previous=previous)
        track.append(np.full((5, 2), np.nan) if face is None else face.points)
        previous = face or previous
    return np.array(track, dtype=np.float64).reshape(-1, 5, 2)


@dataclass(frozen=True, eq=False)
class SmoothTrack:
    """A gapless, smoothed track.

    Attributes:
        points: (T, 5, 2) float64, px.
        detected: (T,) bool, False where the points were interpolated.
    """

    points: NDArray[np.float64]
    detected: NDArray[np.bool_]

    @property
    def num_interpolated(self) -> int:
        """Frames without a detected face."""
        return int((~self.detected).sum())


def smooth_track(
    raw: NDArray[np.float64],
    clip_name: str,
    *,
    sigma_frames: float = SMOOTHING_SIGMA_FRAMES,
    ends: Ends = "reflect",
) -> SmoothTrack:
    """Fills frames without a face by linear interpolation, then smooths along time.

    Ends without a face hold the first or last value found. The Gaussian ends at four sigmas.

    Args:
        raw: (T, 5, 2) px, NaN where no face was found.
        clip_name: Name of the clip, for the error message.
        sigma_frames: Standard deviation of the Gaussian, frames; 0 leaves the track as it is.
        ends: `reflect` (release; SciPy's `reflect`) mirrors the track in time, which holds a moving
            face back at both ends of the clip, by four frames' motion at sigma 5. `extrapolate`
            mirrors it through its end points, which leaves steady motion as it is.

    Returns:
        The track and which frames were detected.

    Raises:
        FaceError: No frame has a face.
    """
    detected = np.isfinite(raw).all(axis=(1, 2))
    if not detected.any():
        raise FaceError(
            f"{clip_name}: no face found in any of its {len(raw)} frames; expected a clip of one "
            "upright, roughly frontal face; remove the clip, or try another detector"
        )
    frames = np.arange(len(raw))
    flat = raw.reshape(len(raw), 10)
    filled = np.stack(
        [np.interp(frames, frames[detected], column[detected]) for column in flat.T], axis=1
    )
    if sigma_frames > 0 and ends == "extrapolate":
        reach = round(4 * sigma_frames)
        padded = np.pad(filled, ((reach, reach), (0, 0)), mode="reflect", reflect_type="odd")
        filled = gaussian_filter1d(padded, sigma_frames, axis=0)[reach:-reach]
    elif sigma_frames > 0:
        filled = gaussian_filter1d(filled, sigma_frames, axis=0)
    return SmoothTrack(points=filled.reshape(-1, 5, 2), detected=detected)
