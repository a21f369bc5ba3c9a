"""Scores results that were made elsewhere: a folder of restored clips against one of true clips.

Both folders hold one video or one folder of PNG or JPEG frames a clip, named alike. Frames are
square, show one aligned face (`dicface import` aligns videos) and have the truth's size and number.
A clip that does not fit is named with what is wrong with it and counts as one without scores:
tables then say "n of N clips". Nothing is copied; clips are read where they lie.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dicface.clips import ClipInfo, frame_rate, list_clips, read_frames
from dicface.errors import ClipError, ConfigError, MetricError
from dicface.files import write_json
from dicface.metrics.backbones import Prefer
from dicface.metrics.scorer import NOT_RESTORED, SetScore, score_clips
from dicface.report.render_table import write_table
from dicface.report.spec import RowSpec, TableSpec, build
from dicface.report.tables import Table
from dicface.restored import INDEX_FILE

NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]*")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Match:
    """Two folders of clips, matched by name.

    Attributes:
        restored: Clip -> restored clip, of those that can be scored.
        truths: Clip -> true clip, of all.
        unusable: True clip that cannot be scored -> why.
        extra: Names of restored clips that have no truth.
        notes: Scored clip -> what differs without harm, for example its frame rate.
    """

    restored: dict[str, Path]
    truths: dict[str, Path]
    unusable: dict[str, str]
    extra: tuple[str, ...]
    notes: dict[str, str]

    def sentences(self) -> list[str]:
        """What does not fit, clip by clip, for the table's footnotes; empty when all does."""
        found = [f"clip '{clip}': {why}" for clip, why in self.unusable.items()]
        found += [f"clip '{clip}': {note}" for clip, note in self.notes.items()]
        if self.extra:
            found.append(f"not scored, as no true clip is named so: {', '.join(self.extra)}")
        if self.unusable:
            num_usable = len(self.truths) - len(self.unusable)
            found.insert(0, f"{num_usable} of {len(self.truths)} clips could be scored")
        return found


@dataclass(frozen=True, kw_only=True)
class FolderScore:
    """What `score_folder` found and wrote.

    Attributes:
        match: Which clips were scored, and what was wrong with the others.
        score: Counts and FVD.
        table: The row as a table.
        files: Kind (md, csv, tex, differences) -> written table.
        folder: Where everything lies: `metrics.parquet`, `frames.parquet`, `fvd.npz`, …
    """

    match: Match
    score: SetScore
    table: Table
    files: dict[str, Path]
    folder: Path


def match_folders(restored_folder: str | Path, truth_folder: str | Path) -> Match:
    """Matches restored clips with true ones and looks at every one of them.

    Args:
        restored_folder: Restored clips: videos, or folders of frames.
        truth_folder: True clips, likewise.

    Raises:
        ClipError: A folder is missing or holds no clip, or a true clip cannot be read.
        MetricError: No restored clip can be scored, or true frames are not square.
    """
    truths, restored = list_clips(truth_folder), list_clips(restored_folder)
    usable, unusable, notes = {}, {}, {}
    for clip, path in truths.items():
        if clip not in restored:
            unusable[clip] = NOT_RESTORED
            continue
        truth = _look_at(path)
        if truth.width != truth.height:
            raise MetricError(
                f"{path}: frames are {truth.width}×{truth.height} px; expected square frames with "
                "an aligned face. Align truth and results alike first (`dicface import`)."
            )
        try:
            ours = _look_at(restored[clip])
        except ClipError as error:
            unusable[clip] = str(error)
            continue
        wrong = _unlike(ours, truth)
        if wrong:
            unusable[clip] = wrong
            continue
        usable[clip] = restored[clip]
        rates = _rates(ours, truth)
        if rates:
            notes[clip] = f"{rates}; scored frame by frame"
    extra = tuple(clip for clip in restored if clip not in truths)
    match = Match(restored=usable, truths=truths, unusable=unusable, extra=extra, notes=notes)
    if not usable:
        raise MetricError(
            f"{restored_folder}: none of its {len(restored)} clips can be scored against the "
            f"{len(truths)} in {truth_folder}. Expected clips of the truth's name, size and number "
            f"of frames; found: {'; '.join(match.sentences()[1:])}."
        )
    for sentence in match.sentences():
        _log.warning("%s: %s", restored_folder, sentence)
    return match


