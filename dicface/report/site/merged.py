"""Several runs and folders of scores on one page, their rows in one table where clips are the same.

The first source names the reference row. Of the others, results on the same true clips join its
tasks and its table; results on other clips stand on the page with clips and tables of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain, count
from pathlib import Path

from dicface.base.errors import MetricError
from dicface.base.names import INPUT
from dicface.report.compare import what_is_other
from dicface.report.render.write import write_table
from dicface.report.site.charts import is_ablation
from dicface.report.site.contents import System, TaskResults
from dicface.report.site.notes import Notes
from dicface.report.site.provenance import Provenance
from dicface.report.site.sources import Contents
from dicface.report.site.table_pages import TablePage, table_pages
from dicface.report.tables.build import Conditions, build_table
from dicface.report.tables.spec import RowSpec, TableSpec
from dicface.report.tables.table import Table

NAME = "merged"


def merged(sources: Sequence[Contents], notes: Notes, files: Path) -> Contents:
    """Contents of one page for several sources.

    Args:
        sources: What each holds, two or more; the first one's headline is the reference.
        notes: Of the page, which all sources were read with.
        files: Folder that gets the files of the table of all rows, from which the report copies.

    Raises:
        ClipError: A true clip cannot be read.
    """
    names = _apart([source.source for source in sources])
    named = dict(zip(names, sources, strict=True))
    tasks: list[TaskResults] = []
    for name, source in named.items():
        for task in source.tasks:
            _join(tasks, task, name)
    remarks = [f"{name}: {source.remark}" for name, source in named.items() if source.remark]
    joint, pages = [], []
    try:
        joint = [_table(tasks[0], sources[0], names)] if tasks else []
        for table in joint:
            write_table(table, files)
            pages += table_pages(table, files, notes)
    except MetricError as error:
        remarks.append(f"Rows of different sources cannot be compared, and stand apart: {error}")
    return Contents(
        title=f"DicFace report: {', '.join(names)}",
        source=NAME,
        metrics=sources[0].metrics,
        tables=[*pages, *(page for name, each in named.items() for page in _own(each, name))],
        notes=notes,
        results=[
            *(joint or sources[0].results[:1]),
            *(table for source in sources for table in source.results if is_ablation(table)),
        ],
        remark=" ".join(remarks),
        tasks=tasks,
        networks=[
            replace(network, name=f"{name}: {network.name}")
            for name, source in named.items()
            for network in source.networks
        ],
        provenance=_provenance({name: each.provenance for name, each in named.items()}),
    )


def _apart(names: Sequence[str]) -> list[str]:
    """Names that can be parts of file names and addresses, each another one."""
    found: list[str] = []
    for name in names:
        plain = re.sub(r"[^\w-]+", "-", name).strip("-") or "results"
        numbered = (f"{plain}-{number}" for number in count(2))
        found.append(next(each for each in chain([plain], numbered) if each not in found))
    return found


def _join(tasks: list[TaskResults], task: TaskResults, source: str) -> None:
    """Adds a source's task to those of the sources before it."""
    place = next((i for i, each in enumerate(tasks) if each.id == task.id), None)
    if place is None:
        tasks.append(task)
        return
    first = tasks[place]
    if other := what_is_other(first.truths, task.truths):
        apart = f"{task.name}, {source}"
        said = f"Other clips than those of {first.name} above: {other}."
        remarks = (said, *task.remarks)
        tasks.append(replace(task, id=f"{task.id}-{source}", title=apart, remarks=remarks))
        return
    inputs = {each.id: each for each in first.systems if each.id == INPUT}
    labels = {each.label for each in first.systems}
    more = tuple(
        _renamed(system, source, labels)
        for system in task.systems
        if system.id != INPUT or not inputs or what_is_other(inputs[INPUT].clips, system.clips)
    )
    tasks[place] = replace(
        first,
        systems=(*first.systems, *more),
        absent={**first.absent, **{k: v for k, v in task.absent.items() if k not in labels}},
        remarks=(*first.remarks, *(f"{source}: {remark}" for remark in task.remarks)),
    )


def _renamed(system: System, source: str, labels: set[str]) -> System:
    label = f"{system.label}, {source}" if system.label in labels else system.label
    return replace(system, id=f"{system.id}-{source}", label=label)


def _table(task: TaskResults, first: Contents, names: Sequence[str]) -> Table:
    """All rows with scores on the first source's clips, against its reference.

    Raises:
        MetricError: They were not measured alike.
    """
    table = first.results[0] if first.results else None
    known = {row.method: row for row in table.rows} if table else {}
    specs, rows = [], []
    for system in (each for each in task.systems if each.metrics):
        of = next((name for name in names[1:] if system.id.endswith(f"-{name}")), names[0])
        specs.append(RowSpec(method=system.id, label=system.label, group=f"Of {of}"))
        notes = known[system.id].notes if system.id in known else ()
        rows.append(specs[-1].filled(metrics=system.metrics, notes=notes))
    if not rows:
        raise MetricError("no result has scores.")
    chosen = next(iter(table.references.values()), "") if table else ""
    own = [spec.method for spec in specs if spec.group == f"Of {names[0]}" and spec.method != INPUT]
    spec = TableSpec(
        name=NAME,
        title=f"{', '.join(names)} on the same clips",
        rows=tuple(specs),
        shown=tuple(facts.id for facts in (table.metrics if table else first.metrics)),
        references=tuple(filter(None, (chosen, *own[:1]))),
    )
    conditions = Conditions(
        metrics=first.metrics, clips=sorted(task.clips), setting=table.setting if table else ""
    )
    return build_table(spec, rows, conditions)


def _own(source: Contents, name: str) -> list[TablePage]:
    """Pages of a source's tables, with names of their own."""
    return [
        replace(page, name=f"{name}-{page.name}", place=f"tables/{name}") for page in source.tables
    ]


def _provenance(found: Mapping[str, Provenance]) -> Provenance:
    return Provenance(
        artefacts=tuple(
            {**artefact, "file": f"{name}/{artefact['file']}"}
            for name, each in found.items()
            for artefact in each.artefacts
        ),
        facts=tuple(
            (f"{name}: {fact}", value) for name, each in found.items() for fact, value in each.facts
        ),
        weights=tuple(dict.fromkeys(line for each in found.values() for line in each.weights)),
        config="\n".join(f"# {name}\n{each.config}" for name, each in found.items() if each.config),
    )
