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

import cv2
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
from dicface.video.planes import Box, Picture, beside, box_around, whole

_MARGIN_PX = 8


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
class Part:
    """A part of a picture that becomes RGB: around one face, or several that are near each other.

    Attributes:
        box: Where it is; the parts of a picture do not overlap.
        faces: Those in it.
    """

    box: Box
    faces: list[Face]


@dataclass(eq=False)
class Shown:
    """A picture with its faces.

    Attributes:
        index: Number of the picture in the film.
        picture: As the film has it.
        parts: Those with faces that are restored.
        result: The restored picture, once it is pasted.
    """

    index: int
    picture: Picture
    parts: list[Part]
    result: Picture | None = None

    @property
    def faces(self) -> list[Face]:
        """The faces that are restored."""
        return [face for part in self.parts for face in part.faces]


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
    *,
    square_pixels: bool = True,
) -> Iterator[Shown]:
    """Cuts out the faces of pictures.

    Args:
        pictures: With their numbers.
        tracks: The faces that are restored.
        side: Of an aligned face, px.
        mask: (H, W), other than 0 where the method shall fill in.
        square_pixels: Whether pixels are square; pictures of others become RGB as a whole.
    """
    for index, picture in pictures:
        here = [track for track in tracks if index in track.frames]
        parts = []
        for box, together in _boxes_of(here, index, picture.size, square_pixels):
            rgb, part = picture.part(box).rgb, Part(box, [])
            for track in together:
                affine = track.affine(index, side)
                affine[:, 2] += affine[:, :2] @ _corner(box)
                aligned = warp(rgb, affine, side, antialias=True)
                given = aligned if mask is None else _covered(aligned, mask[box], affine)
                part.faces.append(Face(track, aligned, given))
            parts.append(part)
        yield Shown(index, picture, parts)


def _boxes_of(
    tracks: Sequence[Track], index: int, size: tuple[int, int], square_pixels: bool
) -> list[tuple[Box, list[Track]]]:
    """Boxes around the squares of faces in a picture; faces whose boxes meet share one."""
    groups: list[tuple[Box, list[Track]]] = []
    for track in tracks:
        around = box_around(_square(track, index), _MARGIN_PX, size)
        box, together = (around if square_pixels else whole(size)), [track]
        # A box that grows may meet others.
        while meeting := next((group for group in groups if _overlap(group[0], box)), None):
            groups.remove(meeting)
            box, together = _around_both(meeting[0], box), meeting[1] + together
        groups.append((box, together))
    return groups


def _covered(
    aligned: NDArray[np.uint8], mask: NDArray[np.uint8], affine: NDArray[np.floating]
) -> NDArray[np.uint8]:
    """The aligned face with pure white, which methods fill in, where a mask covers it."""
    side = len(aligned)
    # A pixel that is covered in part is filled in as a whole.
    grown = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    covered = cv2.warpAffine(grown, affine, (side, side))
    return np.where(covered[..., None] > 0, np.uint8(255), aligned)


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
        new_paster: Makes what pastes the faces of one track, in order; the track is given in px of
            the result.
    """
    pasters: dict[int, Paster] = {}
    for each in shown:
        if each.index >= segment.stop:
            continue
        for face in each.faces:
            if face.track.number not in pasters:
                pasters[face.track.number] = new_paster(_enlarged(face.track, settings.upscale))
        if each.index < segment.start:
            for face in each.faces:
                paster = pasters[face.track.number]
                paster.observe(face.aligned, face.restored, each.index)
        else:
            picture, edits = each.picture.resized(settings.upscale), []
            for part in each.parts:
                box = _times(part.box, settings.upscale)
                before = after = picture.part(box).rgb
                for face in part.faces:
                    paster = pasters[face.track.number]
                    now = face.aligned, face.restored, each.index
                    after = paster.paste(after, *now, _corner(box))
                edits.append((before, after, box))
            result = picture.changed(edits)
            each.result = beside(picture, result) if settings.shows_both else result
            yield each
        each.picture.forget_rgb()


def _enlarged(track: Track, times: int) -> Track:
    """The track in pictures that are so many times as large."""
    if times == 1:
        return track
    # Pixel centres move when a picture is enlarged: i is at (i + ½) · times - ½.
    return dataclasses.replace(track, points=(track.points + 0.5) * times - 0.5)


def _square(track: Track, index: int) -> NDArray[np.float64]:
    """Corners of the square that is cut out, (4, 2) px."""
    inverse = inverse_affine(track.affine(index, 1))
    return np.array([[0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]]) @ inverse.T


def _corner(box: Box) -> tuple[int, int]:
    """Its first pixel, x and y."""
    return box[1].start, box[0].start


def _overlap(one: Box, other: Box) -> bool:
    return all(a.start < b.stop and b.start < a.stop for a, b in zip(one, other, strict=True))


def _around_both(one: Box, other: Box) -> Box:
    rows, columns = (
        slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True)
    )
    return rows, columns


def _times(box: Box, factor: int) -> Box:
    rows, columns = (slice(side.start * factor, side.stop * factor) for side in box)
    return rows, columns


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
