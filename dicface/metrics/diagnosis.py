"""Why a result may score badly: plain faults that are tried out against its truth.

A few frames of a clip are undone in each way (moved back, channels in another order, …). What makes
them much more like the truth than they are is the fault. Thresholds are such that blur, noise and
compression alone are none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dicface.base.counts import how_many
from dicface.video.clips import read_frames
from dicface.video.sources import look

NUM_FRAMES = 4
"""So many frames of a clip are looked at."""
MAX_OFFSET = 3
"""Frames to either side in which a result's own is looked for; early or late by fewer is told."""
SMALL, MIDDLE = 128, 256
"""Largest side, px, at which faults are tried, and at which movement is found."""

LEAST_GAIN_DB = {
    "shift": 0.3,
    "time": 0.5,
    "channels": 0.5,
    "range": 1.0,
    "gamma": 1.0,
    "mirror": 1.0,
    "crop": 1.0,
}
"""Kind of fault -> PSNR that undoing it has to gain."""

LEAST_SHIFT = 0.35
"""Px to a side below which nothing has moved: strong blur alone looks moved by a third of one."""
LEAST_GAMMA = 1.1
MOST_SCATTER = 2.5
"""Levels by which means of parts may lie beside the line of another range."""
LEAST_SCALE, LEAST_TURN = 0.01, 0.5
"""Share and degrees below which a movement is a shift and no other crop."""

_BLUR = 5
_STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-5)
_SQUEEZE = 219 / 255
_PARTS = 16

