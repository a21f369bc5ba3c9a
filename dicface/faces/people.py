"""Who is seen where in a film: shots, one smoothed alignment a face, and persons over shots.

Pass 1 of restoring a film. Every frame is reduced; faces are searched in every few frames and
followed between them (`follow`). A trail ends where it becomes doubtful whose face it is, such as
when one face passes another; who continues whom is decided at the end, by identity.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from dicface.faces.detect import Detector, Face
from dicface.faces.dlib_models import Box, identity_embedding, landmarks_68
from dicface.faces.film_tracks import Found, Track
from dicface.faces.follow import Trail, region
from dicface.faces.shots import ShotFinder

_SAME_FACE = 0.25
"""Overlap (IoU) from which a detection can be the face that was followed there."""
_CONTESTED = 0.1
"""Overlap of two followed faces from which identity has a say in whose a detection is."""
_SAME_PERSON = 0.5
"""Distance of the mean embeddings of one person; dlib's threshold for two pictures is 0.6."""
_SEARCH_FACE_PX = 100
"""Size that a followed face is searched at; dlib's detector sees faces of 80 px and more."""
_SMALLEST_SEARCH_PX = 400
"""Smaller pictures are enlarged to this short side for the search."""
_MAX_EMBEDDINGS = 5


@dataclass(frozen=True, kw_only=True)
class PeopleSettings:
    """How faces are looked for.

    Attributes:
        every: A followed face is measured in each so many frames.
        look_every: The whole picture is searched for new faces in each so many frames.
        search_px: Largest short side of the picture that is searched and followed in, px.
        min_face: Smallest face, as the side of the square that is cut out, px of the film.
        max_face: Largest face, in the same way.
        fewest_frames: A face is dropped that is followed for fewer frames, in a longer shot.
        patience: Searches in vain after which a face is lost.
    """

    every: int = 4
    look_every: int = 16
    search_px: int = 540
    min_face: float = 0.0
    max_face: float = float("inf")
    fewest_frames: int = 6
    patience: int = 4


@dataclass(eq=False)
class _Waiting:
    """A frame of which it is not yet known whether a shot starts with it."""

    large: NDArray[np.uint8]
    small: NDArray[np.uint8]


