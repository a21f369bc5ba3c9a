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

_FAR = 2.0
_GROWN = 1.6
"""A face that moves further in a frame than so many of its radii (the points' distance from their
mean), about 0.6 of its width, or becomes so much larger or smaller, is another or in another scene.
"""


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
        jumps: First frames of what follows a cut or a change to another face.
    """

    points: NDArray[np.float64]
    detected: NDArray[np.bool_]
    jumps: tuple[int, ...] = ()

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

    Where the face jumps, at a cut or to another person, the track is split: each part is filled and
    smoothed alone, so that no frame shows a place between two faces.

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
            f"{clip_name}: no face found in any of its {len(raw)} frames; expected a "
            "clip of one upright, roughly frontal face; remove the clip, or try another detector"
        )
    starts = _jumps(raw, np.flatnonzero(detected))
    parts = [
        filled_and_smoothed(part, sigma_frames=sigma_frames, ends=ends)
        for part in np.split(raw, starts)
    ]
    return SmoothTrack(points=np.concatenate(parts), detected=detected, jumps=tuple(starts))


def _jumps(raw: NDArray[np.float64], found: NDArray[np.intp]) -> list[int]:
    """Frames at which the face is suddenly elsewhere.

    A gap in which the face is lost is divided in its middle.

    Args:
        raw: (T, 5, 2) px.
        found: Indices of the frames with a face.
    """
    centres = raw[found].mean(axis=1)
    radii = np.sqrt(((raw[found] - centres[:, None]) ** 2).sum(axis=2).mean(axis=1))
    gaps = np.diff(found)
    larger, smaller = np.maximum(radii[1:], radii[:-1]), np.minimum(radii[1:], radii[:-1])
    moved = np.linalg.norm(np.diff(centres, axis=0), axis=1)
    real = larger > 1  # px; five equal points have no size
    jumped = real & ((moved > _FAR * larger * gaps) | (larger > smaller * _GROWN**gaps))
    return [int(found[i] + (gaps[i] + 1) // 2) for i in np.flatnonzero(jumped)]


def filled_and_smoothed(
    raw: NDArray[np.float64], *, sigma_frames: float, ends: Ends
) -> NDArray[np.float64]:
    """Fills and smooths points along time, wherever they move; arguments as in `smooth_track`.

    Args:
        raw: (T, 5, 2), NaN in frames without points; one frame at least has them.
        sigma_frames: Standard deviation of the Gaussian, frames; 0 only fills.
        ends: How points go on beyond both ends.

    Returns:
        (T, 5, 2).
    """
    frames, flat = np.arange(len(raw)), raw.reshape(len(raw), 10)
    found = np.isfinite(flat).all(axis=1)
    filled = np.stack(
        [np.interp(frames, frames[found], column[found]) for column in flat.T], axis=1
    )
    if sigma_frames > 0 and ends == "extrapolate":
        reach = round(4 * sigma_frames)
        padded = np.pad(filled, ((reach, reach), (0, 0)), mode="reflect", reflect_type="odd")
        filled = gaussian_filter1d(padded, sigma_frames, axis=0)[reach:-reach]
    elif sigma_frames > 0:
        filled = gaussian_filter1d(filled, sigma_frames, axis=0)
    return filled.reshape(-1, 5, 2)
