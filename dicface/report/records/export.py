"""Records of all rows of a run, or of a folder that `dicface score` wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from dicface.base.errors import ConfigError, MetricError
from dicface.base.names import BLIND
from dicface.base.reading import is_there
from dicface.provenance.manifest import SUFFIX, read_manifest
from dicface.report.records.record import Record, digest_frames, make_record
from dicface.report.records.shelf import export, truth_of
from dicface.report.run import declare
from dicface.report.run_rows import fill_row
from dicface.report.tables.rows import Row
from dicface.report.tables.scores import read_rows
from dicface.runs.folder import Run
from dicface.video.clips import list_clips


def scored_rows(run: Run) -> dict[tuple[str, str], Row]:
    """Task and method of every row of a run's tables that has scores -> the row."""
    found: dict[tuple[str, str], Row] = {}
    for name in ("table1", "table2", *run.config.ablations):
        for spec in declare(run.config, name).rows:
            key = spec.block or BLIND.id, spec.method
            if key not in found and is_there(run.results(*key).metrics):
                found[key] = fill_row(run, spec)
    return {key: row for key, row in found.items() if row.metrics}


def records_of_run(run: Run, methods: list[str]) -> Iterator[Record]:
    """Makes the record of each row that has scores.

    Args:
        run: The run.
        methods: Rows that are wanted; empty: all.

    Raises:
        ConfigError: A wanted row has no scores.
        MetricError: No row has.
    """
    rows = scored_rows(run)
    known = {method for _, method in rows}
    for method in methods:
        if method not in known:
            raise ConfigError(
                f"found '{method}', which has no scores in {run.folder}; expected some of "
                f"{', '.join(sorted(known)) or 'none: make a table first'}."
            )
    if not rows:
        raise MetricError(f"{run.folder}: has no scores. Make a table first, `dicface run table1`.")
    clips = truth_of(run)
    for (task, method), row in rows.items():
        if method in methods or not methods:
            yield export(run, task, method, row.label, row.notes, clips)


def records_of_scores(folder: Path, truth: Path) -> Iterator[Record]:
    """Makes the record of each result of a folder that `dicface score` wrote.

    Args:
        folder: What it wrote.
        truth: The true clips that it was given; where it aligned them, `<folder>/aligned/truth`.

    Raises:
        ClipError: The truth cannot be read.
        MetricError: The folder holds no scores.
    """
    files = [folder / "metrics.parquet", *sorted(folder.glob("results/*/metrics.parquet"))]
    files = [file for file in files if file.is_file()]
    if not files:
        raise MetricError(
            f"{folder}: found no scores; expected a folder that `dicface score` wrote."
        )
    manifests = sorted((folder / "tables").glob(f"*{SUFFIX}"))
    clips = {clip: digest_frames(path) for clip, path in list_clips(truth).items()}
    for file in files:
        (label,) = set(read_rows(file)["method"])
        yield make_record(
            file,
            clips,
            method=re.sub(r"[^a-z0-9_-]+", "_", label.lower()).strip("_-") or "result",
            label=label,
            manifest=read_manifest(manifests[0]) if manifests else None,
        )
