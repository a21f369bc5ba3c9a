"""Tables of a whole run, from the files that it left."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from dicface.base.errors import ConfigError, MetricError
from dicface.base.names import (
    BLIND,
    OVER_TIME,
    PANELS,
    WILD,
    control_kind,
    controlled,
)
from dicface.config.settings import Config
from dicface.config.systems import (
    added_methods,
    inspected,
    made_elsewhere,
    method_network,
    table1_name,
    truth_rows,
    wild_rows,
)
from dicface.faces.misfits import FILE as LEFT_OUT
from dicface.faces.misfits import counted, read_left_out
from dicface.methods import TRAINED
from dicface.metrics import PANEL_METRICS, WITHOUT_TRUTH, MetricFacts, feature_sets, metric_class
from dicface.metrics.backbones import metrics_of, unmeasured
from dicface.provenance.manifest import sidecar
from dicface.report import PAPER_NUMBERS
from dicface.report.inspection.notes import inspections
from dicface.report.render.screen import to_screen
from dicface.report.render.text import to_text
from dicface.report.render.write import table_files, write_table
from dicface.report.run_rows import (
    fill_row,
    has_scores,
    lineage_of,
    published_rows,
    scores_of,
    task_of,
    trainings_of,
)
from dicface.report.tables import declared
from dicface.report.tables.build import Conditions, build_table
from dicface.report.tables.spec import RowSpec, TableSpec
from dicface.report.tables.table import read_table
from dicface.runs.folder import Run
from dicface.video.clips import list_clips, named


def write_run_table(run: Run, name: str, *, undone: Collection[tuple[str, str]] = ()) -> str:
    """Writes one table of a run and returns it as text.

    A table with rows in `undone` is written apart (`Run.partial_tables`), where the workflow does
    not take it for the whole one; a whole one takes the place of such a part.

    Args:
        run: The run.
        name: "table1", "table2", or an ablation of the configuration.
        undone: Task and method of rows that the run was to score and did not: scores that lie
            there are of earlier settings, and the row says why it has none.

    Raises:
        ConfigError: There is no such table.
        MetricError: Scores cannot be used together.
    """
    config, spec = run.config, declare(run.config, name)
    rows = [fill_row(run, row, undone, panel=name if name in PANELS else "") for row in spec.rows]
    rows += published_rows(run, name)
    paper_numbers = PAPER_NUMBERS / f"{spec.name}.csv"
    conditions = Conditions(
        title=f"{spec.title}: {run.folder.name}, {config.data.size} px",
        metrics=measured(config, name),
        noise_floor=None if run.is_wild or name in PANELS else run.noise_floor,
        setting="" if is_papers_protocol(config) else describe_test_set(config),
        paper_numbers=paper_numbers if paper_numbers.is_file() else None,
        notes=[
            *_notes(run),
            *(_wild_notes(run) if run.is_wild else ()),
            *(_said(spec, "truth") if name in PANELS else ()),
            *inspections(run, name, spec),
        ],
    )
    table = dataclasses.replace(build_table(spec, rows, conditions), name=file_name(run, spec))
    folder = table_folder(run, name, undone=undone)
    written = write_table(table, folder)
    if folder == run.tables:
        in_part = table_files(run.partial_tables, table.name)
        for path in (*in_part.values(), sidecar(in_part["md"])):
            path.unlink(missing_ok=True)
    return to_text(table) + f"\nWritten to {written['md']}, .csv and .tex.\n"


def write_tables_at_hand(run: Run) -> list[str]:
    """Writes, in part, every table that the run has not written and has scores for.

    Other tables than Table 1 need two rows, of which one stands in no table before: the other is
    most often the headline of Table 1.

    Returns:
        What the configuration calls them.
    """
    written, before = [], set()
    for name in ("table1", "table2", *run.config.ablations):
        spec = declare(run.config, name)
        rows = {(task_of(row), row.method) for row in spec.rows}
        scored = {
            (task_of(row), row.method) for row in spec.rows if has_scores(run, row, undone=())
        }
        missing, own = rows - scored, scored - before
        before |= rows
        enough = own if name == "table1" else own and len(scored) > 1
        if enough and not table_files(run.tables, file_name(run, spec))["json"].is_file():
            write_run_table(run, name, undone=missing)
            written.append(name)
    return written


def file_name(run: Run, spec: TableSpec) -> str:
    """Returns a table's file name: that of Table 1 says which rows were chosen for it."""
    return table1_name(run.config) if spec.name == "table1" else spec.name


