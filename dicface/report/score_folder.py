"""Scores results that were made elsewhere: a folder of restored clips against one of true clips.

Both folders hold one video or one folder of PNG or JPEG frames a clip, named alike. Frames are
square, show one aligned face and have the truth's size and number; whole frames are aligned first
where that is asked for. A clip that does not fit is named with what is wrong with it and counts as
one without scores: tables then say "n of N clips". Clips are read where they lie.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from dicface.base.errors import ClipError, ConfigError
from dicface.base.files import write_json
from dicface.base.names import BLIND, INPUT
from dicface.faces.importer import import_folder
from dicface.faces.misfits import read_left_out
from dicface.faces.realign import Alignment
from dicface.faces.track import Choice, Ends
from dicface.metrics import score_files
from dicface.metrics.backbones import Prefer
from dicface.metrics.matching import Match, match_folders
from dicface.metrics.protocol import EvaluationProtocol
from dicface.metrics.scorer import SetScore, score_set
from dicface.provenance.manifest import Artefact, recorded
from dicface.report.render.write import write_table
from dicface.report.site import Contents, write_pages
from dicface.report.site.contents import (
    NO_CLIP,
    System,
    TaskResults,
    landmarks_of,
    read_scores_of,
)
from dicface.report.site.notes import Notes
from dicface.report.site.provenance import read_provenance
from dicface.report.site.table_pages import table_pages
from dicface.report.tables.build import Conditions, build_table
from dicface.report.tables.spec import RowSpec, TableSpec
from dicface.report.tables.table import Table
from dicface.runs.results import Results
from dicface.video.clips import list_clips, probe

NAME = re.compile(r"[a-z0-9_][a-z0-9_-]*")
RESULT = "result"
"""Id of the results on their page: a name of the user's may be anything."""


@dataclass(frozen=True, kw_only=True)
class FolderScore:
    """What `score_folder` found and wrote.

    Attributes:
        match: Which clips were scored, and what was wrong with the others.
        score: Counts and FVD.
        table: The row as a table.
        files: Kind (md, csv, tex, differences) -> written table.
        folder: Where everything lies: `metrics.parquet`, `frames.parquet`, `fvd.npz`, …
        page: `index.html` of the page.
    """

    match: Match
    score: SetScore
    table: Table
    files: dict[str, Path]
    folder: Path
    page: Path


@dataclass(frozen=True, kw_only=True)
class _Inputs:
    """Degraded clips to show beside the results: clip -> path, and clip -> why there is none."""

    clips: Mapping[str, Path] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)