class PeopleFinder:
    """Finds shots, faces and persons of a film that is given frame by frame.

    Args:
        detector: Finds the faces of a picture.
        settings: How faces are looked for.
    """

    def __init__(self, detector: Detector, *, settings: PeopleSettings | None = None) -> None:
        self._detector = detector
        self._settings = settings or PeopleSettings()
        self._shots = ShotFinder()
        self._waiting: deque[_Waiting] = deque()
        self._frame = 0
        self._shot_start = 0
        self._last_lost = -(10**9)
        self._reduction = 1.0
        # Of the newest frame and those before it in the shot.
        self._lumas: deque[NDArray[np.uint8]] = deque(maxlen=self._settings.look_every + 1)
        self._live: list[Trail] = []
        self._done: list[Trail] = []

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Takes the next frame: (H, W, 3) uint8 RGB, upright; all of one size."""
        large = _reduced(frame, 2 * self._settings.search_px)
        small = _reduced(large, self._settings.search_px)
        self._reduction = small.shape[0] / frame.shape[0]
        self._shots.add(small)
        self._waiting.append(_Waiting(large, small))
        self._go_on()

    def finish(self) -> Found:
        """Everything that was found, after the last frame."""
        shots = self._shots.finish()
        self._go_on()
        self._end_all()
        return Found(shots=shots, tracks=self._tracks(shots))

    def _go_on(self) -> None:
        while self._frame < self._shots.settled:
            waiting = self._waiting.popleft()
            if self._frame in self._shots.starts:
                self._end_all()
                self._shot_start = self._frame
                self._lumas.clear()
            self._take(waiting)
            self._frame += 1

    def _take(self, waiting: _Waiting) -> None:
        """Follows all faces into the next frame, and looks for faces when it is time."""
        luma = cv2.cvtColor(waiting.small, cv2.COLOR_RGB2GRAY)
        for trail in self._live:
            trail.follow(self._lumas[0], luma)
        self._lumas.appendleft(luma)
        age = self._frame - self._shot_start
        contested = self._contested()
        # A face that was lost is likely to come back soon.
        recent = self._frame - self._last_lost < 2 * self._settings.look_every
        look_every = self._settings.every if recent else self._settings.look_every
        if age % look_every == 0:
            self._match(
                self._look(waiting, thorough=age % (8 * self._settings.look_every) == 0), waiting
            )
        elif age % self._settings.every == 0 or contested:
            found = [face for trail in self._live for face in self._look_near(waiting, trail)]
            self._match(_distinct(found), waiting, new=False)

    def _look(self, waiting: _Waiting, *, thorough: bool) -> list[Face]:
        """Faces of the whole picture; small ones too where the search is thorough."""
        scale = max(1.0, _SMALLEST_SEARCH_PX / min(waiting.small.shape[:2]))
        return self._search(waiting, 2 * scale if thorough else scale)

    def _look_near(self, waiting: _Waiting, trail: Trail) -> list[Face]:
        """Faces about where one was followed to, at the size that detectors see best."""
        return self._search(waiting, _SEARCH_FACE_PX / max(trail.box.width, 1.0), trail.box)

    def _search(self, waiting: _Waiting, scale: float, about: Box | None = None) -> list[Face]:
        """Faces of a picture, or about a box in it, at `scale` times its small version."""
        small, large = waiting.small, waiting.large
        zoom = large.shape[0] / small.shape[0] if scale > 1 else 1.0
        picture, left, top = (large if scale > 1 else small), 0, 0
        if about is not None:
            left, top, right, bottom = region(about.scaled(zoom), 0.4, *picture.shape[:2])
            if min(right - left, bottom - top) < 8:
                return []
            picture = picture[top:bottom, left:right]
        faces = self._detector.search(picture, scale / zoom)
        return [_placed(face, left, top, zoom) for face in faces]

    def _match(self, faces: list[Face], waiting: _Waiting, *, new: bool = True) -> None:
        """Gives detections to trails; begins new ones, and ends those that are lost."""
        contested = self._contested()
        doubtful = [trail for trail in self._live if trail in contested or trail.adrift]
        embeddings = [self._embed(waiting, face) if doubtful else None for face in faces]
        cost = np.ones((len(self._live), len(faces)))
        for i, trail in enumerate(self._live):
            for j, face in enumerate(faces):
                cost[i, j] = 1 - _overlap(trail.box, face.box)
                if trail in doubtful and trail.identity is not None:
                    away = float(np.linalg.norm(trail.identity - embeddings[j]))
                    cost[i, j] += max(away - _SAME_PERSON, 0) * 10
        rows, columns = linear_sum_assignment(cost)
        taken = set()
        for i, j in zip(rows, columns, strict=True):
            if cost[i, j] <= 1 - _SAME_FACE:
                trail = self._live[i]
                trail.measure(self._frame, faces[j])
                taken.add(j)
                if len(trail.embeddings) < _MAX_EMBEDDINGS and len(trail.offsets) % 3 == 2:
                    trail.embeddings.append(self._embed(waiting, faces[j]))
            else:
                self._live[i].misses += 1
        for i in set(range(len(self._live))) - set(rows):
            self._live[i].misses += 1
        for trail in list(self._live):
            lost = trail.misses and (trail in contested or trail.adrift > 2)
            if lost or trail.misses >= self._settings.patience:
                self._end(trail)
        for j in set(range(len(faces))) - taken if new or contested else ():
            trail = Trail.begin(self._frame, faces[j])
            trail.embeddings.append(self._embed(waiting, faces[j]))
            # It came after the last search; where from can still be seen.
            trail.follow_back(list(self._lumas))
            self._live.append(trail)

    def _contested(self) -> list[Trail]:
        """Followed faces that overlap another one."""
        return [
            a
            for a in self._live
            if any(a is not b and _overlap(a.box, b.box) > _CONTESTED for b in self._live)
        ]

    def _embed(self, waiting: _Waiting, face: Face) -> NDArray[np.float64]:
        factor = waiting.large.shape[0] / waiting.small.shape[0]
        marks = landmarks_68(waiting.large, face.box.scaled(factor))
        return identity_embedding(waiting.large, marks)

    def _end(self, trail: Trail) -> None:
        self._last_lost = self._frame
        self._live.remove(trail)
        trail.cut(trail.last_measured)
        self._done.append(trail)

    def _end_all(self) -> None:
        for trail in list(self._live):
            trail.cut(self._frame - 1)
            self._live.remove(trail)
            self._done.append(trail)

    def _tracks(self, shots: list[range]) -> list[Track]:
        starts = np.array([shot.start for shot in shots])
        rough = []
        for trail in self._done:
            shot = int(np.searchsorted(starts, trail.first, side="right")) - 1
            frames = range(trail.first, trail.last + 1)
            length = len(shots[shot])
            times_searched = -(-length // self._settings.every)
            if len(frames) < min(self._settings.fewest_frames, length) or len(trail.offsets) < min(
                2, times_searched
            ):
                continue
            track = Track(
                number=0,
                person=0,
                shot=shot,
                first=trail.first,
                points=(trail.points() + 0.5) / self._reduction - 0.5,
                detected=np.array([frame in trail.offsets for frame in frames]),
                enters=trail.first > shots[shot].start,
                leaves=frames.stop < shots[shot].stop,
            )
            if self._settings.min_face <= track.face_px <= self._settings.max_face:
                rough.append((track, trail))
        rough.sort(key=lambda pair: -pair[0].face_px * len(pair[0].points))
        people = _people([(track.frames, trail.identity) for track, trail in rough])
        return [
            replace(track, number=number, person=person)
            for number, ((track, _), person) in enumerate(zip(rough, people, strict=True), 1)
        ]


def _people(seen: list[tuple[range, NDArray[np.float64] | None]]) -> list[int]:
    """Number of the person of each track, the largest first: the nearest one who is free then."""
    persons: list[list[int]] = []
    numbers = []
    for i, (frames, identity) in enumerate(seen):
        best, nearest = None, _SAME_PERSON
        for p, members in enumerate(persons):
            if any(_meet(frames, seen[m][0]) for m in members):
                continue
            known = [seen[m][1] for m in members if seen[m][1] is not None]
            if identity is None or not known:
                continue
            away = float(np.linalg.norm(identity - np.mean(known, axis=0)))
            if away < nearest:
                best, nearest = p, away
        if best is None:
            best = len(persons)
            persons.append([])
        persons[best].append(i)
        numbers.append(best + 1)
    return numbers


def _meet(a: range, b: range) -> bool:
    return a.start < b.stop and b.start < a.stop


def _overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    width = min(a.right, b.right) - max(a.left, b.left)
    height = min(a.bottom, b.bottom) - max(a.top, b.top)
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / (a.width * a.height + b.width * b.height - both)


def _distinct(faces: list[Face]) -> list[Face]:
    """The faces without those that were found twice."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(_overlap(face.box, other.box) < 0.5 for other in kept):
            kept.append(face)
    return kept


def _placed(face: Face, left: int, top: int, zoom: float) -> Face:
    """A face of a part that begins at `left`, `top` of a picture `zoom` times the small one."""
    box = face.box
    edges = (box.left + left, box.top + top, box.right + left, box.bottom + top)
    points = (face.points + (left, top) + 0.5) / zoom - 0.5
    return Face(box=Box(*edges).scaled(1 / zoom), score=face.score, points=points)


def _reduced(frame: NDArray[np.uint8], short_side_px: int) -> NDArray[np.uint8]:
    """The frame with a short side of at most that."""
    scale = short_side_px / min(frame.shape[:2])
    if scale >= 1:
        return frame
    size = (round(frame.shape[1] * scale), round(frame.shape[0] * scale))
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