def summary(run: Run, made: Sequence[str]) -> str:
    """What a run says at its end: its table if it made one, or where its results are.

    Args:
        run: The run.
        made: File names of the tables that were made.
    """
    where = f"Done; tables, figures and clips: {run.folder}"
    if len(made) != 1:
        return where
    (name,) = made
    seen = run.report / "index.html" if run.is_wild else run.figures / "comparison.png"
    paths = [run.tables / f"{name}.md", seen]
    try:
        return to_screen(read_table(run.tables / f"{name}.json"), paths)
    except MetricError as error:  # what the jobs made stands all the same
        return f"{where}\n{error}"


def table_folder(run: Run, name: str, *, undone: Collection[tuple[str, str]] = ()) -> Path:
    """Returns where a table goes: a part of one stands apart (arguments as `write_run_table`)."""
    rows = declare(run.config, name).rows
    trainings = [one for row in rows for one in trainings_of(run.config, row)]
    in_part = any((task_of(one), one.method) in undone for one in trainings)
    return run.partial_tables if in_part else run.tables


def table_inputs(run: Run, name: str, *, undone: Collection[tuple[str, str]] = ()) -> list[Path]:
    """Returns the files of the run that a table is made from (arguments as `write_run_table`)."""
    left_out = run.inputs(BLIND.id) / LEFT_OUT
    files = [left_out] if run.is_wild and left_out.is_file() else []
    files += [row.metrics for row in published_rows(run, name) if row.metrics]
    panel = name if name in PANELS else ""
    files += [] if run.is_wild or panel else [run.noise_floor]
    rows = [trainings_of(run.config, row) for row in declare(run.config, name).rows]
    for row in itertools.chain(*rows):
        results = run.results(task_of(row), row.method)
        if not has_scores(run, row, undone, panel):
            continue
        scores = scores_of(run, row, panel)
        features = feature_sets(facts.id for facts in measured(run.config, name))
        files += [scores.metrics, *(scores.folder / f"{each}.npz" for each in features)]
        if row.group == declared.ELSEWHERE:
            files.append(results.index)
        network = method_network(run.config, row.method)
        files += [path for path, _ in lineage_of(run, network)] if network else []
    found = map(run.inspection, dict.fromkeys(inspected(run.config, name).values()))
    return [*files, *(path for path in found if path.is_file())]


def declare(config: Config, name: str) -> TableSpec:
    """Returns a table as the configuration declares it.

    Raises:
        ConfigError: There is no such table.
        MethodError: One of its methods does not exist, or cannot be used.
    """
    if name == "table1":
        methods = (*config.table1, *added_methods(config, BLIND.id))
        rows = [*_declared(config, methods), *_made_elsewhere(config, BLIND.id)]
        return declared.table1(rows)
    if name == WILD:
        rows = [*_declared(config, wild_rows(config)), *_made_elsewhere(config, BLIND.id)]
        return declared.wild(rows, metrics_of(config))
    if name == "table2":
        tasks = config.table2.items()
        return declared.table2(
            {
                task: [
                    *_declared(config, (*methods, *added_methods(config, task))),
                    *_made_elsewhere(config, task),
                ]
                for task, methods in tasks
            }
        )
    if name == OVER_TIME.id:
        rows = [*declare(config, "table1").rows, *_declared(config, truth_rows(name))]
        return declared.over_time(rows)
    if name in PANELS:
        rows = declare(config, "table2").rows
        return declared.panel(name, [row for row in rows if row.block == PANELS[name].task])
    if name not in config.ablations:
        known = ", ".join(("table1", "table2", *config.ablations))
        raise ConfigError(f"no table is named '{name}'; there are {known}.")
    chosen = config.ablations[name]
    return declared.ablation(
        name,
        chosen.title,
        [dataclasses.replace(row, group="") for row in _declared(config, chosen.rows)],
        headline=chosen.headline,
        paper_headline=chosen.paper_headline,
        against=chosen.against,
        shown=chosen.shown,
    )