def score_folder(
    restored_folder: str | Path,
    truth_folder: str | Path,
    out_folder: str | Path,
    *,
    name: str = "",
    task: str = BLIND.id,
    input_folder: str | Path | None = None,
    align: int | None = None,
    choice: Choice = "largest",
    smoothing_ends: Ends = "reflect",
    prefer: Prefer = "auto",
    workers: int = 1,
    device: str = "cpu",
    command: Sequence[str] = (),
) -> FolderScore:
    """Scores a folder of results: its row, its per-clip numbers and its page.

    Writes `metrics.parquet`, `frames.parquet`, `fvd.npz`, `landmarks.npz`, the row
    `tables/row.{md,csv,tex}` and the page `report/index.html` into `out_folder`. Clips that were
    scored before are not scored again.

    Args:
        restored_folder: Restored clips, see the module's text.
        truth_folder: True clips.
        out_folder: Where everything goes.
        name: What the row is called; empty: the name of the folder.
        task: Goes into the rows of `metrics.parquet`.
        input_folder: Degraded clips that the page shows beside the results; they are not scored.
        align: Side in px of the faces that are cut out of whole frames: found and aligned in the
            true clips as by `dicface data align`, and cut out of the others at the same places;
            None takes frames as they are.
        choice: Which face of several is aligned.
        smoothing_ends: How its track continues beyond its ends.
        prefer: Which backbones measure.
        workers: Processes.
        device: torch device of the networks.
        command: What was typed, word by word, for the manifest; nothing if called from Python.

    Raises:
        ClipError: A folder or a true clip cannot be used.
        ConfigError: `align` is no size of a face.
        FaceError: A true clip that is to be aligned shows no face.
        MetricError: No restored clip can be scored, or true frames are not square.
        DicfaceError: The page's folder holds something else.
    """
    out_folder = Path(out_folder)
    label = name or Path(restored_folder).resolve().name
    match = match_folders(restored_folder, truth_folder, whole_frames=align is not None)
    inputs = _inputs(input_folder, match)
    remarks = match.sentences()
    setting = _frames_as_they_are(match)
    if align is not None:
        folder = out_folder / "aligned"
        index = import_folder(
            truth_folder,
            folder / "truth",
            size=align,
            choice=choice,
            smoothing_ends=smoothing_ends,
        )
        match, inputs, setting = _align(match, inputs, index, folder, align)
    files: dict[str, Path] = {}
    results = Results(folder=out_folder)
    scores = [out_folder / name for name in score_files()]
    settings = {"name": label, "task": task, "align": align, "backbones": prefer}
    if align is not None:
        settings |= {"choice": choice, "smoothing_ends": smoothing_ends}
    made = Artefact(
        path=out_folder / "tables" / "row.md",
        kind="scores",
        inputs={"restored": match.restored.values(), "truth": match.truths.values()},
        outputs=lambda: [*scores, *files.values()],
        settings=settings,
        run=out_folder,
        device=device,
    )
    with recorded(made, command):
        score = score_set(
            task,
            label,
            match,
            out_folder,
            analysis_folder=out_folder / "analysis",
            protocol=EvaluationProtocol.resolve(prefer, device=device),
            workers=workers,
        )
        row = RowSpec(method=label, label=label)
        spec = TableSpec(name="row", title=f"Scores of {label}", rows=(row,))
        filled = row.filled(metrics=results.metrics, notes=remarks)
        conditions = Conditions(clips=sorted(match.truths), setting=setting)
        table = build_table(spec, [filled], conditions)
        files |= write_table(table, out_folder / "tables")
    return FolderScore(
        match=match,
        score=score,
        table=table,
        files=files,
        folder=out_folder,
        page=_write_page(table, label, task, match, inputs, remarks, results),
    )


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
    `dicface.runs.results.restored_clips` then finds the clips, as those of every other method.

    Args:
        name: Method id: lower-case letters, digits, "_" and "-".
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
            f"methods: found the name '{name}'; expected lower-case letters, digits, '_' and '-', "
            "as folders are named so. Give a label for anything else."
        )
    match = match_folders(restored_folder, truth_folder)
    write_json(
        Results(folder=Path(out_folder)).index,
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


def _inputs(folder: str | Path | None, match: Match) -> _Inputs:
    """Degraded clips of the true clips' names; one that cannot be shown says why."""
    if folder is None:
        return _Inputs()
    found, clips, missing = list_clips(folder), {}, {}
    for clip in match.truths:
        if clip not in found:
            missing[clip] = NO_CLIP
            continue
        try:
            probe(found[clip])
        except ClipError as error:
            missing[clip] = str(error)
            continue
        clips[clip] = found[clip]
    if not clips:
        raise ClipError(
            f"{folder}: none of its {len(found)} clips can be shown beside the results. Expected "
            f"degraded clips named like the true ones (first: '{next(iter(match.truths))}')."
        )
    return _Inputs(clips=clips, missing=missing)


def _frames_as_they_are(match: Match) -> str:
    sides = sorted({width for width, _ in match.sizes.values()})
    return f"{', '.join(map(str, sides))}-px clips of the user"


def _align(
    match: Match, inputs: _Inputs, index: pd.DataFrame, folder: Path, size: int
) -> tuple[Match, _Inputs, str]:
    """The same clips with their faces cut out, where the truth has them, and a word on it."""
    match = _without_misfits(match, folder / "truth")
    alignment = Alignment(folder / "truth", size)

    def cut(clips: Mapping[str, Path], kind: str) -> dict[str, Path]:
        aligned = {}
        for clip, path in clips.items():
            aligned[clip] = folder / kind / f"{clip}.mkv"
            alignment.apply(path, clip, match.sizes[clip], aligned[clip])
        return aligned

    shown, missing = {}, dict(inputs.missing)
    for clip, path in inputs.clips.items():
        if clip not in match.sizes:
            continue
        try:
            shown |= cut({clip: path}, "input")
        except ClipError as error:
            missing[clip] = str(error)
    cut_of = "{}-px faces cut out of {}×{} px by the truth's alignment"
    notes = {
        clip: "; ".join(
            filter(None, [cut_of.format(size, *match.sizes[clip]), match.notes.get(clip, "")])
        )
        for clip in match.restored
    }
    aligned = replace(
        match,
        restored=cut(match.restored, "restored"),
        truths={
            clip: folder / "truth" / f"{clip}.mkv" if clip in match.sizes else path
            for clip, path in match.truths.items()
        },
        notes=notes,
    )
    detectors = ", ".join(sorted(set(index["detector"])))
    setting = (
        f"{size}-px faces cut out of whole frames of the user, all at the places and angles that "
        f"the true clips' landmarks give ({detectors})"
    )
    return aligned, _Inputs(clips=shown, missing=missing), setting


def _without_misfits(match: Match, truth: Path) -> Match:
    """The same clips without those whose truth could not be aligned, which count as unusable."""
    why = {
        misfit.clip: f"its truth cannot be used: {misfit.why}" for misfit in read_left_out(truth)
    }
    return replace(
        match,
        sizes={clip: size for clip, size in match.sizes.items() if clip not in why},
        restored={clip: path for clip, path in match.restored.items() if clip not in why},
        unusable={**match.unusable, **why},
    )


def _write_page(
    table: Table,
    label: str,
    task: str,
    match: Match,
    inputs: _Inputs,
    remarks: Sequence[str],
    results: Results,
) -> Path:
    folder, scores = results.folder, read_scores_of(results)
    result = System(
        id=RESULT,
        label=label,
        clips=match.restored,
        missing=match.unusable,
        landmarks=landmarks_of(results),
        **scores,
    )
    none = {kind: lines.iloc[:0] for kind, lines in scores.items()}
    degraded = System(id=INPUT, label="Input", clips=inputs.clips, missing=inputs.missing, **none)
    shown = TaskResults(
        id=task,
        truths={clip: path for clip, path in match.truths.items() if clip in match.sizes},
        systems=(degraded, result) if inputs.clips else (result,),
        absent={},
        remarks=tuple(f"{remark[:1].upper()}{remark[1:]}." for remark in remarks),
    )
    notes = Notes()
    contents = Contents(
        title=f"DicFace scores: {label}",
        tables=table_pages(table, folder / "tables", notes),
        notes=notes,
        results=[table],
        tasks=(shown,),
        provenance=read_provenance(folder),
    )
    return write_pages(contents, folder / "report")
