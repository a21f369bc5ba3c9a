"""Pass 1: who is seen where, and when each picture is shown; kept in the working folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import ClipError
from dicface.base.files import write_json
from dicface.base.reading import Own, read_json, said, saved
from dicface.faces.people import Track
from dicface.restoring.film.ahead import Meter, ahead, worked
from dicface.restoring.film.settings import FilmSettings
from dicface.restoring.film.tools import Tools
from dicface.restoring.runner import Restorer
from dicface.video.films import Film, read_pictures
from dicface.video.planes import Picture

NOT_ASKED = "not asked for"
FOUND_FILE, LOG_FILE = "found.json", "seen.jsonl"
_FOUND = Own("the people of a film", "Nothing is lost but time.", error=ClipError)
QUEUE = 6
"""Pictures between two stages."""

LARGEST_OF_SIDE = 1.5
"""A face fills about two thirds of the square that is cut out. It is larger than the network once
that square is larger than this many of the network's sides."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FoundPeople:
    """What pass 1 found.

    Attributes:
        times: (T,) int64, when each picture is shown, in units of the film's time base.
        height: Of a picture, px; its pixels are square.
        width: Of a picture, px.
        shots: Frames of each shot.
        tracks: Faces, each of one shot.
    """

    times: NDArray[np.int64]
    height: int
    width: int
    shots: tuple[range, ...]
    tracks: tuple[Track, ...]

    def as_json(self) -> dict[str, Any]:
        """All of it as values of JSON."""
        return {
            "times": self.times.tolist(),
            "size": [self.height, self.width],
            "shots": [[shot.start, shot.stop] for shot in self.shots],
            "tracks": [track.to_dict() for track in self.tracks],
        }

    @classmethod
    def read(cls, path: Path) -> FoundPeople:
        """What `as_json` gave, from its file.

        Raises:
            ClipError: It is damaged.
        """
        values = read_json(path, _FOUND)
        with said(path, _FOUND):
            return cls(
                times=np.array(values["times"], np.int64),
                height=values["size"][0],
                width=values["size"][1],
                shots=tuple(range(*ends) for ends in values["shots"]),
                tracks=tuple(Track.from_dict(track) for track in values["tracks"]),
            )


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What becomes of a face.

    Attributes:
        track: The face.
        why_not: Why it is left alone, in words; empty if it is restored.
    """

    track: Track
    why_not: str = ""


def find_people(
    film: Film,
    tools: Tools,
    work: Path,
    *,
    meter: Meter,
    on_frames: Callable[[int], object] = lambda number: None,
    between: tuple[float, float] | None = None,
) -> FoundPeople:
    """Finds the people of a film, or reads what was found before.

    Args:
        film: The film.
        tools: What finds them.
        work: The working folder.
        meter: Counts the work.
        on_frames: Called with 1 after each frame.
        between: Seconds of the film that are looked at; all by default.

    Raises:
        ClipError: The film cannot be read, or holds no frame then.
    """
    kept = work / FOUND_FILE
    if known := saved(kept, lambda: FoundPeople.read(kept)):
        return known
    finder, times, size = tools.finder(work / LOG_FILE), [], (0, 0)
    pictures = ahead(worked(pictures_between(film, between), "reading", meter), QUEUE)

    def added() -> Iterator[Picture]:
        for picture in pictures:
            finder.add(picture.quick_rgb)
            yield picture

    for picture in worked(added(), "finding", meter):
        times.append(picture.pts)
        size = picture.size
        on_frames(1)
    if not times:
        raise ClipError(
            f"{film.path}: no picture of it can be decoded"
            + (f" between {between[0]:.1f} and {between[1]:.1f} s" if between else "")
            + ". Replace it by a whole copy, convert it to H.264, or choose another time."
        )
    result = finder.finish()
    found = FoundPeople(
        times=np.array(times, np.int64),
        height=size[0],
        width=size[1],
        shots=tuple(result.shots),
        tracks=tuple(result.tracks),
    )
    write_json(kept, found.as_json())
    return FoundPeople.read(kept)


def pictures_between(film: Film, between: tuple[float, float] | None) -> Iterator[Picture]:
    """Pictures of a film, or those shown between two times in seconds from the first."""
    if between is None:
        yield from read_pictures(film)
        return
    start, stop = (film.start + round(Fraction(s) / film.time_base) for s in between)
    for picture in read_pictures(film, start):
        if picture.pts >= stop:
            return
        yield picture


def choose(
    found: FoundPeople, settings: FilmSettings, method: Restorer, film: Film
) -> tuple[Choice, ...]:
    """Decides which faces are restored.

    Raises:
        ClipError: A person that is asked for is not in the film.
    """
    people = {track.person for track in found.tracks}
    if unknown := set(settings.people or ()) - people:
        raise ClipError(
            f"{film.path}: found no person {', '.join(map(str, sorted(unknown)))} in it; expected "
            f"numbers from 1 to {max(people, default=0)}. A dry run lists who is seen."
        )
    largest = {}
    for track in found.tracks:
        size = track.face_px * len(track.points)
        if size > largest.get(track.shot, (0, 0))[0]:
            largest[track.shot] = size, track.number
    return tuple(
        Choice(track=track, why_not=_why_not(track, settings, method, largest[track.shot][1]))
        for track in found.tracks
    )


def _why_not(track: Track, settings: FilmSettings, method: Restorer, largest: int) -> str:
    size, side = track.face_px, method.side
    if settings.people is not None and track.person not in settings.people:
        return NOT_ASKED
    if settings.faces == "largest" and track.number != largest:
        return "not the largest of its shot"
    if size < settings.min_face:
        return f"smaller than {settings.min_face} px"
    if settings.max_face is not None and size > settings.max_face:
        return f"larger than {settings.max_face} px"
    if side is not None and size > LARGEST_OF_SIDE * side and not settings.force:
        return f"larger than the network's {side} px; --force restores it"
    return ""
