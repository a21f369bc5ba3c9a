"""Clips of a set that cannot be used: found before the long part, named all at once, counted."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from tqdm import tqdm
from typing_extensions import TypedDict

from dicface.base.counts import how_many
from dicface.base.errors import ClipError, DamagedClipError, DicfaceError, FaceError
from dicface.base.files import write_json
from dicface.base.reading import Own, is_there, read_json
from dicface.video.clips import read_frames
from dicface.video.formats import frame_files
from dicface.video.pictures import read_picture
from dicface.video.sources import remarks

logger = logging.getLogger(__name__)

FILE = "left_out.json"
"""Beside the index of a set: the clips that were left out of it."""

_LEFT_OUT = Own("the clips that a set is without", "Import the set again.", error=ClipError)

OnMisfit = Literal["drop", "stop"]
Kind = Literal["unreadable", "damaged", "too short", "faceless"]


@dataclass(frozen=True, kw_only=True)
class Misfit:
    """A clip that cannot be used.

    Attributes:
        clip: Its name.
        kind: What is wrong with it.
        why: The same in a sentence, with its path.
    """

    clip: str
    kind: Kind
    why: str


class _Fields(TypedDict):
    clip: str
    kind: Kind
    why: str


def misfit_of(clip: str, error: DicfaceError) -> Misfit:
    """What an error says of a clip."""
    kind: Kind = "unreadable"
    if isinstance(error, FaceError):
        kind = "faceless"
    elif isinstance(error, DamagedClipError):
        kind = "damaged"
    return Misfit(clip=clip, kind=kind, why=str(error))


def too_short(clip: str, path: Path, num_frames: int, min_frames: int) -> Misfit:
    """A clip that holds fewer frames than are needed."""
    why = f"{path}: holds {how_many(num_frames, 'frame')}; expected at least {min_frames}"
    return Misfit(clip=clip, kind="too short", why=why)


def look_through(
    clips: Mapping[str, Path],
    *,
    max_frames: int | None = None,
    min_frames: int = 1,
    progress: bool = True,
) -> list[Misfit]:
    """Reads clips through and says what is wrong with each; what is only remarkable is logged.

    Args:
        clips: Clip -> video or folder of frames.
        max_frames: Frames of each clip that are used; None: all.
        min_frames: Frames that a clip needs.
        progress: Whether to show a bar.
    """
    found = []
    for clip, path in tqdm(
        clips.items(), desc="looking through", unit="clip", disable=not progress, leave=False
    ):
        try:
            count = _readable_frames(path, max_frames)
            for remark in remarks(path):
                logger.warning("%s: %s", path, remark)
        except ClipError as error:
            found.append(misfit_of(clip, error))
            continue
        if count < min_frames:
            found.append(too_short(clip, path, count, min_frames))
    return found


def settle(misfits: Sequence[Misfit], num_clips: int, on_misfit: OnMisfit) -> None:
    """Names all misfits at once; drops them, or stops.

    Args:
        misfits: What cannot be used.
        num_clips: Clips of the whole set.
        on_misfit: `drop` goes on without them, `stop` raises.

    Raises:
        ClipError: Misfits are to stop the set, or no clip is left. FaceError where all are
            faceless.
    """
    if not misfits:
        return
    reasons = "\n".join(misfit.why for misfit in misfits)
    if on_misfit == "drop" and len(misfits) < num_clips:
        logger.warning("%d of %d clips are left out:\n%s", len(misfits), num_clips, reasons)
        return
    faceless = all(misfit.kind == "faceless" for misfit in misfits)
    if num_clips == 1:
        raise (FaceError if faceless else ClipError)(reasons)
    how = ""
    if len(misfits) < num_clips:
        how = "\nRemove or replace them, or go on without them by on_misfit: drop."
    raise (FaceError if faceless else ClipError)(
        f"{len(misfits)} of {how_many(num_clips, 'clip')} cannot be used:\n{reasons}{how}"
    )


def write_left_out(folder: Path, misfits: Sequence[Misfit]) -> None:
    """Writes which clips a set was made without; no file where it is whole."""
    if misfits:
        write_json(folder / FILE, [asdict(misfit) for misfit in misfits])
    else:
        (folder / FILE).unlink(missing_ok=True)


def read_left_out(folder: Path) -> list[Misfit]:
    """Reads which clips a set was made without.

    Raises:
        ClipError: The file is damaged.
    """
    path = folder / FILE
    if not is_there(path):
        return []
    return [Misfit(**each) for each in read_json(path, _LEFT_OUT, list[_Fields])]


def counted(misfits: Sequence[Misfit]) -> str:
    """Kinds of misfits with their clips, for a footnote.

    >>> counted([Misfit(clip=clip, kind="faceless", why="") for clip in "ab"])
    'faceless: a, b'
    """
    kinds: dict[str, list[str]] = {}
    for misfit in misfits:
        kinds.setdefault(misfit.kind, []).append(misfit.clip)
    return "; ".join(f"{kind}: {', '.join(clips)}" for kind, clips in kinds.items())


def _readable_frames(path: Path, max_frames: int | None) -> int:
    if not path.is_dir():
        return sum(1 for _ in islice(read_frames(path), max_frames))
    files, bad = frame_files(path)[:max_frames], []
    for file in files:
        try:
            read_picture(file)
        except ClipError as error:
            bad.append(error)
    if bad:
        raise DamagedClipError(
            f"{path}: {len(bad)} of {how_many(len(files), 'frame')} cannot be read, first {bad[0]}"
        )
    return len(files)
