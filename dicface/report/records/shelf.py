"""Records of a run: made from its rows, compared with its protocol and clips, put on its shelf.

`<run>/records/<task>/<method>/` holds a record of somebody else's as `record.json`, and its numbers
as `metrics.parquet`, which tables read as those of every other row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import pandas as pd

from dicface.base.errors import ConfigError, MetricError
from dicface.base.files import write_parquet
from dicface.base.names import INPUT, controlled
from dicface.base.reading import is_there
from dicface.metrics import METRICS
from dicface.provenance.manifest import read_manifest, sidecar
from dicface.report.records.record import (
    Clip,
    Record,
    digest_frames,
    make_record,
    read_record,
)
from dicface.report.tables.scores import Backbone, read_scores
from dicface.runs.folder import Run
from dicface.runs.results import read_cost, read_index
from dicface.video.clips import list_clips

MAX_TOLD = 3
"""So many clips are named where they differ."""


def export(
    run: Run, task: str, method: str, label: str, notes: tuple[str, ...], clips: dict[str, Clip]
) -> Record:
    """Makes the record of a row of a run.

    Args:
        run: The run.
        task: Its task.
        method: Its id.
        label: What tables print.
        notes: Remarks of the row.
        clips: Of `truth_of`.

    Raises:
        MetricError: It has no scores.
    """
    results = run.results(task, method)
    manifest = sidecar(results.metrics)
    index = read_index(results.folder)
    return make_record(
        results.metrics,
        clips,
        method=method,
        label=label,
        version=version_of(method),
        notes=notes,
        cost=read_cost(results.folder),
        weights={str(name): str(each) for name, each in (index.get("weights") or {}).items()},
        manifest=read_manifest(manifest) if manifest.is_file() else None,
    )


def version_of(method: str) -> str:
    """Version of the installed package that a method is in; "" for what is none."""
    from dicface.methods import method as find
    from dicface.methods import names

    known = controlled(method) or method
    if known not in names():
        return ""
    package = find(known).__module__.partition(".")[0]
    try:
        return f"{package} {metadata.version(package.replace('_', '-'))}"
    except metadata.PackageNotFoundError:
        return package


def truth_of(run: Run) -> dict[str, Clip]:
    """Digests the true clips of a run.

    Raises:
        ClipError: There is none, or one cannot be read.
    """
    return {clip: digest_frames(path) for clip, path in list_clips(run.truth).items()}


def measures(run: Run, task: str) -> tuple[str, dict[str, Backbone]]:
    """Protocol of a run's scores, and what computed each metric.

    Raises:
        MetricError: The run has no scores of the task.
    """
    files = sorted(run.inputs(task).parent.glob("*/metrics.parquet"))
    if not files:
        raise MetricError(
            f"{run.folder}: has no scores of {task} to compare a record with. Make a table of it "
            "first, `dicface run table1`."
        )
    scores = read_scores(files[0])
    return scores.protocol, scores.backbones


def require_same(record: Record, run: Run, clips: Mapping[str, Clip] | None = None) -> None:
    """Requires that a record's numbers can stand beside those of a run.

    Args:
        record: The record.
        run: The run.
        clips: Of `truth_of`; None: digested here.

    Raises:
        MetricError: Protocol, networks or clips differ; the message says in what.
    """
    protocol, backbones = measures(run, record.task)
    differs = []
    if record.protocol != protocol:
        differs.append(f"protocol '{record.protocol}', the run's is '{protocol}'")
    for metric, found in record.backbones.items():
        own = backbones.get(metric)
        if own and (own.name, own.sha256) != (found.name, found.sha256):
            differs.append(
                f"{METRICS[metric].name if metric in METRICS else metric} by {found.name} "
                f"({found.sha256[:12] or 'no weights'}), the run's is by {own.name} "
                f"({own.sha256[:12] or 'no weights'})"
            )
    truths = truth_of(run) if clips is None else clips
    kinds = {
        "clips that the run has not": sorted(set(record.clips) - set(truths)),
        "clips missing that the run has": sorted(set(truths) - set(record.clips)),
        "other frames in the true clips": sorted(
            clip for clip in set(truths) & set(record.clips) if truths[clip] != record.clips[clip]
        ),
    }
    for kind, found in kinds.items():
        if found:
            more = f" and {len(found) - MAX_TOLD} more" if len(found) > MAX_TOLD else ""
            differs.append(f"{kind}: {', '.join(found[:MAX_TOLD])}{more}")
    if differs:
        raise MetricError(
            f"the record of '{record.label}' is not comparable with {run.folder}: it has "
            f"{'; '.join(differs)}. Score the restored clips again in this run (`methods` takes "
            "their folder), or compare with a run of the record's protocol."
        )


def add(path: Path, run: Run, *, name: str = "") -> Record:
    """Puts a record on the shelf of a run, whose tables then have it as a row.

    Args:
        path: The record.
        run: The run.
        name: Id of the row; "" for the record's own.

    Raises:
        MetricError: It is no record, edited, or of another protocol or other clips.
        ConfigError: The run has a row of that name already.
    """
    record = read_record(path)
    name = name or record.method
    place = run.record(record.task, name)
    if place.is_file() and read_record(place).sha256 == record.sha256:
        return record
    if is_there(run.results(record.task, name).metrics) or is_there(place) or name == INPUT:
        raise ConfigError(
            f"{path}: found '{name}', and {run.folder} has a row of that name already; expected "
            "another one. Give the record a name of its own: --name."
        )
    require_same(record, run)
    write_parquet(place.with_name("metrics.parquet"), _scores(record, name))
    record.write(place)
    return record


def _scores(record: Record, name: str) -> pd.DataFrame:
    """Its numbers as scoring writes them; set-level ones cannot be taken into a comparison."""
    lines = []
    for metric, backbone in record.backbones.items():
        for clip, facts in record.clips.items():
            value = record.values.get(metric, {}).get(clip)
            lines.append(
                {
                    "task": record.task,
                    "method": name,
                    "clip": clip,
                    "metric": metric,
                    "value": math.nan if value is None else value,
                    "num_frames": facts.num_frames if value is not None else 0,
                    "num_missing": 0,
                    "backbone": backbone.name,
                    "backbone_sha256": backbone.sha256,
                    "official": backbone.official,
                    "protocol": record.protocol,
                    "note": "" if value is not None else "the record has no value",
                }
            )
    return pd.DataFrame(lines)
