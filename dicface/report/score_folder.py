"""Scores results that were made elsewhere: folders of restored clips against one of true clips.

Folders hold one video or one folder of PNG or JPEG frames a clip, named alike. Frames are square,
show one aligned face and have the truth's size and number; whole frames are aligned first where
that is asked for. A clip that does not fit is named with what is wrong with it and counts as one
without scores: tables then say "n of N clips". Clips are read where they lie. Several folders, or
one and the input, are ranked in one table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import pandas as pd

from dicface.base.errors import ConfigError
from dicface.base.files import atomic_path, write_json
from dicface.base.names import BLIND, INPUT
from dicface.faces.importer import import_folder
from dicface.faces.track import Choice, Ends
from dicface.metrics import METRICS, score_files
from dicface.metrics.backbones import Prefer
from dicface.metrics.matching import Match, match_folders
from dicface.metrics.protocol import EvaluationProtocol
from dicface.metrics.scorer import Scored, SetScore, score_sets
from dicface.provenance.manifest import Artefact, recorded
from dicface.report.entries import (
    Entry,
    aligned_entries,
    degraded_entry,
    result_entries,
)
from dicface.report.faults import Faults, find_faults
from dicface.report.ranking import Ranking, ranking_of, write_ranking
from dicface.report.render.write import write_table
from dicface.report.scored import of_scores, write_scored
from dicface.report.site import write_pages
from dicface.report.tables.build import Conditions, build_table
from dicface.report.tables.rows import Row
from dicface.report.tables.scores import read_frame_rows, read_rows
from dicface.report.tables.spec import RowSpec, TableSpec
from dicface.report.tables.table import Table
from dicface.runs.results import Results

NAME = re.compile(r"[a-z0-9_][a-z0-9_-]*")


@dataclass(frozen=True, kw_only=True)
class FolderScore:
    """What `score_folder` found and wrote.

    Attributes:
        entries: The input, if any, and the results.
        scores: Name of a result, or "input" -> its counts and FVD, of those that have scores.
        table: The rows as a table.
        ranking: Ranks and wins; None where there are no two rows with scores.
        faults: What explains bad scores.
        files: Kind (md, csv, tex, differences, clips, …) -> written file.
        folder: Where everything lies.
        page: `index.html` of the page.
    """

    entries: Sequence[Entry]
    scores: Mapping[str, SetScore]
    table: Table
    ranking: Ranking | None
    faults: Faults
    files: dict[str, Path]
    folder: Path
    page: Path

    @property
    def match(self) -> Match:
        """Which clips of the first result were scored, and what was wrong with the others."""
        return next(entry.match for entry in self.entries if entry.name != INPUT)

    @property
    def score(self) -> SetScore:
        """Counts and FVD of the first result."""
        return next(score for name, score in self.scores.items() if name != INPUT)


def score_folder(
    restored: str | Path | Mapping[str, str | Path],
    truth_folder: str | Path,
    out_folder: str | Path,
    *,
    name: str = "",
    task: str = BLIND.id,
    input_folder: str | Path | None = None,
    align: int | None = None,
    choice: Choice = "largest",
    smoothing_ends: Ends = "reflect",
    metrics: Sequence[str] = tuple(METRICS),
    prefer: Prefer = "auto",
    workers: int = 1,
    device: str = "cpu",
    command: Sequence[str] = (),
) -> FolderScore:
    """Scores folders of results: their rows and ranks, their per-clip numbers and a page.

    Writes into `out_folder` the table `tables/row.{md,csv,tex}` (several: `ranking`), `clips.csv`
    (a line a clip and metric), `frames.csv`, and the page `report/index.html`; and of each result
    `metrics.parquet`, `frames.parquet`, `fvd.npz` and `landmarks.npz`: of a single one into the
    folder itself, of others into `results/NAME`. Clips that were scored before are not scored
    again.

    Args:
        restored: Restored clips, see the module's text; of several results, name -> folder.
        truth_folder: True clips.
        out_folder: Where everything goes.
        name: What the row of a single result is called; empty: the name of the folder.
        task: Goes into the rows of `metrics.parquet`.
        input_folder: Degraded clips: they are a row where they can be scored, and the page shows
            them beside the results.
        align: Side in px of the faces that are cut out of whole frames: found and aligned in the
            true clips as by `dicface data align`, and cut out of the others at the same places;
            None takes frames as they are.
        choice: Which face of several is aligned.
        smoothing_ends: How its track continues beyond its ends.
        metrics: What is measured.
        prefer: Which backbones measure.
        workers: Processes.
        device: torch device of the networks.
        command: What was typed, word by word, for the manifest; nothing if called from Python.

    Raises:
        ClipError: A folder or a true clip cannot be used.
        ConfigError: `align` is no size of a face, or two results have one name.
        FaceError: A true clip that is to be aligned shows no face.
        MetricError: No restored clip can be scored, or true frames are not square.
        DicfaceError: The page's folder holds something else.
    """
    out_folder = Path(out_folder)
    if not isinstance(restored, Mapping):
        restored = {name or Path(restored).resolve().name: restored}
    folders = {each: Path(folder) for each, folder in restored.items()}
    entries = result_entries(folders, Path(truth_folder), whole_frames=align is not None)
    if input_folder is not None:
        entries = [
            degraded_entry(Path(input_folder), Path(truth_folder), entries, align is not None),
            *entries,
        ]
    setting = _frames_as_they_are(entries[-1].match)
    if align is not None:
        folder = out_folder / "aligned"
        index = import_folder(
            truth_folder,
            folder / "truth",
            size=align,
            choice=choice,
            smoothing_ends=smoothing_ends,
        )
        entries = aligned_entries(entries, folder, align)
        detectors = ", ".join(sorted(set(index["detector"])))
        setting = (
            f"{align}-px faces cut out of whole frames of the user, all at the places and angles "
            f"that the true clips' landmarks give ({detectors})"
        )
    scored = [entry for entry in entries if entry.match.restored]
    places = {entry.name: Results(folder=out_folder / entry.place) for entry in scored}
    table_name = "row" if len(folders) == 1 else "ranking"
    settings = {"name": ", ".join(folders), "task": task, "align": align, "backbones": prefer}
    if align is not None:
        settings |= {"choice": choice, "smoothing_ends": smoothing_ends}
    if tuple(metrics) != tuple(METRICS):
        settings |= {"metrics": list(metrics)}
    files: dict[str, Path] = {}
    inputs = {entry.role: entry.match.restored.values() for entry in scored}
    made = Artefact(
        path=out_folder / "tables" / f"{table_name}.md",
        kind="scores",
        inputs={**inputs, "truth": entries[0].match.truths.values()},
        outputs=lambda: [
            *(place.folder / file for place in places.values() for file in score_files(metrics)),
            *files.values(),
        ],
        settings=settings,
        run=out_folder,
        device=device,
    )
    with recorded(made, command):
        found = score_sets(
            task,
            [
                Scored(method=each.name, match=each.match, folder=places[each.name].folder)
                for each in scored
            ],
            analysis_folder=out_folder / "analysis",
            protocol=EvaluationProtocol.resolve(prefer, device=device, metrics=metrics),
            metrics=metrics,
            workers=workers,
        )
        faults = find_faults(scored)
        table = _table(table_name, entries, places, faults, setting, metrics)
        files |= write_table(table, out_folder / "tables")
        files |= _write_numbers(places, out_folder)
        files |= faults.write(out_folder)
        ranking = ranking_of(table)
        if ranking:
            files |= write_ranking(ranking, out_folder / "tables", table_name)
        files["scored"] = write_scored(out_folder, task, table, entries, metrics)
    return FolderScore(
        entries=entries,
        scores=dict(zip(places, found, strict=True)),
        table=table,
        ranking=ranking,
        faults=faults,
        files=files,
        folder=out_folder,
        page=write_pages(of_scores(out_folder), out_folder / "report"),
    )


def _frames_as_they_are(match: Match) -> str:
    sides = sorted({width for width, _ in match.sizes.values()})
    return f"{', '.join(map(str, sides))}-px clips of the user"


def _table(
    name: str,
    entries: Sequence[Entry],
    places: Mapping[str, Results],
    faults: Faults,
    setting: str,
    metrics: Sequence[str],
) -> Table:
    """One row an entry; those with scores are compared, each with each."""
    specs = [RowSpec(method=entry.name, label=entry.label) for entry in entries]
    rows: list[Row] = []
    for spec, entry in zip(specs, entries, strict=True):
        if entry.name in places:
            notes = [*entry.remarks, *faults.sentences(entry.name)]
            rows.append(spec.filled(metrics=places[entry.name].metrics, notes=notes))
        else:
            rows.append(spec.filled(reason=entry.why))
    labels = [entry.label for entry in entries if entry.name != INPUT]
    results = [each for each in places if each != INPUT]
    spec = TableSpec(
        name=name,
        title=f"{'Scores' if name == 'row' else 'Ranking'} of {', '.join(labels)}",
        rows=tuple(specs),
        # The gain of each over its input, then each against those behind it.
        pairs=(
            *((each, INPUT) for each in results if INPUT in places),
            *combinations(results, 2),
        ),
    )
    conditions = Conditions(
        metrics=[METRICS[each] for each in metrics],
        clips=sorted(entries[0].match.truths),
        setting=setting,
        notes=faults.notes(),
    )
    return build_table(spec, rows, conditions)


def _write_numbers(places: Mapping[str, Results], folder: Path) -> dict[str, Path]:
    """`clips.csv` and `frames.csv`: every number of every result, for other programs."""
    written = {}
    for kind in ("clips", "frames"):
        tables = [
            read_rows(place.metrics) if kind == "clips" else read_frame_rows(place.frames)
            for place in places.values()
        ]
        written[kind] = folder / f"{kind}.csv"
        with atomic_path(written[kind]) as temporary:
            pd.concat(tables).to_csv(
                temporary, index=False, float_format="%.6g", lineterminator="\n"
            )
    return written


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
