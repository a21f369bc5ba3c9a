"""One segment of a film: crop its faces, restore them, paste them back.

A segment knows nothing of those before it. Where a track began earlier, a few of its frames before
the segment are restored again, so that windows, masks and colours that look back in time find what
they need, and the same segment always has the same bytes.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dicface.base.errors import ClipError
from dicface.faces.align import warp
from dicface.faces.paste import inverse_affine
from dicface.faces.people import Track
from dicface.restoring.film.settings import FilmSettings, Precision
from dicface.restoring.film.tools import Paster
from dicface.restoring.runner import Restorer, restore_frames, to_tensor, to_uint8
from dicface.video.planes import Box, Edit, Picture, beside

_MARGIN_PX = 4


@dataclass(eq=False)
class Face:
    """A face of a picture.

    Attributes:
        track: Whose it is.
        aligned: (S, S, 3) uint8 RGB, cut out of the picture.
        given: The same as the method gets it: without what a mask covers.
        restored: (S, S, 3) uint8 RGB, once the method has made it.
    """

    track: Track
    aligned: NDArray[np.uint8]
    given: NDArray[np.uint8]
    restored: NDArray[np.uint8] | None = None


@dataclass(eq=False)
class Shown:
    """A picture with its faces.

    Attributes:
        index: Number of the picture in the film.
        picture: As the film has it.
        faces: Those that are restored.
        result: The restored picture, once it is pasted.
    """

    index: int
    picture: Picture
    faces: list[Face]
    result: Picture | None = None


class Reel:
    """Pictures of a film in order, which can be wound back a little.

    Args:
        pictures: From some picture of the film on.
        times: (T,) of all its pictures.
        back: How far back one may go, frames.
        source: Where they come from, for messages.
    """

    def __init__(
        self, pictures: Iterator[Picture], times: NDArray[np.int64], back: int, source: object
    ) -> None:
        self._pictures, self._times, self._source = pictures, times, source
        self._recent: deque[tuple[int, Picture]] = deque(maxlen=max(1, back))

    def between(self, start: int, stop: int) -> Iterator[tuple[int, Picture]]:
        """Yields pictures of a range with their numbers.

        Raises:
            ClipError: They are not the pictures that the film had.
        """
        due = start
        for index, picture in list(self._recent):
            if start <= index < stop:
                due = index + 1
                yield index, picture
        while due < stop:
            picture = next(self._pictures, None)
            index = int(np.searchsorted(self._times, picture.pts)) if picture else len(self._times)
            if index > due or index == len(self._times) or self._times[index] != picture.pts:
                raise changed_meanwhile(self._source)
            self._recent.append((index, picture))
            if index == due:
                due += 1
                yield index, picture


def changed_meanwhile(source: object) -> ClipError:
    """What is said of a film that is no longer what it was."""
    return ClipError(
        f"{source}: was changed while it was read. Wait until it is whole, then run the same "
        "command again."
    )


def reach_of(method: Restorer) -> int:
    """How many frames on either side a restored frame depends on."""
    return max(0, method.facts.window - 1)


def with_faces(
    pictures: Iterable[tuple[int, Picture]],
    tracks: Sequence[Track],
    side: int,
    mask: NDArray[np.uint8] | None = None,
) -> Iterator[Shown]:
    """Cuts out the faces of pictures.

    Args:
        pictures: With their numbers.
        tracks: Those that are restored.
        side: Of an aligned face, px.
        mask: (H, W), other than 0 where the method shall fill in.
    """
    for index, picture in pictures:
        faces = []
        for track in tracks:
            if index not in track.frames:
                continue
            affine = track.affine(index, side)
            aligned = warp(picture.rgb, affine, side, antialias=True)
            given = aligned
            if mask is not None:
                covered = warp(np.repeat(mask[..., None], 3, 2), affine, side, antialias=True)
                inside = warp(np.full_like(picture.rgb, 255), affine, side)
                # Pure white is what methods fill in.
                given = np.where((covered > 0) & (inside == 255), np.uint8(255), aligned)
            faces.append(Face(track, aligned, given))
        if not faces:
            picture.forget_rgb()
        yield Shown(index, picture, faces)


def restored(
    shown: Iterable[Shown], method: Restorer, *, name: str, source: str, precision: Precision
) -> Iterator[Shown]:
    """Restores the faces of pictures as they stream; see `dicface.restoring.runner`.

    A method that looks at one frame at a time gets the faces of all tracks in one stream, so that
    they share its batches; any other gets a stream a track. No stream crosses a cut, for no track
    does.

    Args:
        shown: Pictures with faces.
        method: What restores them.
        name: Seeds whatever is random, with the number of the picture that a stream begins with.
        source: The film, for messages.
        precision: Of the network.
    """
    streams = _Streams(iter(shown), together=method.facts.window == 1)

    def stream_of(face: Face, index: int) -> Iterator[Tensor]:
        key = streams.key(face)
        crops = (to_tensor(each.given) for each in streams.faces(key))
        clip = f"{name} {key} {index}"
        return in_precision(
            lambda: restore_frames(method, crops, clip=clip, source=source),
            method.device,
            precision,
        )

    running: dict[int, Iterator[Tensor]] = {}
    while (each := streams.first()) is not None:
        for face in each.faces:
            key = streams.key(face)
            image = next(running[key], None) if key in running else None
            if image is None:
                running[key] = stream_of(face, each.index)
                image = next(running[key])
            face.restored = to_uint8(image)
        yield streams.pop()


class _Streams:
    """Pictures that are read as far ahead as the streams of their faces need them."""

    def __init__(self, shown: Iterator[Shown], *, together: bool) -> None:
        self._shown, self._together = shown, together
        self._held: deque[Shown] = deque()
        self._waiting: dict[int, deque[Face]] = {}

    def key(self, face: Face) -> int:
        return 0 if self._together else face.track.number

    def first(self) -> Shown | None:
        """The picture that is next; None at the end."""
        return self._held[0] if self._held or self._read() else None

    def pop(self) -> Shown:
        """Gives the next picture away."""
        return self._held.popleft()

    def faces(self, key: int) -> Iterator[Face]:
        """Yields the faces of a stream until it ends."""
        waiting = self._waiting.setdefault(key, deque())
        while waiting or (not self._is_over(key) and self._read()):
            if waiting:
                yield waiting.popleft()

    def _is_over(self, key: int) -> bool:
        last = self._held[-1]
        return not any(self.key(face) == key for face in last.faces)

    def _read(self) -> bool:
        shown = next(self._shown, None)
        if shown is None:
            return False
        self._held.append(shown)
        for face in shown.faces:
            self._waiting.setdefault(self.key(face), deque()).append(face)
        return True


def pasted(
    shown: Iterable[Shown],
    segment: range,
    settings: FilmSettings,
    new_paster: Callable[[Track], Paster],
) -> Iterator[Shown]:
    """Pastes restored faces; yields the pictures of the segment.

    Args:
        shown: Pictures with restored faces, some of them from before and after the segment.
        segment: Numbers of its pictures.
        settings: Of the film.
        new_paster: Makes what pastes the faces of one track, in order.
    """
    pasters: dict[int, tuple[Track, Paster]] = {}
    for each in shown:
        if each.index >= segment.stop:
            continue
        picture = each.picture.resized(settings.upscale)
        edits: list[Edit] = []
        for face in each.faces:
            number = face.track.number
            if number not in pasters:
                track = enlarged(face.track, settings.upscale)
                pasters[number] = track, new_paster(track)
            track, paster = pasters[number]
            if each.index < segment.start:
                paster.observe(face.aligned, face.restored, each.index)
                continue
            before = edits[-1][1] if edits else picture.rgb
            after = paster.paste(before, face.aligned, face.restored, each.index)
            side = len(face.aligned)
            box = _box(track.affine(each.index, side), side, picture.size)
            edits.append((before, after, box))
        if each.index >= segment.start:
            after = picture.changed(edits)
            each.result = beside(picture, after) if settings.side_by_side else after
            yield each
        each.picture.forget_rgb()


def enlarged(track: Track, factor: int) -> Track:
    """The track in a film that is enlarged."""
    if factor == 1:
        return track
    # Pixel centres move by the resize: i is at (i + ½) · factor - ½.
    return dataclasses.replace(track, points=(track.points + 0.5) * factor - 0.5)


def _box(affine: NDArray[np.floating], side: int, shape: tuple[int, int]) -> Box:
    """The part of a picture that an aligned face comes from, with a margin."""
    inverse = inverse_affine(affine)
    corners = np.array([[0, 0, 1], [side, 0, 1], [0, side, 1], [side, side, 1]]) @ inverse.T
    low = np.floor(corners.min(0)).astype(int) - _MARGIN_PX
    high = np.ceil(corners.max(0)).astype(int) + _MARGIN_PX
    (left, top), (right, bottom) = low.clip(0), high.clip(0)
    return slice(top, min(bottom, shape[0])), slice(left, min(right, shape[1]))


def in_precision(
    make: Callable[[], Iterator[Tensor]], device: str, precision: Precision
) -> Iterator[Tensor]:
    """Runs a stream in reduced precision; what needs float32, such as norms, stays in it."""
    kind = torch.device(device).type
    if precision == "auto":
        able = kind == "cuda" and torch.cuda.is_bf16_supported()
        precision = "bf16" if able else "float32"
    types: dict[str, Any] = {"bf16": torch.bfloat16, "fp16": torch.float16}
    reduced = types.get(precision)
    frames = make()
    while True:
        # Not around the yield: the mode would leak into the caller between two frames.
        with torch.autocast(kind, dtype=reduced) if reduced else nullcontext():
            frame = next(frames, None)
        if frame is None:
            return
        yield frame
