"""From a degraded film to a restored one, in two passes; see docs/films.md."""

from __future__ import annotations

import errno
import logging
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from dicface.base.errors import DicfaceError, FaceError
from dicface.base.files import atomic_path
from dicface.base.threads import give_back_large_memory, one_opencv_thread
from dicface.provenance.kept import find, kept
from dicface.restoring.film import words
from dicface.restoring.film.ahead import Meter
from dicface.restoring.film.finding import Choice, FoundPeople, choose, find_people
from dicface.restoring.film.making import Cut, make_segments, put_together
from dicface.restoring.film.plan import Plan, made_from_same, plan_films, working_folder
from dicface.restoring.film.segments import changed_meanwhile, in_precision
from dicface.restoring.film.settings import FilmSettings
from dicface.restoring.film.tools import Tools, default_tools
from dicface.restoring.runner import Restorer, require_available, restore_frames
from dicface.video.films import films_of

_log = logging.getLogger(__name__)

PREVIEW_REACH_S = 5
"""A preview shows at most so much before and after its time."""

_TIMED_FACES = 4


def restore_films(
    paths: Sequence[Path],
    method: Restorer,
    settings: FilmSettings | None = None,
    *,
    out: Path | None = None,
    tools: Tools | None = None,
    progress: bool = True,
) -> dict[Path, list[Path]]:
    """Restores the faces of films.

    A film that was restored before in the same way is kept. One that cannot be restored does not
    stop those after it.

    Args:
        paths: Films, folders of frames, or folders of films.
        method: What restores aligned faces.
        settings: How.
        out: Folder of the results; by default "restored" beside each film.
        tools: What finds faces and pastes them; by default what the settings ask for.
        progress: Whether to show bars.

    Returns:
        Film -> the files of its result: the film first, if one is made.

    Raises:
        ClipError: A film cannot be read, or its result would take the place of another file.
        ConfigError: A setting is out of its range.
        MethodError: The method cannot run here.
        DicfaceError: Some could not be restored, in the words of each.
    """
    plans = _plans(paths, method, settings, out, tools)
    for plan in plans:
        require_available(method, plan.film.path, plan.side, plan.side)
    done, failed = {}, []
    for plan in plans:
        try:
            done[plan.film.path] = _restored(plan, progress)
        except DicfaceError as error:
            if len(plans) == 1:
                raise
            failed.append(str(error))
    if failed:
        raise DicfaceError(
            f"{len(failed)} of {len(plans)} films could not be restored.\n" + "\n".join(failed)
        )
    return done


def describe_films(
    paths: Sequence[Path],
    method: Restorer,
    settings: FilmSettings | None = None,
    *,
    out: Path | None = None,
    tools: Tools | None = None,
    progress: bool = True,
) -> Iterator[str]:
    """Says of each film who is seen in it, and what its restoration will cost.

    What was found is kept for the restoration. Arguments and errors are those of `restore_films`.
    """
    for plan in _plans(paths, method, settings, out, tools):
        with working_folder(plan, stays=True) as work:
            found, choices = _found(plan, work, progress)
        cost = method.unavailable(size=plan.side) or _seconds_a_face(plan)
        yield words.dry_run(plan, found, choices, cost)


def _plans(
    paths: Sequence[Path],
    method: Restorer,
    settings: FilmSettings | None,
    out: Path | None,
    tools: Tools | None,
) -> list[Plan]:
    give_back_large_memory()
    settings = settings or FilmSettings()
    tools = tools or default_tools(settings, getattr(method, "task", "bfr"))
    return plan_films(films_of(paths), method, settings, tools, out)


def _restored(plan: Plan, progress: bool) -> list[Path]:
    """Restores one film, unless that was done; returns the files of the result."""
    made_from = plan.made_from()
    facts = find(plan.out, plan.name, made_from)
    if facts is None:
        for remark in filter(None, (*plan.film.remarks, words.container_in_words(plan))):
            _log.warning("%s: %s.", plan.film.path, remark)
        with working_folder(plan) as work:
            files = _made(plan, work, made_from, progress)
            with kept(plan.out, plan.name, made_from, *files) as piece:
                piece.facts = facts = {"files": files}
    else:
        _log.info("%s: was restored before in the same way; kept.", plan.film.path)
    return [plan.out / file for file in facts["files"]]


