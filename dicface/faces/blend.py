"""Restored faces blended into their frames: only the difference, through a mask that is soft.

Pass 2 of restoring a film. Mask and colour are averages over the last frames, a finite window, so
that part of a film can be done again alone with the same result.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dicface.faces.dlib_models import Box, landmarks_68
from dicface.faces.occlusion import MAP, colour_offset, low_pass, occluded
from dicface.faces.paste import NON_FACE_CLASSES, Parser
from dicface.faces.people import Track

_WINDOW = 8
"""Frames before the present one over which masks and colours are averaged."""
_OCCLUDED = np.float32([0.6, 0.25, 0.15])
"""Weights of what hides the face now, a frame ago, two frames ago: hands are quick."""
_HIDDEN_EDGE, _MORE_HIDDEN = 0.7, 1.2
"""Deviation of its soft edge, px of a map, and by what it is strengthened then."""
_FADE = 6
"""Frames in which a face comes or goes that enters or leaves within its shot."""
_MASK_EVERY = 3
"""The outline of a face is found in each so many frames."""
_DEPTHS = {np.dtype(np.uint8): cv2.CV_8U, np.dtype(np.uint16): cv2.CV_16U}
_LANDMARKS_PX = 256
_FACE_BOX = (0.27, 0.33, 0.73, 0.79)
"""Where dlib's detector sees the face in an aligned square, as shares of its side."""
_FOREHEAD = 0.75
"""How far above the brows the mask reaches, as a share of the way from brows to nose base."""
_CHIN = 0.3
"""How far below the jaw the mask reaches, as a share of the way from nose base to chin: its soft
edge would leave the chin as it was."""
_EDGE = 4.0
"""Deviation of the mask's soft edge, px of a map."""
_DRAWN_IN = 2
"""How far the mask is drawn in before its edge is made soft, px of a map."""
_RIM = 10
"""Width of the rim of the square in which the mask falls to zero, px of a map."""


@dataclass(frozen=True, eq=False)
class _Seen:
    """What one frame says.

    Attributes:
        face: (128, 128) soft mask of the face.
        hidden: (128, 128) what stands before it.
        offset: (3,) input minus restored colour.
    """

    face: NDArray[np.float32]
    hidden: NDArray[np.float32]
    offset: NDArray[np.float32]


