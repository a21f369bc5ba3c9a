"""What a data set on disk holds, clip by clip. Names are listed; no clip is opened or copied.

Standard library only and one directory listing a set, because the workflow calls it while it plans.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from dicface.base.counts import how_many
from dicface.base.errors import ClipError
from dicface.video.formats import (
    FRAMES_WORDS,
    OTHER_MEDIA,
    VIDEO_WORDS,
    clip_name,
    has_frames,
    is_video,
)

_ARCHIVES = (
    ".zip",
    ".tar",
    ".gz",
    ".tgz",
    ".7z",
    ".rar",
    ".part",
    ".crdownload",
    ".aria2",
)
_NO_CLIPS = ("__MACOSX", "landmarks")
_MAX_DEPTH = 3

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Problem:
    """Something about a data set that must (error) or should (warning) be looked at.

    Attributes:
        severity: Errors stop a run, warnings do not.
        where: The file, folder or clip.
        message: What was found, what was expected and what to do.
    """

    severity: Severity
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.where}: {self.message}"


@dataclass(frozen=True, kw_only=True)
class SourceClip:
    """One clip where it lies.

    Attributes:
        name: The name that its results are filed by everywhere.
        source: A video, a folder of numbered frames, or one image.
        meta: Its VFHQ meta file, if there is one.
        landmarks: Five points a frame in the release's text format, if there is such a file.
        num_frames: What a list file of the set says; 0 if it says nothing.
    """

    name: str
    source: Path
    meta: Path | None = None
    landmarks: Path | None = None
    num_frames: int = 0


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A data set on disk.

    Attributes:
        folder: Where it lies.
        clips: Clip name -> clip, sorted by name; the true clips where there are several versions.
        clips_folder: The folder that holds them.
        inputs: Task -> clip name -> degraded clip, where the set ships such.
        num_expected: How many clips the set should hold; 0 if that is not known.
        expected_from: What says how many there should be.
        missing: Names of clips that should be there and are not.
        problems: What is wrong with folders and names.
        kind: Its id in `dicface.config.data_sets.LAYOUTS`; it and the two below are filled in by
            `read_layout`.
        aligned: Whether frames are aligned faces already, which need no landmarks.
        for_test: Whether it is a test set, of which no clip may be missing.
    """

    folder: Path
    clips: dict[str, SourceClip]
    clips_folder: Path
    inputs: dict[str, dict[str, SourceClip]] = field(default_factory=dict)
    num_expected: int = 0
    expected_from: str = ""
    missing: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    kind: str = ""
    aligned: bool = False
    for_test: bool = False

    def require(self) -> Layout:
        """Returns the layout itself where nothing is wrong with folders and names.

        Raises:
            ClipError: A folder is missing, two clips have one name, or there is no clip.
        """
        errors = [str(problem) for problem in self.problems if problem.severity == "error"]
        if errors:
            raise ClipError("\n".join(errors))
        return self


def find_clips(folder: Path) -> tuple[dict[str, Path], list[Problem]]:
    """Lists the clips of a folder by name: videos, and folders, which are taken for frames.

    Returns:
        Clip name -> path, sorted, and what is wrong with it: no such folder, no clip, two clips of
        one name, or an archive that was left behind.
    """
    if not folder.is_dir():
        return {}, [_no_folder(folder)]
    clips: dict[str, Path] = {}
    problems, strangers = [], []
    with os.scandir(folder) as entries:
        listed = sorted((entry.name, entry.is_dir()) for entry in entries)
    for name, is_folder in listed:
        path = folder / name
        if name.startswith(".") or (is_folder and name in _NO_CLIPS):
            continue
        if path.suffix.lower() in _ARCHIVES and not is_folder:
            problems.append(
                Problem(
                    "warning",
                    str(path),
                    "an archive or an unfinished download lies among the clips: the set may be "
                    "half extracted; extract it wholly, then remove it",
                )
            )
            continue
        if not is_folder and not is_video(path):
            if name.lower().endswith(OTHER_MEDIA):
                strangers.append(name)
            continue
        clip = clip_name(path)
        if clip in clips:
            problems.append(
                Problem(
                    "error",
                    str(folder),
                    f"two clips are named '{clip}' ({clips[clip].name} and {name}); results are "
                    "filed by name: rename or remove one of them",
                )
            )
            continue
        clips[clip] = path
    if strangers:
        shown = ", ".join(strangers[:3]) + (", …" if len(strangers) > 3 else "")
        problems.append(
            Problem(
                "warning",
                str(folder),
                f"passed over: {how_many(len(strangers), 'file')} of formats that are not read: "
                f"{shown}",
            )
        )
    if not clips:
        problems.append(
            Problem(
                "error",
                str(folder),
                f"found no clip; expected in it {VIDEO_WORDS} or {FRAMES_WORDS}",
            )
        )
    return dict(sorted(clips.items())), problems


def descend(folder: Path) -> Path:
    """Skips folders that hold nothing but one folder, as archives often add: a/a/<clips> -> a/a."""
    for _ in range(_MAX_DEPTH):
        if not folder.is_dir():
            return folder
        with os.scandir(folder) as entries:
            inside = [e for e in entries if e.name[0] != "." and e.name not in _NO_CLIPS]
        only = Path(inside[0].path) if len(inside) == 1 and inside[0].is_dir() else None
        if only is None or has_frames(only):
            return folder
        folder = only
    return folder


def find_folder(folder: Path, marker: str) -> tuple[Path | None, list[Problem]]:
    """Finds the folder `marker` in a set's folder.

    Returns:
        Its path, or None and an error, which says where else it lies if it lies one level deeper.
    """
    if (folder / marker).is_dir():
        return folder / marker, []
    if not folder.is_dir():
        return None, [_no_folder(folder)]
    deeper = sorted(path for path in folder.glob(f"*/{marker}") if path.is_dir())
    hint = (
        f"it lies in {deeper[0].parent}: give that folder"
        if deeper
        else "extract the set wholly, or give the folder that holds it"
    )
    return None, [Problem("error", str(folder), f"found no folder '{marker}'; {hint}")]


def _no_folder(folder: Path) -> Problem:
    found = "is a file; extract it, and give the folder" if folder.exists() else "no such folder"
    return Problem("error", str(folder), f"{found}; check the path")


def sidecars(folder: Path | None, suffix: str = ".txt") -> dict[str, Path]:
    """Returns stem -> file of all files of a suffix in a folder; nothing where there is none."""
    if folder is None or not folder.is_dir():
        return {}
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries)
    return {
        unicodedata.normalize("NFC", name.removesuffix(suffix)): folder / name
        for name in names
        if name.endswith(suffix) and not name.startswith(".")
    }


def without_a_clip(names: Iterable[str], clips: dict[str, SourceClip], what: str) -> list[Problem]:
    """Warnings for sidecar files of clips that are not there."""
    strangers = sorted(set(names) - set(clips))
    if not strangers:
        return []
    shown = ", ".join(strangers[:3]) + (", …" if len(strangers) > 3 else "")
    return [Problem("warning", what, f"{len(strangers)} of no clip that is here: {shown}")]