def is_papers_protocol(config: Config) -> bool:
    """Whether numbers stand beside the paper's: never for other clips or another budget."""
    return config.protocol_is_paper and not config.own_clips and config.budget == "full"


def measured(config: Config, table: str = "") -> list[MetricFacts]:
    """Facts of the metrics of a run, or of a table beside the paper's."""
    names = PANEL_METRICS.get(table) or metrics_of(config)
    return [metric_class(name).facts for name in names]


def describe_test_set(config: Config) -> str:
    """What the test clips are, for tables that are not on the paper's: "64-px rendered clips"."""
    test = config.data.test
    if config.wild_clips:
        kind = "faces in degraded videos of the user"
    elif config.test_clips or (test.source == "folder" and not test.layout):
        kind = "clips of the user"
    elif test.source == "folder":
        kind = f"clips of VFHQ-Test, {test.test_set}"
    else:
        kind = "rendered clips"
    return f"{config.data.size}-px {kind}"


def _notes(run: Run) -> list[str]:
    """What a reader must know of all rows."""
    config = run.config
    notes = [config.remark] if config.remark else []
    if left_out := read_left_out(run.truth):
        used = len(list_clips(run.truth))
        notes.append(
            f"{used} of {used + len(left_out)} test clips are used; the others are left out "
            f"({counted(left_out)})."
        )
    if is_papers_protocol(config) and not config.takes_released_inputs:
        notes.append(
            "The inputs were degraded here by the paper's recipe (data.test.test_set: "
            "regenerated): the authors' own draws differ, and a gap to the paper includes that."
        )
    return notes


def _wild_notes(run: Run) -> list[str]:
    """What the numbers of a table without a truth are and are not, and what is missing."""
    absent = unmeasured(WITHOUT_TRUTH, run.config.metrics.backbones)
    left_out = read_left_out(run.inputs(BLIND.id))
    return [
        *_said(declare(run.config, WILD), "input"),
        *(f"{WITHOUT_TRUTH[name].name} is not measured: {why}." for name, why in absent.items()),
        *(f"{named([misfit.clip])} is left out: {misfit.why}" for misfit in left_out),
    ]


def _said(spec: TableSpec, reference: str) -> list[str]:
    """What the columns of a table are, of those that say so."""
    columns = [metric_class(name) for name in spec.shown or PANEL_METRICS.get(spec.name, ())]
    return [f"{each.facts.name}: {each.note(reference)}." for each in columns if each.says]


def _declared(config: Config, methods: Iterable[str]) -> list[RowSpec]:
    rows = []
    for method in methods:
        if source := controlled(method):
            row = declared.control_of(*_declared(config, [source]), control_kind(method))
        elif variant := config.variants.get(method):
            row = RowSpec(
                method=method,
                label=variant.label,
                group=TRAINED,
                paper_name=variant.paper_name or None,
            )
        else:
            row = declared.system(method)
        rows.append(row)
    return rows


def _made_elsewhere(config: Config, task: str) -> list[RowSpec]:
    return [
        RowSpec(method=each.name, label=each.label or each.name, group=declared.ELSEWHERE)
        for each in made_elsewhere(config)
        if each.task == task
    ]
