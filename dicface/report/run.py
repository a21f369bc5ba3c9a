"""Tables and pictures of a whole run, from the files that it left."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from collections.abc import Collection, Iterable
from pathlib import Path

from dicface.base.errors import ConfigError
from dicface.config.settings import TASKS, Config
from dicface.config.systems import COMPARISON, job_logs, method_network
from dicface.methods import TRAINED, create
from dicface.report.figures.picture import comparison_picture
from dicface.report.render.text import to_text
from dicface.report.render.write import write_table
from dicface.report.tables import declared
from dicface.report.tables.build import Row
from dicface.report.tables.spec import RowSpec, TableSpec, build
from dicface.runs.results import read_index, restored_clips
from dicface.weights.registry import SEEDED, is_seeded

logger = logging.getLogger(__name__)

PAPER_NUMBERS = Path(__file__).resolve().parents[2] / "config" / "paper_numbers"

SEEDED_NOTE = (
    "seeded weights: drawn at random in the place of the released file, so that this row shows "
    "that the method runs; its numbers say nothing about the system"
)


def write_run_table(
    config: Config,
    name: str,
    run: Path,
    train: Path,
    out: Path,
    *,
    undone: Collection[tuple[str, str]] = (),
) -> str:
    """Writes one table of a run and returns it as text.

    A table with rows in `undone` is dated 1970, so that the workflow always makes it anew.

    Args:
        config: The run's settings.
        name: "table1", "table2", or an ablation of the configuration.
        run: Its results; scores lie in `<task>/<method>/metrics.parquet`.
        train: Folder of its networks.
        out: Folder of the tables.
        undone: Task and method of rows that the run was to score and did not: scores that lie
            there are of earlier settings, and the row says why it has none.

    Raises:
        ConfigError: There is no such table.
        MetricError: Scores cannot be used together.
    """
    spec = declare(config, name)
    rows = [_row(config, spec, row, run, train, undone) for row in spec.rows]
    paper_numbers = PAPER_NUMBERS / f"{spec.name}.csv"
    table = build(
        spec,
        rows,
        title=f"{spec.title}: {run.name}, {config.data.size} px",
        noise_floor=run / "noise_floor.parquet",
        protocol_is_paper=is_papers_protocol(config),
        setting=describe_test_set(config),
        paper_numbers=paper_numbers if paper_numbers.is_file() else None,
        notes=_notes(config),
    )
    written = write_table(table, out)
    if any((row.block or TASKS[0], row.method) in undone for row in rows):
        for path in written.values():
            os.utime(path, (1, 1))
    return to_text(table) + f"\nWritten to {written['md']}, .csv and .tex.\n"


def table_inputs(
    config: Config,
    name: str,
    run: Path,
    train: Path,
    *,
    undone: Collection[tuple[str, str]] = (),
) -> list[Path]:
    """Returns the files of the run that a table is made from (arguments as `write_run_table`)."""
    files = [run / "noise_floor.parquet"]
    for row in declare(config, name).rows:
        task = row.block or TASKS[0]
        folder = run / task / row.method
        if not (folder / "metrics.parquet").is_file() or (task, row.method) in undone:
            continue
        files += [folder / file for file in ("metrics.parquet", "fvd.npz")]
        if row.group == declared.ELSEWHERE:
            files.append(folder / "index.json")
        network = method_network(config, row.method)
        files += [path for path, _ in _lineage(train, network)] if network else []
    return files


def declare(config: Config, name: str) -> TableSpec:
    """Returns a table as the configuration declares it.

    Raises:
        ConfigError: There is no such table.
        MethodError: One of its methods does not exist, or cannot be used.
    """
    if name == "table1":
        rows = [*_declared(config, config.table1), *_made_elsewhere(config, "bfr")]
        return declared.table1(rows)
    if name == "table2":
        tasks = config.table2.items()
        return declared.table2(
            {
                task: [*_declared(config, methods), *_made_elsewhere(config, task)]
                for task, methods in tasks
            }
        )
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
    )


def is_papers_protocol(config: Config) -> bool:
    """Whether numbers stand beside the paper's: never for other clips or another budget."""
    return config.protocol_is_paper and not config.test_clips and config.budget == "full"


def describe_test_set(config: Config) -> str:
    """What the test clips are, for tables that are not on the paper's: "64-px rendered clips"."""
    test = config.data.test
    if config.test_clips or (test.source == "folder" and not test.layout):
        kind = "clips of the user"
    elif test.source == "folder":
        kind = f"clips of VFHQ-Test, {test.test_set}"
    else:
        kind = "rendered clips"
    return f"{config.data.size}-px {kind}"


