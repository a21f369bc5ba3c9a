"""Matches a folder of restored clips with one of true clips, and names everything that misfits.

Both folders hold one video or one folder of PNG or JPEG frames a clip, named alike.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dicface.base.counts import how_many
from dicface.base.errors import ClipError, MetricError
from dicface.video.clips import ClipInfo, list_clips, named, probe
from dicface.video.formats import FRAMES_WORDS, VIDEO_WORDS, clip_name, one_deeper, passed_over
from dicface.video.sources import remarks

NOT_RESTORED = "not restored"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Match:
    """Two folders of clips, matched by name.

    Attributes:
        restored: Clip -> restored clip, of those that can be scored.
        truths: Clip -> true clip, of all.
        unusable: True clip that cannot be scored -> why.
        notes: Scored clip -> what differs without harm, for example its frame rate.
        sizes: Clip -> width and height of its true frames, px, where these can be read; empty if
            nobody looked.
        extra: Names of restored clips that have no truth.
    """

    restored: Mapping[str, Path]
    truths: Mapping[str, Path]
    unusable: Mapping[str, str]
    notes: Mapping[str, str]
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    extra: tuple[str, ...] = ()

    def sentences(self) -> list[str]:
        """What does not fit, and of which clips, for footnotes; empty when all does."""
        found = [f"{named(clips)}: {why}" for why, clips in _by_text(self.unusable).items()]
        for note, clips in _by_text(self.notes).items():
            everywhere = 1 < len(clips) == len(self.restored)
            found.append(f"{'all clips that were scored' if everywhere else named(clips)}: {note}")
        if self.extra:
            found.append(
                "not scored (name results like their truth), as no true clip is named so: "
                f"{', '.join(self.extra)}"
            )
        if self.unusable:
            num_usable = len(self.truths) - len(self.unusable)
            found.insert(0, f"{num_usable} of {how_many(len(self.truths), 'clip')} could be scored")
        return found


def match_names(
    restored: Mapping[str, Path],
    truths: Mapping[str, Path],
    *,
    unusable: Mapping[str, str] | None = None,
    notes: Mapping[str, str] | None = None,
) -> Match:
    """Matches the restored clips of a run's method with the true ones, by their names alone.

    Args:
        restored: Clip -> restored clip.
        truths: Clip -> true clip, of all clips of the set.
        unusable: Clip that was not restored -> why, where it is known.
        notes: Clip -> what its scores say beside what the metrics have to say.

    Raises:
        MetricError: No clip of the truth was restored.
    """
    missing = [clip for clip in truths if clip not in restored]
    folder, truth_folder = (
        next((path.parent for path in clips.values()), "no folder") for clips in (restored, truths)
    )
    if len(missing) == len(truths):
        raise MetricError(
            f"{folder}: none of its {len(restored)} clips is named like one of the "
            f"{len(truths)} in {truth_folder} (first: '{missing[0]}'). Name restored clips like "
            "their truth."
        )
    if missing:
        _log.warning(
            "%s: %d of %d clips were not restored, or do not fit: %s",
            folder,
            len(missing),
            len(truths),
            ", ".join(missing),
        )
    return Match(
        restored=restored,
        truths=truths,
        unusable={clip: (unusable or {}).get(clip, NOT_RESTORED) for clip in missing},
        notes=notes or {},
    )


def match_folders(
    restored_folder: str | Path,
    truth_folder: str | Path,
    *,
    whole_frames: bool = False,
    some_fit: bool = True,
    seen: dict[Path, ClipInfo] | None = None,
) -> Match:
    """Matches restored clips with true ones and looks at every one of them.

    Args:
        restored_folder: Restored clips: videos, or folders of frames.
        truth_folder: True clips, likewise.
        whole_frames: Frames are yet to be aligned: they need not be square, and restored ones may
            be an enlargement or a reduction of the true ones.
        some_fit: Whether it is an error if no restored clip can be scored.
        seen: Clips that were decoded before; those that are decoded here are added.

    Raises:
        ClipError: A folder is missing or holds no clip.
        MetricError: No restored clip can be scored, or true frames are not square.
    """
    seen = {} if seen is None else seen
    truths, restored = list_clips(truth_folder), list_clips(restored_folder)
    if Path(truth_folder).is_file() and Path(restored_folder).is_file():
        restored = dict(zip(truths, restored.values(), strict=True))  # a pair, whatever its names
    told = any(path in seen for path in truths.values())  # with the result before
    for folder in map(Path, (restored_folder,) if told else (truth_folder, restored_folder)):
        if folder.is_dir() and (others := passed_over(folder)):
            _log.warning(
                "%s: passed over, as no clips that are read: %s", folder, ", ".join(others)
            )
    usable, sizes, unusable, notes = {}, {}, {}, {}
    for clip, path in truths.items():
        try:
            truth = seen[path] = seen.get(path) or probe(path)
        except ClipError as error:
            unusable[clip] = f"its truth cannot be used: {error}"
            continue
        sizes[clip] = (truth.width, truth.height)
        if truth.width != truth.height and not whole_frames:
            raise MetricError(
                f"{path}: frames are {truth.width}×{truth.height} px; expected square frames with "
                "an aligned face. Let --align cut the faces out of whole frames, or align truth "
                "and results alike first."
            )
        if clip not in restored:
            unusable[clip] = _why_missing(Path(restored_folder), clip)
            continue
        try:
            ours = seen[restored[clip]] = seen.get(restored[clip]) or probe(restored[clip])
        except ClipError as error:
            unusable[clip] = str(error)
            continue
        wrong = _unlike(ours, truth, whole_frames)
        if wrong:
            unusable[clip] = wrong
            continue
        usable[clip] = restored[clip]
        for each in (path, restored[clip]):
            for remark in remarks(each):
                _log.warning("%s: %s", each, remark)
        differs = [f"{_rates(ours, truth)}; scored frame by frame"] if _rates(ours, truth) else []
        if _size(ours) != _size(truth):
            differs.insert(0, f"restored frames of {_size(ours)} px were resized to {_size(truth)}")
        if differs:
            notes[clip] = "; ".join(differs)
    match = Match(
        restored=usable,
        truths=truths,
        sizes=sizes,
        unusable=unusable,
        extra=tuple(clip for clip in restored if clip not in truths),
        notes=notes,
    )
    if not usable and some_fit:
        raise MetricError(
            f"{restored_folder}: none of its {len(restored)} clips can be scored "
            f"against the {len(truths)} in {truth_folder}. Expected clips of the truth's name, "
            f"size and number of frames; found: {'; '.join(match.sentences()[1:])}."
        )
    for sentence in match.sentences():
        _log.warning("%s: %s", restored_folder, sentence)
    return match


def _why_missing(folder: Path, clip: str) -> str:
    """Not restored, or there in a form that is not read."""
    beside = folder.iterdir() if folder.is_dir() else ()
    others = sorted(path for path in beside if clip == clip_name(path))
    if not others:
        return NOT_RESTORED
    names = [str((one_deeper(path) or path).relative_to(folder)) for path in others]
    return f"found {', '.join(names)}; expected {VIDEO_WORDS} or {FRAMES_WORDS}"


def _by_text(texts: Mapping[str, str]) -> dict[str, list[str]]:
    """Text -> the clips that have it."""
    found: dict[str, list[str]] = {}
    for clip, text in texts.items():
        found.setdefault(text, []).append(clip)
    return found


def _unlike(ours: ClipInfo, truth: ClipInfo, whole_frames: bool) -> str:
    """How a restored clip differs from its truth so that it cannot be scored; empty: not at all."""
    found = []
    if ours.num_frames != truth.num_frames:
        word = "shorter" if ours.num_frames < truth.num_frames else "longer"
        found.append(
            f"{word}: {how_many(ours.num_frames, 'frame')}, the truth has {truth.num_frames}"
        )
        found += filter(None, [_rates(ours, truth)])
    if whole_frames and not _same_shape(ours, truth):
        found.append(
            f"another shape: {_size(ours)} px, the truth has {_size(truth)}; expected the whole "
            "frame in any size"
        )
    elif not whole_frames and _size(ours) != _size(truth):
        found.append(
            f"another size: {_size(ours)} px, the truth has {_size(truth)}; resize the results to "
            "it, as nothing is resized here"
        )
    return "; ".join(found)


def _size(info: ClipInfo) -> str:
    return f"{info.width}×{info.height}"


def _same_shape(ours: ClipInfo, truth: ClipInfo) -> bool:
    """Whether one is the other resized: sides in one proportion, to a pixel."""
    width = truth.width * ours.height / truth.height
    height = truth.height * ours.width / truth.width
    return abs(width - ours.width) <= 1 or abs(height - ours.height) <= 1


def _rates(ours: ClipInfo, truth: ClipInfo) -> str:
    """Frame rates where they differ; folders of frames have none."""
    if ours.fps == truth.fps or ours.path.is_dir() or truth.path.is_dir():
        return ""
    # Seven digits tell 30000/1001 from 29.97.
    return (
        f"another frame rate: {float(ours.fps):.7g} a second, the truth has {float(truth.fps):.7g}"
    )