def _made(plan: Plan, work: Path, made_from: dict[str, Any], progress: bool) -> list[str]:
    """Makes all files of a result; returns their names."""
    found, choices = _found(plan, work, progress)
    span = _span(plan, found)
    tracks = [
        choice.track
        for choice in choices
        if not choice.why_not and set(choice.track.frames) & set(span)
    ]
    if not tracks:
        raise FaceError(words.nothing_to_restore(plan, found, choices))
    if said := words.left_alone(plan, found, choices):
        _log.warning("%s", said)
    cut, meter = Cut(plan=plan, found=found, tracks=tracks, span=span), Meter()
    start = time.perf_counter()
    with (
        _full_disk_told(work),
        _bar(plan, "restoring faces", len(span), meter, progress) as on_frames,
        # The stages work at the same time as it is: those that wait would take time from them.
        one_opencv_thread(),
    ):
        segments = make_segments(cut, work, made_from, meter=meter, on_frames=on_frames)
        seconds = time.perf_counter() - start
        files = put_together(cut, segments)
        with atomic_path(plan.readme) as temporary:
            text = words.readme_of(plan, found, choices, files)
            temporary.write_text(text, encoding="utf-8")
    if plan.settings.preview is not None:
        size = plan.target.stat().st_size if plan.has_film else 0
        _log.info("%s", words.estimate(plan, len(span), seconds, size))
    return [*files, plan.readme.name]


def _found(plan: Plan, work: Path, progress: bool) -> tuple[FoundPeople, tuple[Choice, ...]]:
    """Pass 1, and what becomes of each face."""
    meter = Meter()
    found_from, at = plan.found_from(), plan.settings.preview
    between = None if at is None else (max(0.0, at - PREVIEW_REACH_S), at + PREVIEW_REACH_S)
    total = plan.film.num_frames if between is None else None
    folder = made_from_same(work / "found", found_from)
    with (
        _full_disk_told(work),
        _bar(plan, "finding faces", total, meter, progress) as on_frames,
        one_opencv_thread(),
    ):
        found = find_people(
            plan.film, plan.tools, folder, meter=meter, on_frames=on_frames, between=between
        )
    if plan.found_from() != found_from:
        raise changed_meanwhile(plan.film.path)
    if not found.tracks:
        shutil.rmtree(folder)  # nobody to go on with
    missing = plan.film.num_frames - len(found.times)
    if missing > 0 and between is None:
        _log.warning(
            "%s: %d of its %d frames cannot be decoded and are left out.",
            plan.film.path,
            missing,
            plan.film.num_frames,
        )
    return found, choose(found, plan.settings, plan.method, plan.film)


def _span(plan: Plan, found: FoundPeople) -> range:
    """The pictures that are made: all, or those of the shot that is previewed."""
    if plan.settings.preview is None:
        return range(len(found.times))
    pts = plan.film.start + plan.settings.preview / float(plan.film.time_base)
    index = min(int(np.searchsorted(found.times, pts)), len(found.times) - 1)
    return next(shot for shot in found.shots if index in shot)


def _seconds_a_face(plan: Plan) -> float:
    """How long the method takes for a face; what is in it makes no difference."""
    generator = torch.Generator().manual_seed(0)
    num = _TIMED_FACES + plan.method.facts.window
    faces = torch.rand(num, 3, plan.side, plan.side, generator=generator)
    made = in_precision(
        lambda: restore_frames(plan.method, faces, clip=plan.name, source=str(plan.film.path)),
        plan.method.device,
        plan.settings.precision,
    )
    next(made)  # loads the network
    start = time.perf_counter()
    return sum(1 for _ in made) and (time.perf_counter() - start) / (num - 1)


@contextmanager
def _bar(plan: Plan, what: str, total: int | None, meter: Meter, progress: bool) -> Iterator[Any]:
    """Yields a function that counts frames on a bar, which shows the rates of all stages."""
    name = f"{plan.film.path.name}: {what}"
    with tqdm(total=total, desc=name, unit="frame", disable=not progress) as bar:

        def on_frames(number: int) -> None:
            bar.set_postfix(meter.rates(), refresh=False)
            bar.update(number)

        yield on_frames


@contextmanager
def _full_disk_told(work: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DicfaceError(
            f"{work.parent}: the disk is full. What is finished is kept: free some space, and the "
            "same command goes on from there."
        ) from error
