"""What is to be made of a film, where, and from what; and the folder of its unfinished parts."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import ClipError, ConfigError
from dicface.base.files import hold_lock, sha256_of, stamp_of, write_json
from dicface.base.reading import Own, read_json, saved
from dicface.provenance.kept import FOLDER as RECORDS
from dicface.restoring.film.inpaint import read_mask
from dicface.restoring.film.settings import FilmSettings
from dicface.restoring.film.tools import Tools
from dicface.restoring.runner import Restorer
from dicface.video.clips import clip_name
from dicface.video.film_writer import Container, container_for
from dicface.video.films import Film, look_at, read_pictures

ENGINE = 3
"""Raised when the same film, method and settings give another result."""

SEGMENT_S = 10
OUT_FOLDER = "restored"
_RECORD = Own("what a folder's files were made from", "Nothing is lost but time.", error=ClipError)
DEFAULT_SIDE = 512
"""Of aligned faces, px, for a method that takes any."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """One film that is to be restored.

    Attributes:
        film: The film.
        container: Of the result.
        out: Folder of the result.
        method: What restores faces.
        settings: How.
        tools: What finds faces and pastes them.
    """

    film: Film
    container: Container
    out: Path
    method: Restorer
    settings: FilmSettings
    tools: Tools

    @property
    def name(self) -> str:
        """What all files of the result begin with."""
        return clip_name(self.film.path) + (".preview" if self.settings.preview is not None else "")

    @property
    def target(self) -> Path:
        """The restored film."""
        return self.out / f"{self.name}.{self.container.suffix}"

    @property
    def readme(self) -> Path:
        """What says how the film was made."""
        return self.out / f"{self.name}.README.md"

    @property
    def side(self) -> int:
        """Of aligned faces, px."""
        return self.method.side or DEFAULT_SIDE

    @property
    def has_film(self) -> bool:
        """Whether a film is made."""
        return not self.settings.only_faces

    @property
    def has_faces(self) -> bool:
        """Whether a clip of each face is made."""
        return self.settings.only_faces or self.settings.preview is not None

    def found_from(self) -> dict[str, Any]:
        """All that decides who is found in the film, values of JSON."""
        found = {
            "engine": ENGINE,
            "film": stamp_of(self.film.path),
            "tools": dict(self.tools.facts),
            "preview": self.settings.preview,
        }
        return json.loads(json.dumps(found, default=str))

    def made_from(self) -> dict[str, Any]:
        """All that decides the result, values of JSON."""
        mask = self.settings.mask
        found = {
            "encoder": av.__version__,
            "settings": self.settings.as_json() | {"mask": sha256_of(mask) if mask else None},
            "method": self.method.fingerprint(),
        }
        return json.loads(json.dumps(self.found_from() | found, default=str))


def plan_films(
    paths: Sequence[Path],
    method: Restorer,
    settings: FilmSettings,
    tools: Tools,
    out: Path | None,
) -> list[Plan]:
    """Looks at all films before the first is restored.

    Args:
        paths: Films.
        method: What restores faces.
        settings: How.
        tools: What finds faces and pastes them.
        out: Folder of the results; by default "restored" beside each film.

    Raises:
        ClipError: A film cannot be read, would be overwritten, two results have one name, a file
            that is not dicface's stands in the way, or a mask does not fit a film.
        ConfigError: A mask does not go with the method.
    """
    _check_mask(settings, method)
    plans = [
        Plan(
            film=film,
            container=container_for(film, settings.coding),
            out=out or path.parent / OUT_FOLDER,
            method=method,
            settings=settings,
            tools=tools,
        )
        for path, film in ((path, look_at(path)) for path in paths)
    ]
    names: dict[Path, Path] = {}
    for plan in plans:
        # Some disks do not tell capitals from small letters.
        key = plan.out.resolve() / plan.name.casefold()
        if key in names:
            raise ClipError(
                f"{names[key]} and {plan.film.path}: both results would be named {plan.name}. "
                "Rename one of the films, or restore them into two folders."
            )
        names[key] = plan.film.path
        _require_free(plan)
        first = next(read_pictures(plan.film), None) if settings.mask else None
        if first:  # the mask is looked at before the long part
            read_mask(settings.mask, *first.size)
    return plans


def segments_of(times: NDArray[np.int64], time_base: Fraction, cuts: Iterable[int]) -> list[range]:
    """Cuts a film into segments of 10 s at most, at cuts of the film where there are any.

    Args:
        times: (T,) of all pictures.
        time_base: Seconds that they count.
        cuts: Pictures that shots begin with.

    Returns:
        Numbers of the pictures of each.
    """
    cuts = np.array(sorted(cuts), dtype=np.int64)
    most = SEGMENT_S / time_base
    segments, start = [], 0
    while start < len(times):
        stop = int(np.searchsorted(times, int(times[start] + most)))
        if stop < len(times):
            # A segment that begins with a shot needs nothing of the one before.
            half = int(np.searchsorted(times, int(times[start] + most / 2)))
            near = cuts[(cuts >= half) & (cuts <= stop)]
            stop = int(near[-1]) if len(near) else stop
        stop = max(stop, start + 1)
        segments.append(range(start, stop))
        start = stop
    return segments


@contextmanager
def working_folder(plan: Plan, *, stays: bool = False) -> Iterator[Path]:
    """Yields the folder of what is unfinished of a film.

    It stays when the block raises and something is in it to go on with, and is removed when all is
    done.

    Args:
        plan: Of the film.
        stays: Whether it stays then too.

    Raises:
        DicfaceError: Another process restores the same film.
    """
    work, done = plan.out / f".{plan.name}.parts", False
    new = not plan.out.exists()
    with hold_lock(work / "lock"):
        try:
            yield work
            done = not stays
        finally:
            if done or os.listdir(work) == ["lock"]:
                shutil.rmtree(work)
                if new and not os.listdir(plan.out):
                    plan.out.rmdir()


def made_from_same(folder: Path, made_from: dict[str, Any]) -> Path:
    """Returns a folder whose files were made from the same; others are removed from it."""
    record = folder / "made_from.json"
    if saved(record, lambda: read_json(record, _RECORD)) != made_from:
        shutil.rmtree(folder, ignore_errors=True)
        write_json(record, made_from)
    return folder


def _check_mask(settings: FilmSettings, method: Restorer) -> None:
    task = getattr(method, "task", "bfr")
    if settings.mask is not None and task != "inpainting":
        raise ConfigError(
            f"mask: {method.facts.label} was made for the task '{task}', and a mask is for "
            "inpainting. Make it with task='inpainting', or leave the mask away."
        )


def _require_free(plan: Plan) -> None:
    target, source = plan.target, plan.film.path
    if target.resolve() == source.resolve():
        raise ClipError(
            f"{source}: its result would take its place. Give another folder for results than "
            f"{plan.out}."
        )
    ours = (plan.out / RECORDS / f"{plan.name}.json").exists()
    if plan.has_film and target.exists() and not ours:
        raise ClipError(
            f"{target}: is there already, and was not made by dicface. Move it, or give another "
            "folder for results."
        )
