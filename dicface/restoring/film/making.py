"""Pass 2: segments are made one after another, each whole or not at all, and put together."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dicface.base.files import stamp_of
from dicface.faces.people import Track
from dicface.restoring.film import words
from dicface.restoring.film.ahead import Meter, ahead, worked
from dicface.restoring.film.finding import QUEUE, FoundPeople
from dicface.restoring.film.inpaint import Filler, read_mask, share_filled
from dicface.restoring.film.plan import Plan, made_from_same, segments_of
from dicface.restoring.film.segments import (
    Reel,
    Shown,
    changed_meanwhile,
    pasted,
    reach_of,
    restored,
    with_faces,
)
from dicface.restoring.film.tools import Paster
from dicface.video.film_writer import Container, PartWriter, join
from dicface.video.films import Film, read_pictures
from dicface.video.planes import picture_of

_FILM = "film"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Cut:
    """The part of a film that is made.

    Attributes:
        plan: What is to be made.
        found: Who is seen in the film.
        tracks: Faces that are restored.
        span: Numbers of the pictures.
    """

    plan: Plan
    found: FoundPeople
    tracks: Sequence[Track]
    span: range

    @property
    def segments(self) -> list[range]:
        """Numbers of the pictures of each segment."""
        start, stop = self.span.start, self.span.stop
        cuts = [shot.start - start for shot in self.found.shots if shot.start in self.span]
        parts = segments_of(self.found.times[start:stop], self.plan.film.time_base, cuts)
        return [range(part.start + start, part.stop + start) for part in parts]


def make_segments(
    cut: Cut,
    work: Path,
    made_from: dict[str, Any],
    *,
    meter: Meter,
    on_frames: Callable[[int], object],
) -> list[Path]:
    """Makes all segments that are not made yet.

    Args:
        cut: What is made.
        work: The working folder; a segment is a folder in it.
        made_from: All that decides a segment.
        meter: Counts the work.
        on_frames: Called with a number of frames when they are made.

    Returns:
        The folders of all segments.

    Raises:
        ClipError: The film was changed meanwhile, or a mask does not fit it.
    """
    plan, reel, folders = cut.plan, None, []
    parts = made_from_same(work / "segments", made_from)
    reach = reach_of(plan.method)
    lead = plan.tools.memory + reach
    file, size = plan.settings.mask, (cut.found.height, cut.found.width)
    mask = None if file is None else read_mask(file, *size)
    for number, segment in enumerate(cut.segments):
        folder = parts / f"{number:05d}"
        folders.append(folder)
        if folder.exists():
            on_frames(len(segment))
            continue
        around = range(
            max(cut.span.start, segment.start - lead), min(cut.span.stop, segment.stop + reach)
        )
        if reel is None:
            pictures = read_pictures(plan.film, int(cut.found.times[around.start]))
            reel = Reel(pictures, cut.found.times, lead + reach, plan.film.path)
        shown = _shown(cut, reel, around, segment, mask, meter)
        unfinished = folder.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        with contextlib.closing(shown):
            _encode(plan, shown, unfinished, meter, on_frames)
        if stamp_of(plan.film.path) != made_from["film"]:
            raise changed_meanwhile(plan.film.path)
        unfinished.rename(folder)
    return folders


def put_together(cut: Cut, segments: Sequence[Path]) -> list[str]:
    """Puts the segments together; returns the names of the files."""
    plan, times, files = cut.plan, cut.found.times, []
    said = {"comment": words.comment_of(plan)}
    if plan.has_film:
        shown = times[cut.span.start : cut.span.stop]
        preview = plan.settings.preview is not None
        join(
            plan.target,
            [segment / f"{_FILM}.nut" for segment in segments],
            plan.film,
            shown - shown[0] if preview else shown,
            container=plan.container,
            metadata=said,
            alone=preview,
        )
        files.append(plan.target.name)
    for track in cut.tracks if plan.has_faces else ():
        parts = [segment / f"{_of(track)}.nut" for segment in segments]
        frames = [index for index in track.frames if index in cut.span]
        if not frames:
            continue
        target = plan.out / f"{plan.name}.person-{track.person}.{_of(track)}.mkv"
        join(
            target,
            [part for part in parts if part.exists()],
            _of_faces(plan.film),
            times[frames] - times[frames[0]],
            container=Container(suffix="mkv"),
            metadata=said,
            alone=True,
        )
        files.append(target.name)
    return files


def _shown(
    cut: Cut,
    reel: Reel,
    around: range,
    segment: range,
    mask: NDArray[np.uint8] | None,
    meter: Meter,
) -> Iterator[Shown]:
    """Pictures of a segment with restored faces; all stages work at the same time."""
    plan = cut.plan
    seen = [track for track in cut.tracks if _meet(track.frames, segment)]
    pictures = ahead(worked(reel.between(around.start, around.stop), "reading", meter), QUEUE)
    square = plan.film.pixel_aspect == 1
    faces = restored(
        with_faces(pictures, seen, plan.side, mask, square_pixels=square),
        plan.method,
        name=plan.name,
        source=str(plan.film.path),
        precision=plan.settings.precision,
    )
    shown: Iterable[Shown] = ahead(worked(faces, "restoring", meter), QUEUE)
    if plan.has_film:
        stage = pasted(shown, segment, plan.settings, _new_paster(cut, mask))
        shown = ahead(worked(stage, "pasting", meter), QUEUE)
    with contextlib.closing(shown):
        for each in shown:
            if each.index in segment:
                yield each


def _encode(
    plan: Plan,
    shown: Iterable[Shown],
    folder: Path,
    meter: Meter,
    on_frames: Callable[[int], object],
) -> None:
    """Writes pictures and faces of a segment into files of a folder."""
    with contextlib.ExitStack() as stack:
        writers: dict[str, PartWriter] = {}

        def writer(name: str) -> PartWriter:
            if name not in writers:
                film, coding = plan.film, plan.settings.coding
                if name != _FILM:
                    film, coding = _of_faces(film), "lossless"
                opened = PartWriter(folder / f"{name}.nut", film, coding)
                writers[name] = stack.enter_context(opened)
            return writers[name]

        for each in shown:
            start = time.perf_counter()
            if plan.has_film:
                writer(_FILM).add(each.result)
            for face in each.faces if plan.has_faces else ():
                picture = picture_of(face.restored, each.picture.pts)
                writer(_of(face.track)).add(picture)
            meter.add("encoding", time.perf_counter() - start)
            on_frames(1)


def _new_paster(cut: Cut, mask: NDArray[np.uint8] | None) -> Callable[[Track], Paster]:
    settings, tools = cut.plan.settings, cut.plan.tools
    if mask is None:
        return tools.paster
    times = settings.upscale
    size = (mask.shape[1] * times, mask.shape[0] * times)
    large = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
    share = share_filled(large, settings.strength)
    return lambda track: Filler(track, share)


def _meet(one: range, other: range) -> bool:
    return one.start < other.stop and other.start < one.stop


def _of(track: Track) -> str:
    return f"face-{track.number}"


def _of_faces(film: Film) -> Film:
    """What is said of clips of faces: their pixels are square."""
    return dataclasses.replace(film, pixel_aspect=Fraction(1))
