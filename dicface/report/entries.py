"""Rows of a ranking before they are scored: folders of clips, matched with the truth, aligned."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dicface.base.errors import ClipError, ConfigError, MetricError
from dicface.base.files import digest_of_names, write_json
from dicface.base.names import INPUT
from dicface.base.reading import Own, is_there, read_json
from dicface.faces.misfits import read_left_out
from dicface.faces.realign import Alignment
from dicface.metrics.matching import Match, match_folders
from dicface.report.site.contents import NO_CLIP
from dicface.video.clips import ClipInfo, list_clips, probe

MADE_OF = "made_of.json"
RESULT = "result"
"""Id of a single result on its page: a name of the user's may be anything."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A folder of clips that is to be a row.

    Attributes:
        id: Of its folder and of its tiles on the page.
        name: What rows of scores call it: a name of the user's, or "input".
        match: Its clips beside the true ones; none that can be scored: the row says why.
        remarks: What is to be said of its clips as they were found.
        shown: Clip -> what the page shows.
        missing: Every other clip -> why it is not shown.
    """

    id: str
    name: str
    match: Match
    remarks: tuple[str, ...]
    shown: Mapping[str, Path]
    missing: Mapping[str, str]

    @property
    def label(self) -> str:
        """What tables print."""
        return "Input" if self.name == INPUT else self.name

    @property
    def why(self) -> str:
        """Why it has no scores."""
        return "; ".join(self.remarks) or "none of its clips can be scored"

    @property
    def place(self) -> str:
        """Folder of its scores, in that of all."""
        return "." if self.id == RESULT else f"results/{self.id}"

    @property
    def role(self) -> str:
        """What manifests call its clips."""
        return "restored" if self.id == RESULT else self.id


def result_entries(
    folders: Mapping[str, Path], truth: Path, *, whole_frames: bool = False
) -> list[Entry]:
    """Matches folders of results, or single files, with the truth.

    Args:
        folders: Name -> restored clips.
        truth: True clips.
        whole_frames: Frames are yet to be aligned.

    Raises:
        ClipError: A folder is missing or holds no clip.
        ConfigError: A result is called as the input is.
        MetricError: No clip of any result can be scored, or true frames are not square.
    """
    if INPUT in folders:
        raise ConfigError(
            f"--names: found '{INPUT}', which is the row of the degraded clips. Give the result "
            "another name, or its folder as --input."
        )
    seen: dict[Path, ClipInfo] = {}
    several = len(folders) > 1
    entries: list[Entry] = []
    for name, folder in folders.items():
        match = match_folders(
            folder, truth, whole_frames=whole_frames, some_fit=not several, seen=seen
        )
        own = _id(name, {entry.id for entry in entries}) if several else RESULT
        entries.append(_entry(own, name, match, match.restored, match.unusable))
    require_scores(entries, truth)
    return entries


def degraded_entry(
    folder: Path, truth: Path, results: Sequence[Entry], whole_frames: bool
) -> Entry:
    """The degraded clips: shown whatever they are, and scored where they fit the truth.

    Args:
        folder: Degraded clips.
        truth: True clips.
        results: Of the same truth.
        whole_frames: Frames are yet to be aligned.

    Raises:
        ClipError: None of its clips can be shown.
    """
    match = match_folders(folder, truth, whole_frames=whole_frames, some_fit=False)
    found, shown, missing = list_clips(folder), {}, {}
    if folder.is_file() and truth.is_file():
        found = dict(zip(match.truths, found.values(), strict=True))
    for clip in results[0].match.truths:
        try:
            if clip not in found:
                raise ClipError(NO_CLIP)
            shown[clip] = probe(found[clip]).path
        except ClipError as error:
            missing[clip] = str(error)
    if not shown:
        raise ClipError(
            f"{folder}: none of its {len(found)} clips can be shown beside the "
            "results. Expected degraded clips named like the true ones (first: "
            f"'{next(iter(match.truths))}')."
        )
    return _entry(INPUT, INPUT, match, shown, missing)


def aligned_entries(entries: Sequence[Entry], folder: Path, size: int) -> list[Entry]:
    """The same clips with their faces cut out, where the truth has them.

    Args:
        entries: Of whole frames.
        folder: Holds the aligned truth, in `truth`, and gets the clips.
        size: Side of the faces, px.

    Raises:
        MetricError: No clip of any result is left.
    """
    alignment = Alignment(folder / "truth", size)
    found = [_aligned(entry, alignment, folder, size) for entry in entries]
    require_scores(found, folder / "truth")
    return found


def require_scores(entries: Sequence[Entry], truth: Path) -> None:
    """Raises MetricError unless some clip of a result can be scored."""
    results = [entry for entry in entries if entry.name != INPUT]
    if not any(entry.match.restored for entry in results):
        listed = "; ".join(f"{entry.label}: {entry.why}" for entry in results)
        raise MetricError(
            f"none of the results can be scored against {truth}. Expected clips of the truth's "
            f"name, size and number of frames; found: {listed}."
        )


_MADE_OF = Own("what scores were made of", "Delete the folder and score again.", error=MetricError)


def free_folder(wanted: Path, folders: Sequence[Path]) -> Path:
    """A folder for scores that holds none, or those of the same folders of clips.

    Two folders of results may have one name: the second gets `<wanted>-2`.

    Args:
        wanted: What it is best called.
        folders: Of the results and the truth, which its file `made_of.json` digests.
    """
    digest = digest_of_names(str(folder.resolve()) for folder in folders)
    place, number = wanted, 1
    while place.is_dir() and any(place.iterdir()):
        path = place / MADE_OF
        if is_there(path) and read_json(path, _MADE_OF, str) == digest:
            break
        number += 1
        place = wanted.with_name(f"{wanted.name}-{number}")
    place.mkdir(parents=True, exist_ok=True)
    write_json(place / MADE_OF, digest)
    return place


def _entry(
    own: str, name: str, match: Match, shown: Mapping[str, Path], missing: Mapping[str, str]
) -> Entry:
    return Entry(
        id=own,
        name=name,
        match=match,
        remarks=tuple(match.sentences()),
        shown=shown,
        missing=missing,
    )


def _id(name: str, taken: set[str]) -> str:
    """A name for a folder, of letters, digits and dashes."""
    plain = re.sub(r"[^\w-]+", "-", name.lower()).strip("-_") or RESULT
    found, number = plain, 1
    while found in {*taken, INPUT}:
        number += 1
        found = f"{plain}-{number}"
    return found


def _aligned(entry: Entry, alignment: Alignment, folder: Path, size: int) -> Entry:
    why = {
        misfit.clip: f"its truth cannot be used: {misfit.why}"
        for misfit in read_left_out(folder / "truth")
    }
    match = entry.match
    sizes = {clip: of for clip, of in match.sizes.items() if clip not in why}
    shown, missing = {}, {**entry.missing, **why}
    for clip, path in entry.shown.items():
        if clip not in sizes:
            continue
        shown[clip] = folder / entry.role / f"{clip}.mkv"
        try:
            alignment.apply(path, clip, sizes[clip], shown[clip])
        except ClipError as error:
            if clip in match.restored:
                raise
            missing[clip] = str(error)
            del shown[clip]
    cut_of = "{}-px faces cut out of {}×{} px by the truth's alignment"
    restored = {clip: shown[clip] for clip in match.restored if clip in shown}
    notes = {
        clip: "; ".join(
            filter(None, [cut_of.format(size, *sizes[clip]), match.notes.get(clip, "")])
        )
        for clip in restored
    }
    cut = replace(
        match,
        restored=restored,
        truths={
            clip: folder / "truth" / f"{clip}.mkv" if clip in sizes else path
            for clip, path in match.truths.items()
        },
        unusable={**match.unusable, **why},
        sizes=sizes,
        notes=notes,
    )
    return replace(entry, match=cut, shown=shown, missing=missing)