def draw_comparison(config: Config, run: Path, truth: Path, out: Path) -> None:
    """Draws input, CodeFormer, DicFace and truth of a run side by side (see `picture`)."""
    folders = {
        heading: run / "bfr" / method
        for heading, method in COMPARISON.items()
        if method in config.table1
    }
    scores = run / "bfr" / "input" / "metrics.parquet"
    picture = comparison_picture({**folders, "Truth": truth}, scores, out)
    logger.info("%s: %s", out, picture.caption)


def picture_inputs(config: Config, run: Path, truth: Path) -> list[Path]:
    """Returns the files that `draw_comparison` shows or orders clips by."""
    shown = [run / "bfr" / method for method in COMPARISON.values() if method in config.table1]
    scores = run / "bfr" / "input" / "metrics.parquet"
    clips = (path for folder in (*shown, truth) for path in restored_clips(folder).values())
    return [scores, *clips]


def failure(config: Config, method: str, task: str, run: Path, train: Path) -> str:
    """Why a method or variant of the run has no scores: the last message of the job that failed.

    A job may have ended without any, for example killed for want of memory: then its log is named.
    """
    logs = job_logs(config, method, task, run / "logs", train.parent / "logs")
    begun = [log for log in logs if log.is_file()]
    for log in begun:
        lines = log.read_text(errors="replace").splitlines()
        said = [line.split(": ", 1)[1] for line in lines if line.startswith("dicface ")]
        said = said or (lines[-1:] if any("Traceback" in line for line in lines) else [])
        if said:
            return f"{log.stem.replace('_', ' ')}: {said[-1]}"
    if begun:
        return f"its jobs have not ended; their last log is {begun[-1].name}"
    return "its jobs were not started"


def _notes(config: Config) -> list[str]:
    """What a reader must know of all rows."""
    notes = [config.remark] if config.remark else []
    if is_papers_protocol(config) and not config.takes_released_inputs:
        notes.append(
            "The inputs were degraded anew by the paper's recipe (data.test.test_set: "
            "regenerated): the authors' own draws differ, and a gap to the paper includes that."
        )
    return notes


def _declared(config: Config, methods: Iterable[str]) -> list[RowSpec]:
    rows = []
    for method in methods:
        if variant := config.variants.get(method):
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
        for each in config.methods
        if each.task == task
    ]


def _row(
    config: Config,
    spec: TableSpec,
    row: RowSpec,
    run: Path,
    train: Path,
    undone: Collection[tuple[str, str]],
) -> Row:
    task = row.block or TASKS[0]
    metrics = run / task / row.method / "metrics.parquet"
    has_scores = metrics.is_file() and (task, row.method) not in undone
    scored = {"metrics": metrics} if has_scores else {}
    network = method_network(config, row.method)
    if network or row.group == declared.ELSEWHERE:
        if not scored:
            return row.filled(reason=failure(config, row.method, task, run, train))
        notes = [_training(train, network)] if network else read_index(metrics.parent)["remarks"]
        return row.filled(**scored, notes=notes)
    method = create(row.method, task=task)
    reason = method.unavailable(size=config.data.size)
    if reason or not scored:
        return row.filled(reason=reason or failure(config, row.method, task, run, train))
    if any(map(is_seeded, method.weights_files())):
        label = f"{method.facts.label} ({SEEDED})"
        return row.filled(label=label, **scored, notes=[SEEDED_NOTE])
    return row.filled(**scored)


def _training(train: Path, network: str) -> str:
    """What a trained row was given: "trained in this run: vqgan 800 steps (90 s), …; 412 s"."""
    lineage = [facts for _, facts in _lineage(train, network)]
    parts = [
        f"{facts['name']}: released weights {facts['released']['file']}"
        if "released" in facts
        else f"{facts['name']} {facts['steps']} steps ({facts['seconds']:.0f} s)"
        for facts in lineage
    ]
    total = sum(facts["seconds"] for facts in lineage)
    threads = lineage[-1].get("threads", 1)
    return (
        f"trained in this run on {threads} thread{'s' if threads > 1 else ''}: {', '.join(parts)}; "
        f"{total:.0f} s in all, {lineage[-1]['parameters'] / 1e6:.2f} M parameters"
    )


def _lineage(train: Path, network: str | None) -> list[tuple[Path, dict]]:
    """`training.json` of a network and of those that it starts from, in the order of training."""
    lineage: list[tuple[Path, dict]] = []
    while network:
        path = train / network / "training.json"
        facts = json.loads(path.read_text())
        lineage.insert(0, (path, facts))
        network = facts.get("starts_from")
    return lineage