class Blender:
    """Blends the restored faces of one track into their frames, which are given in order.

    Args:
        track: Where the face is.
        parser: Gives the class map of a face; None takes the hull of its landmarks.
        strength: 1 pastes the restored face, 0 leaves the input.
        match_colours: Whether the restored face takes the input's mean colour; not for methods that
            are to change it, as in colorization.
        keep_occluders: Whether what stands before the face stays; not for methods that are to
            remove it, as in inpainting.

    Attributes:
        memory: Number of frames to give to `observe` or `paste` before a start within the track,
            after which all is the same bits as if the track had been given from its first frame on.
    """

    memory = _WINDOW + _MASK_EVERY

    def __init__(
        self,
        track: Track,
        *,
        parser: Parser | None = None,
        strength: float = 1.0,
        match_colours: bool = True,
        keep_occluders: bool = True,
    ) -> None:
        self._track, self._parser, self._strength = track, parser, strength
        self._match_colours, self._keep_occluders = match_colours, keep_occluders
        self._seen: deque[_Seen] = deque(maxlen=_WINDOW + 1)
        self._outline: NDArray[np.float32] | None = None

    def observe(self, aligned_input: NDArray, restored: NDArray, frame_index: int) -> None:
        """Takes a frame into mask and colours only, as `paste` does too.

        Args:
            aligned_input: (S, S, 3) uint8, or float in 0…255: what was restored.
            restored: (S, S, 3) in the same range.
            frame_index: Number of the frame in the film.
        """
        face = self._face(restored, frame_index)
        before, after = low_pass(aligned_input), low_pass(restored)
        offset = colour_offset(before - after, face)
        matched = after + offset if self._match_colours else after
        hidden = occluded(before, matched, face) if self._keep_occluders else np.zeros_like(face)
        self._seen.append(_Seen(face, hidden, offset))

    def paste(
        self,
        frame: NDArray[np.uint8],
        aligned_input: NDArray,
        restored: NDArray,
        frame_index: int,
        corner: tuple[int, int] = (0, 0),
    ) -> NDArray[np.uint8]:
        """The frame with the restored face; where the mask is zero it has the frame's own bits.

        Args:
            frame: (H, W, 3) uint8 or uint16 RGB, or a part of it.
            aligned_input: (S, S, 3) uint8, or float in 0…255: what was restored.
            restored: (S, S, 3) in the same range.
            frame_index: Number of the frame in the film.
            corner: Where the part begins, x and y in px of the film's frame.
        """
        self.observe(aligned_input, restored, frame_index)
        mask = self.mask(frame_index)
        size = restored.shape[0]
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        if not len(rows):
            return frame.copy()
        # Only what the mask reaches, which ends inside the square.
        top, left = (each[0] * size // MAP for each in (rows, columns))
        bottom, right = (-(-(each[-1] + 1) * size // MAP) for each in (rows, columns))
        part = np.s_[top:bottom, left:right]
        affine = self._track.affine(frame_index, size)
        affine[:, 2] += affine[:, :2] @ corner - (left, top)
        # OpenCV's own loops: those of NumPy over three channels take longer than all else here.
        layer = cv2.subtract(restored[part], aligned_input[part], dtype=cv2.CV_32F)
        layer, affine = _reduced(layer, affine)
        if self._match_colours:
            offset = np.mean([seen.offset for seen in self._seen], axis=0)
            layer = cv2.add(layer, tuple(offset.tolist()), dst=layer)
        share = cv2.resize(mask, (size, size), interpolation=cv2.INTER_LINEAR)[part]
        share = cv2.resize(share, layer.shape[1::-1], interpolation=cv2.INTER_AREA)
        layer = cv2.multiply(layer, cv2.merge([share] * 3), dst=layer)
        return _add(frame, layer, affine)

    def mask(self, frame_index: int) -> NDArray[np.float32]:
        """(128, 128) in [0, 1]: the share of the restored face at the frame given last."""
        mask = np.mean([seen.face for seen in self._seen], axis=0)
        recent = list(self._seen)[: -len(_OCCLUDED) - 1 : -1]
        weights = _OCCLUDED[: len(recent)] / _OCCLUDED[: len(recent)].sum()
        hidden = sum(w * seen.hidden for w, seen in zip(weights, recent, strict=True))
        # A little more than softened, so that less of the face lies on what stands before it.
        hidden = np.minimum(1, _MORE_HIDDEN * cv2.GaussianBlur(hidden, (0, 0), _HIDDEN_EDGE))
        return mask * (1 - hidden) * (self._strength * self._presence(frame_index))

    def _presence(self, frame_index: int) -> float:
        """1, less in the first and last frames of a face that enters or leaves."""
        track = self._track
        since, until = frame_index - track.first + 1, track.frames.stop - frame_index
        ends = [since] * track.enters + [until] * track.leaves
        return min(1.0, *(end / (_FADE + 1) for end in ends), 1.0)

    def _face(self, restored: NDArray, frame_index: int) -> NDArray[np.float32]:
        """(128, 128) soft mask of the face; it falls to zero inside the square.

        It is the restored face's: a hand before the input's would mislead.
        """
        if self._outline is None or (frame_index - self._track.first) % _MASK_EVERY == 0:
            parser = self._parser
            outline = _hull(restored) if parser is None else _parsed(restored, parser)
            self._outline = cv2.GaussianBlur(outline * _INSIDE, (0, 0), _EDGE) * _INSIDE
        return self._outline


def _inside() -> NDArray[np.float32]:
    """(128, 128): 0 in the two outermost px of the square, 1 farther in."""
    ramp = np.clip((np.minimum(np.arange(MAP), np.arange(MAP)[::-1]) - 1) / _RIM, 0, 1)
    ramp = ramp * ramp * (3 - 2 * ramp)
    return np.outer(ramp, ramp).astype(np.float32)


_INSIDE = _inside()


def _hull(face: NDArray) -> NDArray[np.float32]:
    """Hull of the landmarks, grown up and below the jaw, and drawn in by what its edge takes."""
    side = _LANDMARKS_PX
    small = cv2.resize(_bytes(face), (side, side), interpolation=cv2.INTER_AREA)
    marks = landmarks_68(small, Box(*(share * side for share in _FACE_BOX)))
    brows, jaw, nose_base = marks[17:27], marks[4:13], marks[31:36].mean(axis=0)
    up, down = _FOREHEAD * (brows.mean(axis=0) - nose_base), _CHIN * (marks[8] - nose_base)
    outline = np.concatenate([marks, brows + up, marks[[0, 16]] + up, jaw + down])
    hull = cv2.convexHull((((outline + 0.5) * MAP / side) - 0.5).astype(np.float32))
    mask = np.zeros((MAP, MAP), np.uint8)
    cv2.fillConvexPoly(mask, np.rint(hull * 16).astype(np.int32), 255, cv2.LINE_AA, shift=4)
    return _drawn_in(mask.astype(np.float32) / 255)


def _parsed(face: NDArray, parser: Parser) -> NDArray[np.float32]:
    classes = parser(cv2.resize(_bytes(face), (512, 512), interpolation=cv2.INTER_LINEAR))
    mask = np.where(np.isin(classes, NON_FACE_CLASSES), 0, 1).astype(np.float32)
    mask = cv2.resize(mask, (MAP, MAP), interpolation=cv2.INTER_AREA)
    return _drawn_in(mask)


def _drawn_in(mask: NDArray[np.float32]) -> NDArray[np.float32]:
    return cv2.erode(mask, np.ones((2 * _DRAWN_IN + 1,) * 2, np.uint8))


def _bytes(face: NDArray) -> NDArray[np.uint8]:
    return face if face.dtype == np.uint8 else np.rint(np.clip(face, 0, 255)).astype(np.uint8)


def _reduced(
    layer: NDArray[np.float32], affine: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """A layer about as large as it will be in the frame, and its (2, 3) frame px → layer px."""
    # As `align.warp` does where it reduces: pixels are averaged, not skipped.
    factor = max(1, round(float(np.hypot(affine[0, 0], affine[1, 0]))))
    if factor == 1:
        return layer, affine
    before = np.array(layer.shape[1::-1])
    after = np.maximum(1, np.rint(before / factor)).astype(int)
    scale = after / before
    affine = affine * scale[:, None]
    affine[:, 2] += 0.5 * scale - 0.5
    return cv2.resize(layer, after.tolist(), interpolation=cv2.INTER_AREA), affine


def _add(
    frame: NDArray[np.uint8], layer: NDArray[np.float32], affine: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """The frame plus a layer; the same bits where the layer is zero or does not reach.

    Args:
        frame: (H, W, 3) uint8 or uint16.
        layer: (h, w, 3) in 0…255 of the frame's range.
        affine: (2, 3) frame px → layer px.
    """
    inverse = cv2.invertAffineTransform(affine)
    x, y = (np.array([-1, side]) for side in layer.shape[1::-1])
    corners = np.array([(u, v) for u in x for v in y]) @ inverse[:, :2].T + inverse[:, 2]
    most = frame.shape[1::-1]
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, most).tolist()
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 1, 0, most).tolist()
    out = frame.copy()
    if right > left and bottom > top:
        inverse[:, 2] -= (left, top)
        moved = cv2.warpAffine(layer, inverse, (right - left, bottom - top))
        deep = frame.dtype == np.uint16
        part = out[top:bottom, left:right]
        # OpenCV adds in float and rounds once.
        part[:] = cv2.add(part, moved * 257 if deep else moved, dtype=_DEPTHS[frame.dtype])
    return out
