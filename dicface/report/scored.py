"""What `dicface score` scored, kept beside its numbers, so that pages can be made of it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from typing_extensions import TypedDict

from dicface.base.errors import MetricError
from dicface.base.files import write_json
from dicface.base.names import INPUT
from dicface.base.reading import Own, read_json
from dicface.metrics import METRICS
from dicface.report.entries import Entry
from dicface.report.ranking import ranking_of, ranking_page
from dicface.report.site.contents import NO_CLIP, System, TaskResults, read_scores_of
from dicface.report.site.notes import Notes
from dicface.report.site.provenance import read_provenance
from dicface.report.site.sources import Contents
from dicface.report.site.table_pages import table_pages
from dicface.report.tables.table import Table, read_table
from dicface.runs.results import SCORED_FILE, Results

_SCORED = Own("what `dicface score` scored", "Score the folders again.", error=MetricError)


class _System(TypedDict):
    id: str
    label: str
    place: str
    clips: dict[str, str]
    missing: dict[str, str]


class _Scored(TypedDict):
    task: str
    table: str
    metrics: list[str]
    truths: dict[str, str]
    systems: list[_System]
    remarks: list[str]


def write_scored(
    folder: Path, task: str, table: Table, entries: Sequence[Entry], metrics: Sequence[str]
) -> Path:
    """Writes what was scored into a folder of scores.

    Args:
        folder: Of the scores.
        task: Of all of them.
        table: With a row an entry.
        entries: What was scored, and what could not be.
        metrics: What was measured.
    """
    whole = folder.resolve()

    def paths(found: Mapping[str, Path]) -> dict[str, str]:
        # What lies in the folder moves with it.
        places = {clip: path.resolve() for clip, path in found.items()}
        return {
            clip: str(path.relative_to(whole) if path.is_relative_to(whole) else path)
            for clip, path in places.items()
        }

    match, several = entries[0].match, len(entries) > 1
    remarks = [
        f"{entry.label}: {remark}." if several else f"{remark[:1].upper()}{remark[1:]}."
        for entry in entries
        for remark in (entry.remarks if entry.match.restored else [entry.why])
    ]
    found: _Scored = {
        "task": task,
        "table": table.name,
        "metrics": list(metrics),
        "truths": paths({clip: p for clip, p in match.truths.items() if clip in match.sizes}),
        "systems": [
            {
                "id": entry.id,
                "label": entry.label,
                "place": entry.place,
                "clips": paths(entry.shown),
                "missing": dict(entry.missing),
            }
            for entry in entries
        ],
        "remarks": remarks,
    }
    write_json(folder / SCORED_FILE, found)
    return folder / SCORED_FILE


def of_scores(folder: Path, notes: Notes | None = None) -> Contents:
    """What a folder of scores holds, for its pages.

    Args:
        folder: What `dicface score` wrote.
        notes: Of the page, if other sources stand on it too.

    Raises:
        MetricError: A file of it is missing or damaged.
    """
    found: _Scored = read_json(folder / SCORED_FILE, _SCORED, _Scored)
    notes, tables = notes or Notes(), folder / "tables"
    table = read_table(tables / f"{found['table']}.json")
    table = _by_id(table, {each["label"]: each["id"] for each in found["systems"]})
    systems = []
    for each in found["systems"]:
        clips = {clip: folder / path for clip, path in each["clips"].items()}
        gone = {clip: NO_CLIP for clip, path in clips.items() if not path.exists()}
        systems.append(
            System(
                id=each["id"],
                label=each["label"],
                clips={clip: path for clip, path in clips.items() if clip not in gone},
                missing={**each["missing"], **gone},
                **read_scores_of(Results(folder=folder / each["place"])),
            )
        )
    shown = TaskResults(
        id=found["task"],
        truths={clip: folder / path for clip, path in found["truths"].items()},
        systems=tuple(systems),
        absent={},
        remarks=tuple(found["remarks"]),
    )
    pages = table_pages(table, tables, notes)
    if ranking := ranking_of(table):
        pages.append(ranking_page(ranking, tables, table.name, notes))
    return Contents(
        title=f"DicFace scores: {', '.join(s.label for s in systems if s.id != INPUT)}",
        source=folder.resolve().name,
        metrics=[METRICS[each] for each in found["metrics"]],
        tables=pages,
        notes=notes,
        results=[table],
        tasks=(shown,),
        provenance=read_provenance(folder),
    )


def _by_id(table: Table, ids: Mapping[str, str]) -> Table:
    """A table whose rows go by the ids of their systems, which are no names of the user's.

    Args:
        table: The table, its rows by names that may hold any signs.
        ids: Label of a row -> its id.
    """
    names = {row.method: ids.get(row.label, row.method) for row in table.rows}
    pairs = {side: table.differences[side].replace(names) for side in ("method_a", "method_b")}
    return replace(
        table,
        rows=tuple(replace(row, method=names[row.method]) for row in table.rows),
        cells=table.cells.assign(method=table.cells["method"].replace(names)),
        differences=table.differences.assign(**pairs),
        references={block: names[method] for block, method in table.references.items()},
        marks={(block, names[method]): of for (block, method), of in table.marks.items()},
    )