def score_folder(
    restored_folder: str | Path,
    truth_folder: str | Path,
    out_folder: str | Path,
    *,
    name: str = "",
    task: str = "bfr",
    prefer: Prefer = "auto",
    workers: int = 1,
    device: str = "cpu",
    page: Callable[[FolderScore], object] | None = None,
) -> FolderScore:
    """Scores a folder of results: its row, its per-clip numbers and, with `page`, its page.

    Writes `metrics.parquet`, `frames.parquet`, `fvd.npz`, `landmarks.npz` and the table
    `row.{md,csv,tex}` into `out_folder`. Clips that were scored before are not scored again.

    Args:
        restored_folder: Restored clips, see the module's text.
        truth_folder: True clips.
        out_folder: Where everything goes.
        name: What the row is called; empty: the name of the folder.
        task: Goes into the rows of `metrics.parquet`.
        prefer: Which backbones measure.
        workers: Processes.
        device: torch device of the networks.
        page: Called with the result when all is written; makes the page of these clips.

    Raises:
        ClipError: A folder or a true clip cannot be used.
        MetricError: No restored clip can be scored, or true frames are not square.
    """
    out_folder = Path(out_folder)
    label = name or Path(restored_folder).resolve().name
    match = match_folders(restored_folder, truth_folder)
    score = score_clips(
        task,
        label,
        match.restored,
        match.truths,
        out_folder,
        unusable=match.unusable,
        notes=match.notes,
        analysis_folder=out_folder / "analysis",
        prefer=prefer,
        workers=workers,
        device=device,
    )
    row = RowSpec(method=label, label=label)
    spec = TableSpec(name="row", title=f"Scores of {label}", rows=(row,))
    filled = row.filled(metrics=out_folder / "metrics.parquet", notes=match.sentences())
    table = build(spec, [filled], clips=sorted(match.truths))
    result = FolderScore(
        match=match,
        score=score,
        table=table,
        files=write_table(table, out_folder),
        folder=out_folder,
    )
    if page is not None:
        page(result)
    return result


def import_results(
    name: str,
    restored_folder: str | Path,
    truth_folder: str | Path,
    out_folder: str | Path,
    *,
    label: str = "",
) -> Match:
    """Makes results that were made elsewhere a method of a run, without copying a clip.

    Writes `<out_folder>/index.json`, which names the folder and what was found in it;
    `dicface.restored.restored_clips` then finds the clips, as those of every other method.

    Args:
        name: Method id: lower-case letters, digits, "_", "-" and ".".
        restored_folder: Restored clips.
        truth_folder: True clips of the run.
        out_folder: `<run>/<task>/<name>`.
        label: What tables print; empty: the name.

    Raises:
        ConfigError: The name cannot be a method id.
        ClipError: A folder or a true clip cannot be used.
        MetricError: No restored clip can be scored, or true frames are not square.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"methods: found the name '{name}'; expected lower-case letters, digits, '_', '-' and "
            "'.', as folders are named so. Give a label for anything else."
        )
    match = match_folders(restored_folder, truth_folder)
    write_json(
        Path(out_folder) / INDEX_FILE,
        {
            "method": name,
            "label": label or name,
            "restored": str(Path(restored_folder).resolve()),
            "clips": list(match.restored),
            "unusable": match.unusable,
            "notes": match.notes,
            "extra": match.extra,
            "remarks": match.sentences(),
        },
    )
    return match


def _look_at(path: Path) -> ClipInfo:
    """What a clip holds; raises ClipError unless all its frames have one size."""
    num_frames, shape = 0, (0, 0, 3)
    for frame in read_frames(path):
        if num_frames and frame.shape != shape:
            raise ClipError(
                f"{path}: frame {num_frames} is {frame.shape[1]}×{frame.shape[0]} px, those before "
                f"it {shape[1]}×{shape[0]}. Expected frames of one size: make it again."
            )
        num_frames, shape = num_frames + 1, frame.shape
    return ClipInfo(
        path=path, num_frames=num_frames, height=shape[0], width=shape[1], fps=frame_rate(path)
    )


def _unlike(ours: ClipInfo, truth: ClipInfo) -> str:
    """How a restored clip differs from its truth so that it cannot be scored; empty: not at all."""
    found = []
    if ours.num_frames != truth.num_frames:
        word = "shorter" if ours.num_frames < truth.num_frames else "longer"
        found.append(f"{word}: {ours.num_frames} frames, the truth has {truth.num_frames}")
        found += filter(None, [_rates(ours, truth)])
    if (ours.width, ours.height) != (truth.width, truth.height):
        sizes = (f"{info.width}×{info.height}" for info in (ours, truth))
        found.append("another size: {} px, the truth has {}".format(*sizes))
    return "; ".join(found)


def _rates(ours: ClipInfo, truth: ClipInfo) -> str:
    """Frame rates where they differ; folders of frames have none."""
    if ours.fps == truth.fps or ours.path.is_dir() or truth.path.is_dir():
        return ""
    return f"another frame rate: {float(ours.fps):g} a second, the truth has {float(truth.fps):g}"
