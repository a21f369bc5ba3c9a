"""Rows of a run's tables: each with its scores, or with the reason why it has none."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from pathlib import Path

from dicface.base.counts import how_many
from dicface.base.errors import TrainingError
from dicface.base.names import BLIND, TRUTH, controlled
from dicface.base.reading import is_there
from dicface.config.replicates import replicates_of
from dicface.config.settings import Config
from dicface.config.systems import job_logs, method_network, published
from dicface.methods import create
from dicface.report.records.record import read_record
from dicface.report.records.shelf import add
from dicface.report.tables import declared
from dicface.report.tables.rows import Row
from dicface.report.tables.spec import RowSpec
from dicface.report.trainings import require_alike
from dicface.runs.files import read_training
from dicface.runs.folder import Run
from dicface.runs.results import Results, read_index
from dicface.weights.registry import SEEDED, is_seeded

SEEDED_NOTE = (
    "seeded weights: drawn at random in the place of the released file, so that this row shows "
    "that the method runs; its numbers say nothing about the system"
)


def fill_row(
    run: Run, row: RowSpec, undone: Collection[tuple[str, str]] = (), *, panel: str = ""
) -> Row:
    """The row with what became of it, all its trainings.

    Args:
        run: The run.
        row: As declared.
        undone: As `write_run_table`.
        panel: The table beside the paper's whose scores are meant; "" those of the run.

    Raises:
        MetricError: Its trainings differ in more than their seed.
    """
    each = [_fill_one(run, one, undone, panel) for one in trainings_of(run.config, row)]
    done = [one for one in each if one.metrics]
    if len(each) == 1 or not done:
        return each[0]
    require_alike(run, [one.method for one in done])
    missing = [f"training {n}: {one.reason}" for n, one in enumerate(each, 1) if one.reason]
    count = f"{len(done)} of {len(each)}" if missing else f"{len(each)}"
    return row.filled(
        metrics=done[0].metrics,
        replicates=[one.metrics for one in done[1:]],
        label=f"{row.label} ({count} trainings)",
        notes=[*done[0].notes, *missing],
    )


def trainings_of(config: Config, row: RowSpec) -> list[RowSpec]:
    """The row for each of its trainings, itself first."""
    others = replicates_of(config, row.method)
    return [row, *(dataclasses.replace(row, method=name) for name in others)]


def _fill_one(run: Run, row: RowSpec, undone: Collection[tuple[str, str]], panel: str) -> Row:
    task, results = task_of(row), run.results(task_of(row), row.method)
    metrics = scores_of(run, row, panel).metrics
    scored = {"metrics": metrics} if has_scores(run, row, undone, panel) else {}
    network = method_network(run.config, row.method)
    source = controlled(row.method)
    if scored and (source or row.method == TRUTH):
        return row.filled(**scored)
    if TRUTH in (source, row.method):
        return row.filled(reason=failure(run, row.method, task))
    if network or row.group == declared.ELSEWHERE:
        if not scored:
            return row.filled(reason=failure(run, row.method, task))
        notes = [_training(run, network)] if network else read_index(results.folder)["remarks"]
        return row.filled(**scored, notes=notes)
    method = create(source or row.method, task=task)
    reason = method.unavailable(size=run.config.data.size)
    if reason or not scored:
        return row.filled(reason=reason or failure(run, row.method, task))
    reads = read_index(results.folder).get("reads")
    notes = [f"reads {reads}"] if reads else []
    if any(map(is_seeded, method.weights_files())):
        label = f"{method.facts.label} ({SEEDED})"
        return row.filled(label=label, **scored, notes=[*notes, SEEDED_NOTE])
    return row.filled(**scored, notes=notes)


def published_rows(run: Run, name: str) -> list[Row]:
    """Rows of records that were added to a run, of one of its tables of systems.

    Args:
        run: The run.
        name: What the configuration calls the table.
    """
    tasks = {"table1": (BLIND.id,), "table2": run.config.table2}.get(name, ())
    rows = []
    for task in tasks:
        for each in published(run.config, task):
            add(Path(each.record), run, name=each.name)
        for path in run.records(task):
            record = read_record(path)
            rows.append(
                Row(
                    method=path.parent.name,
                    label=record.label,
                    group=declared.PUBLISHED,
                    metrics=path.with_name("metrics.parquet"),
                    notes=(declared.published_note(record.made, record.sha256), *record.notes),
                    block=task if name == "table2" else "",
                )
            )
    return rows


def task_of(row: RowSpec) -> str:
    """The task that a row is about: its block, where the table has blocks."""
    return row.block or BLIND.id


def has_scores(
    run: Run, row: RowSpec, undone: Collection[tuple[str, str]], panel: str = ""
) -> bool:
    """Whether a row was scored (arguments as `fill_row`)."""
    found = is_there(scores_of(run, row, panel).metrics)
    return found and (task_of(row), row.method) not in undone


def scores_of(run: Run, row: RowSpec, panel: str) -> Results:
    """Where the scores of a row lie."""
    if panel:
        return run.panel(panel, row.method)
    return run.results(task_of(row), row.method)


def _training(run: Run, network: str) -> str:
    """What a trained row was given: "trained in this run: vqgan 800 steps (90 s), …; 412 s".

    Its scores stand by themselves: where what a training wrote is gone, that is said beside them.
    """
    try:
        lineage = [facts for _, facts in lineage_of(run, network)]
    except TrainingError as error:
        return f"trained in this run, how is not known: {error}"
    parts = [
        f"{facts['name']}: released weights {facts['released']['file']}"
        if "released" in facts
        else f"{facts['name']} {how_many(facts['steps'], 'step')} ({facts['seconds']:.0f} s)"
        for facts in lineage
    ]
    total = sum(facts["seconds"] for facts in lineage)
    threads = lineage[-1].get("threads", 1)
    return (
        f"trained in this run on {how_many(threads, 'thread')}: {', '.join(parts)}; "
        f"{total:.0f} s in all, {lineage[-1]['parameters'] / 1e6:.2f} M parameters"
    )


def lineage_of(run: Run, network: str | None) -> list[tuple[Path, dict]]:
    """`training.json` of a network and of those that it starts from, in the order of training."""
    lineage: list[tuple[Path, dict]] = []
    while network:
        path = run.network(network).training
        facts = read_training(path)
        lineage.insert(0, (path, facts))
        network = facts.get("starts_from")
    return lineage


def failure(run: Run, method: str, task: str) -> str:
    """Why a method or variant of the run has no scores: the last message of the job that failed.

    A job may have ended without any, for example killed for want of memory: then its log is named.
    """
    folders = run.folder / "logs", run.train_folder / "logs"
    begun = [log for log in job_logs(run.config, method, task, *folders) if log.is_file()]
    for log in begun:
        lines = log.read_text(errors="replace").splitlines()
        said = [line.split(": ", 1)[1] for line in lines if line.startswith("dicface ")]
        said = said or (lines[-1:] if any("Traceback" in line for line in lines) else [])
        if said:
            return f"{log.stem.replace('_', ' ')}: {said[-1]}"
    if begun:
        return f"its jobs have not ended; their last log is {begun[-1].name}"
    return "its jobs were not started"