Frames = Sequence[NDArray[np.float32]]
"""Frames (H, W, 3) in 0 to 255."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is wrong with a clip.

    Attributes:
        kind: A key of `LEAST_GAIN_DB`.
        words: Said of the result: "is shifted by 2 px to the right".
        gain: PSNR that undoing it gains, dB.
    """

    kind: str
    words: str
    gain: float


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What was found on a clip.

    Attributes:
        psnr: Of the frames that were looked at, dB.
        best_shift: By how many px, to the right and down, the result lies beside its truth, in
            halves; (0, 0) where moving it gains nothing.
        psnr_at_best_shift: PSNR with the result moved back, dB.
        fault: What explains most; None where nothing does.
    """

    psnr: float
    best_shift: tuple[float, float]
    psnr_at_best_shift: float
    fault: Fault | None


def diagnose_clip(restored: Path, truth: Path) -> Diagnosis:
    """Diagnoses a restored clip with as many frames of the same size as its truth.

    Raises:
        ClipError: A clip cannot be read.
    """
    numbers = looked_at(look(truth).num_frames)
    near = {n + k for n in numbers for k in range(-MAX_OFFSET, MAX_OFFSET + 1)}
    ours = dict(_picked(read_frames(restored), numbers))
    return diagnose(ours, dict(_picked(read_frames(truth), near)))


def looked_at(num_frames: int) -> list[int]:
    """Numbers of the frames that are looked at, from the first to the last.

    >>> looked_at(24), looked_at(3)
    ([0, 8, 15, 23], [0, 1, 2])
    """
    return sorted({round(n) for n in np.linspace(0, num_frames - 1, min(NUM_FRAMES, num_frames))})


def diagnose(
    restored: dict[int, NDArray[np.uint8]], truth: dict[int, NDArray[np.uint8]]
) -> Diagnosis:
    """Diagnoses frames (H, W, 3) uint8 RGB by number; of the truth, also those nearby."""
    ours = [frame.astype(np.float32) for frame in restored.values()]
    true = [truth[number].astype(np.float32) for number in restored]
    psnr = _psnr(ours, true)
    shift, at_best = _best_shift(ours, true, psnr)
    small, small_true = [_reduced(f, SMALL) for f in ours], [_reduced(f, SMALL) for f in true]
    faults = [
        *_time(restored, truth),
        *_channels(small, small_true),
        *_tones(small, small_true),
        *_mirrors(small, small_true),
        *_crop(small, small_true),
    ]
    if any(shift):
        gain = at_best - psnr
        faults.append(Fault(kind="shift", words=f"is shifted by {_moved(shift)}", gain=gain))
    found = [fault for fault in faults if fault.gain >= LEAST_GAIN_DB[fault.kind]]
    return Diagnosis(
        psnr=psnr,
        best_shift=shift,
        psnr_at_best_shift=at_best,
        fault=max(found, key=lambda fault: fault.gain, default=None),
    )


def _picked(
    frames: Iterable[NDArray[np.uint8]], numbers: Iterable[int]
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    wanted = set(numbers)
    return ((n, frame) for n, frame in enumerate(frames) if n in wanted)


def _psnr(ours: Frames, true: Frames) -> float:
    """Of all frames together, dB, at most 100: one that happens to be right decides nothing."""
    errors = [float(np.square(a - b).mean()) for a, b in zip(ours, true, strict=True)]
    return 10 * math.log10(255**2 / max(float(np.mean(errors)), 255**2 / 1e10))


def _unlike(ours: Frames, true: Frames) -> float:
    """One less the correlation of grey levels, over all frames together; above 0."""
    a, b = (np.concatenate([_grey(frame).ravel() for frame in each]) for each in (ours, true))
    deviation = max(float(a.std() * b.std()), 1e-6)
    return max(1 - float(((a - a.mean()) * (b - b.mean())).mean()) / deviation, 1e-6)


def _reduced(frame: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    factor = max(1, math.ceil(max(frame.shape[:2]) / side))
    if factor == 1:
        return frame
    size = frame.shape[1] // factor, frame.shape[0] // factor
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)


def _grey(frame: NDArray[np.float32]) -> NDArray[np.float32]:
    return cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)


def _time(
    restored: dict[int, NDArray[np.uint8]], truth: dict[int, NDArray[np.uint8]]
) -> Iterator[Fault]:
    def small(frames: Iterable[NDArray[np.uint8]]) -> Frames:
        return [_reduced(frame.astype(np.float32), SMALL) for frame in frames]

    gains = {0: 0.0}
    for offset in range(-MAX_OFFSET, MAX_OFFSET + 1):
        both = [n for n in restored if n + offset in truth]
        if offset and both:
            ours = small(restored[n] for n in both)
            gains[offset] = _psnr(ours, small(truth[n + offset] for n in both))
            gains[offset] -= _psnr(ours, small(truth[n] for n in both))
    best = max(gains, key=lambda offset: gains[offset])
    # Best at the end of the search: the result does not move along, as a frozen frame.
    if abs(best) < MAX_OFFSET:
        count = how_many(abs(best), "frame")
        words = f"is {count} {'early' if best > 0 else 'late'}"
        yield Fault(kind="time", words=words, gain=gains[best])


def _channels(ours: Frames, true: Frames) -> Iterator[Fault]:
    before = _psnr(ours, true)
    for order in list(permutations(range(3)))[1:]:
        named = "".join("RGB"[order.index(channel)] for channel in range(3))
        gain = _psnr([frame[..., order] for frame in ours], true) - before
        yield Fault(kind="channels", words=f"has its channels in the order {named}", gain=gain)


def _mirrors(ours: Frames, true: Frames) -> Iterator[Fault]:
    before = _psnr(ours, true)
    turned = {
        "is mirrored left to right": lambda frame: frame[:, ::-1],
        "is upside down, mirrored": lambda frame: frame[::-1],
        "is turned by 180 degrees": lambda frame: frame[::-1, ::-1],
    }
    for words, undo in turned.items():
        gain = _psnr([undo(frame) for frame in ours], true) - before
        yield Fault(kind="mirror", words=words, gain=gain)


def _tones(ours: Frames, true: Frames) -> Iterator[Fault]:
    """Another range or gamma, from the means of large parts, which blur and noise leave alone."""
    before = _psnr(ours, true)
    x, y = (
        np.concatenate(
            [cv2.resize(f, (_PARTS, _PARTS), interpolation=cv2.INTER_AREA).ravel() for f in frames]
        ).astype(np.float64)
        for frames in (true, ours)
    )
    inside = (x > 20) & (x < 235) & (y > 4) & (y < 251)
    if inside.sum() < _PARTS or np.ptp(x[inside]) < _PARTS:
        return
    slope, offset = np.polyfit(x[inside], y[inside], 1)
    # Strong blur takes contrast too, but scatters the parts about the line.
    near = float((y - slope * x - offset)[inside].std()) < MOST_SCATTER
    if near and abs(slope - _SQUEEZE) < 0.04 and abs(offset - 16) < 5:
        undone = [np.clip((frame - 16) / _SQUEEZE, 0, 255) for frame in ours]
        words = "has its values squeezed into 16–235"
        yield Fault(kind="range", words=words, gain=_psnr(undone, true) - before)
    if near and abs(slope - 1 / _SQUEEZE) < 0.06 and abs(offset + 16 / _SQUEEZE) < 7:
        undone = [frame * _SQUEEZE + 16 for frame in ours]
        words = "has its values stretched, as if 16–235 had been read as 0–255"
        yield Fault(kind="range", words=words, gain=_psnr(undone, true) - before)
    logs = np.log(x[inside] / 255), np.log(y[inside] / 255)
    gamma = float(logs[0] @ logs[1] / (logs[0] @ logs[0]))
    if gamma > 0 and abs(math.log(gamma)) > math.log(LEAST_GAMMA):
        undone = [255 * (frame / 255) ** (1 / gamma) for frame in ours]
        words = f"is {'darker' if gamma > 1 else 'lighter'} by a gamma of {gamma:.2f}"
        yield Fault(kind="gamma", words=words, gain=_psnr(undone, true) - before)


def _best_shift(ours: Frames, true: Frames, psnr: float) -> tuple[tuple[float, float], float]:
    """By how much the result lies beside its truth, and the PSNR once it does not."""
    found = []
    for a, b in zip(ours, true, strict=True):
        small, small_true = _reduced(_grey(a), MIDDLE), _reduced(_grey(b), MIDDLE)
        warp = _aligned(small, small_true, cv2.MOTION_TRANSLATION)
        if warp is not None:
            found.append(-warp[:, 2] * a.shape[0] / small.shape[0])
    if not found:
        return (0.0, 0.0), psnr
    middle = np.median(found, axis=0)
    alike = np.abs(np.array(found) - middle).max(axis=1) < 0.5
    shift = np.where(np.abs(middle) < LEAST_SHIFT, 0, np.round(2 * middle) / 2)
    if not alike.all() or not shift.any() or np.abs(shift).max() > ours[0].shape[0] / 4:
        return (0.0, 0.0), psnr
    height, width = ours[0].shape[:2]
    edge = int(np.ceil(np.abs(shift).max())) + 1
    inner = slice(edge, height - edge), slice(edge, width - edge)
    kept, before = ([frame[inner] for frame in each] for each in (ours, true))
    after, away = (_shifted(true, way, inner) for way in (shift, -shift))
    gain, other = (_psnr(kept, each) - _psnr(kept, before) for each in (after, away))
    # Halves of pixels blur the truth, which blurred results gain from whichever way it moves.
    if other > gain / 2:
        return (0.0, 0.0), psnr
    # In shape too, whatever colours are: a grey result lies where it lies.
    shape = 10 * math.log10(_unlike(kept, before) / _unlike(kept, after))
    if min(gain, shape) < LEAST_GAIN_DB["shift"]:
        return (0.0, 0.0), psnr
    return (float(shift[0]), float(shift[1])), psnr + gain


def _shifted(
    frames: Frames, shift: NDArray[np.float64], inner: tuple[slice, slice]
) -> list[NDArray[np.float32]]:
    """Frames moved to the right and down, without their edges."""
    move = np.array([[1, 0, -shift[0]], [0, 1, -shift[1]]])
    size, flags = frames[0].shape[1::-1], cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return [cv2.warpAffine(frame, move, size, flags=flags)[inner] for frame in frames]


def _crop(ours: Frames, true: Frames) -> Iterator[Fault]:
    """Another part of the frame, larger, smaller or turned: as in the middle frame, in all."""
    a, b = ours[len(ours) // 2], true[len(true) // 2]
    warp = _aligned(_grey(a), _grey(b), cv2.MOTION_AFFINE, scales=(1.0, 0.87, 1.15))
    if warp is None:
        return
    scale = math.sqrt(max(float(np.linalg.det(warp[:, :2])), 1e-6))
    turn = math.degrees(math.atan2(warp[1, 0] - warp[0, 1], warp[0, 0] + warp[1, 1]))
    if abs(scale - 1) < LEAST_SCALE and abs(turn) < LEAST_TURN:
        return
    size, flags = (b.shape[1], b.shape[0]), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen = cv2.warpAffine(np.ones(b.shape[:2], np.float32), warp, size, flags=flags) > 0.999
    if seen.mean() < 0.25:
        return
    moved = [cv2.warpAffine(frame, warp, size, flags=flags)[seen] for frame in true]
    kept, before = [frame[seen] for frame in ours], [frame[seen] for frame in true]
    gain = _psnr(kept, moved) - _psnr(kept, before)
    parts = []
    if abs(scale - 1) >= LEAST_SCALE:
        larger = f"{'larger' if scale < 1 else 'smaller'} by {max(scale, 1 / scale):.2f}"
        parts.append(f"its picture is {larger}")
    if abs(turn) >= LEAST_TURN:
        parts.append(f"it is turned by {abs(turn):.1f} degrees")
    yield Fault(kind="crop", words=f"is another crop: {' and '.join(parts)}", gain=gain)


def _aligned(
    ours: NDArray[np.float32],
    true: NDArray[np.float32],
    motion: int,
    scales: Sequence[float] = (1.0,),
) -> NDArray[np.float32] | None:
    """The movement (2, 3) that takes px of the result to px of its truth; None if none is found.

    Found on a small copy first, from several scales about the centre.
    """
    best, chosen = -1.0, None
    factor = 4 if min(ours.shape) >= 128 else 2
    size = ours.shape[1] // factor, ours.shape[0] // factor
    coarse = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in (ours, true)]
    centre = (np.array(coarse[0].shape[::-1], np.float32) - 1) / 2
    for scale in scales:
        warp = np.eye(2, 3, dtype=np.float32)
        if motion == cv2.MOTION_AFFINE:
            warp[:, :2] *= scale
            warp[:, 2] = (1 - scale) * centre
        try:
            alike, warp = cv2.findTransformECC(*coarse, warp, motion, _STOP, None, _BLUR)
        except cv2.error:  # the two have too little in common from there
            continue
        if alike > best:
            best, chosen = alike, warp
    if chosen is None:
        return None
    # A pixel's centre lies at x = f x' + (f - 1) / 2.
    half = (factor - 1) / 2
    chosen[:, 2] = factor * chosen[:, 2] + half - half * chosen[:, :2].sum(axis=1)
    try:
        _, found = cv2.findTransformECC(ours, true, chosen, motion, _STOP, None, _BLUR)
    except cv2.error:
        return None
    return found


def _moved(shift: tuple[float, float]) -> str:
    """A shift in words.

    >>> _moved((2.0, -0.5))
    '2 px to the right and 0.5 px up'
    """
    ways = (("to the left", "to the right"), ("up", "down"))
    parts = [f"{abs(px):g} px {way[px > 0]}" for px, way in zip(shift, ways, strict=True) if px]
    return " and ".join(parts)
