"""Cuts of a film, found on small pictures while it streams.

A cut is a step that stands out from the steps around it and that no frame takes back: fast motion
makes all steps large, and after a flash the old picture returns. Pictures are compared block by
block, so that the light may change and people move, and by their colours.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

LOOK_AHEAD = 4
"""Frames after a step that must be seen before it is known whether it is a cut."""
_LOOK_BACK = 8
_FLASH = 3
"""Longest flash in frames: a picture that returns within it was not cut."""
_SMALLEST_STEP, _STANDS_OUT = 0.15, 4.0
_FLAT = 3.0
"""Standard deviation of the luma of a picture that shows nothing: black, white or any colour."""
_OTHER_COLOURS = 64.0
"""Grey levels by which the colours of two pictures differ that have nothing in common."""
_WIDTH, _HEIGHT, _SHIFT, _BLOCK = 64, 36, 3, 10
"""Size of the small pictures, how far their blocks may move, side of a block, px."""
_COLUMNS = range(_SHIFT, _WIDTH - _BLOCK, _BLOCK)


@dataclass(frozen=True)
class _Thumb:
    """What is compared of a frame: blurred luma, each channel's sorted values, flatness."""

    luma: NDArray[np.float32]
    colours: NDArray[np.float32]
    flat: bool


class ShotFinder:
    """Finds the cuts of a film that is given frame by frame.

    Attributes:
        starts: First frames of the shots found so far.
        settled: Number of frames of which it is known whether a shot starts with them.
    """

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.settled = 0
        self._num_frames = 0
        self._flat_run = 0
        # Frames settled - _LOOK_BACK … newest, and the step from the frame before to each of them.
        self._thumbs: deque[_Thumb] = deque(maxlen=_LOOK_BACK + LOOK_AHEAD + 1)
        self._steps: deque[float] = deque(maxlen=_LOOK_BACK + LOOK_AHEAD + 1)

    def add(self, picture: NDArray[np.uint8]) -> None:
        """Takes the next frame, (H, W, 3) uint8 RGB of any size."""
        thumb = _thumb(picture)
        self._steps.append(_distance(self._thumbs[-1], thumb) if self._thumbs else 0.0)
        self._thumbs.append(thumb)
        self._num_frames += 1
        if self._num_frames > LOOK_AHEAD:
            self._settle()

    def finish(self) -> list[range]:
        """All shots, in order; together they are all frames."""
        while self.settled < self._num_frames:
            self._settle()
        return [range(*edges) for edges in pairwise([*self.starts, self._num_frames])]

    def _settle(self) -> None:
        """Decides about the next frame."""
        frame = self.settled
        # Its place among the frames that are kept.
        place = len(self._thumbs) - (self._num_frames - frame)
        flat = self._thumbs[place].flat
        after_fade = not flat and self._flat_run > _FLASH and frame > self._flat_run
        if frame == 0 or after_fade or self._is_cut(frame, place):
            self.starts.append(frame)
        self._flat_run = self._flat_run + 1 if flat else 0
        self.settled += 1

    def _is_cut(self, frame: int, place: int) -> bool:
        steps = np.array(self._steps)
        since = frame - self.starts[-1]
        around = np.delete(steps, place)[max(place - since, 0) :]
        usual = float(np.median(around)) if len(around) else 0.0
        if steps[place] < max(_SMALLEST_STEP, _STANDS_OUT * usual) or since < _FLASH:
            return False
        before = list(self._thumbs)[max(place - _FLASH - 1, place - since) : place]
        after = list(self._thumbs)[place : place + _FLASH + 1]
        return all(_distance(a, b) >= _SMALLEST_STEP for a in before for b in after)


def _thumb(picture: NDArray[np.uint8]) -> _Thumb:
    small = cv2.resize(picture, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA)
    luma = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return _Thumb(
        cv2.GaussianBlur(luma, (0, 0), 1.0),
        np.sort(small.reshape(-1, 3), axis=0).astype(np.float32),
        float(luma.std()) < _FLAT,
    )


def _distance(a: _Thumb, b: _Thumb) -> float:
    """0 for the same picture, about 1 for unrelated ones; small shifts and fades count little."""
    places = [(y, x) for y in range(_SHIFT, _HEIGHT - _BLOCK, _BLOCK) for x in _COLUMNS]
    structure = float(np.mean([_block_distance(a.luma, b.luma, *place) for place in places]))
    colours = min(1.0, float(np.abs(a.colours - b.colours).mean()) / _OTHER_COLOURS)
    return structure + 0.4 * colours


def _block_distance(a: NDArray[np.float32], b: NDArray[np.float32], y: int, x: int) -> float:
    """1 - the best correlation of a block of `b` with places about it in `a`; 0 if both are flat.

    Blocks may move apart: people do not stand still.
    """
    block = b[y : y + _BLOCK, x : x + _BLOCK]
    around = a[y - _SHIFT : y + _BLOCK + _SHIFT, x - _SHIFT : x + _BLOCK + _SHIFT]
    same = float(cv2.matchTemplate(around, block, cv2.TM_CCOEFF_NORMED).max())
    contrast = max(_deviation(around), _deviation(block)) ** 2
    return (1.0 - same) * contrast / (contrast + _FLAT**2)


def _deviation(values: NDArray[np.float32]) -> float:
    """Their standard deviation; NumPy takes ten times as long for so few."""
    return float(cv2.meanStdDev(values)[1][0, 0])
