"""Two runs on the same test clips: each method against itself, and what differs between the two.

The runs may be of two machines, versions, seeds or configurations. Numbers are compared clip by
clip, as rows of one table are; the clips, the protocol and its networks must be the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dicface.base.errors import MetricError
from dicface.base.files import digest_of
from dicface.provenance.manifest import read_manifest, sidecar
from dicface.report.records.export import scored_rows
from dicface.report.records.record import digest_frames
from dicface.report.run import measured
from dicface.report.tables.build import Conditions, build_table
from dicface.report.tables.rows import Row
from dicface.report.tables.spec import RowSpec, TableSpec
from dicface.report.tables.table import Table
from dicface.runs.folder import Run
from dicface.runs.results import read_index
from dicface.video.clips import list_clips

MAX_TOLD = 40
NOT_SETTINGS = ("results", "resources")
"""Sections of the configuration that change no number."""


def compare(a: Run, b: Run) -> Table:
    """One table with every row that both runs have, b − a tested clip by clip.

    Raises:
        MetricError: They share no row, or differ in clips, protocol or what measures.
    """
    rows_a, rows_b = scored_rows(a), scored_rows(b)
    common = [key for key in rows_a if key in rows_b]
    if not common:
        raise MetricError(
            f"{a.folder} and {b.folder} have no row with scores in common: "
            f"{_listed(rows_a)} in the first, {_listed(rows_b)} in the second. Make the same table "
            "in both."
        )
    clips = _same_clips(a, b)
    specs, rows, pairs = [], [], []
    several = len({task for task, _ in common}) > 1
    for task, method in common:
        for run, found, word in ((a, rows_a, "A"), (b, rows_b, "B")):
            row = found[task, method]
            specs.append(
                RowSpec(
                    method=f"{method} {word}" if not several else f"{task} {method} {word}",
                    label=f"{row.label}, {word}",
                    group=f"{row.label}, {task}" if several else "",
                )
            )
            rows.append(specs[-1].filled(metrics=run.results(task, method).metrics))
        pairs.append((specs[-1].method, specs[-2].method))
    spec = TableSpec(
        name="compare",
        title=f"A: {a.folder}, B: {b.folder}",
        rows=tuple(specs),
        unranked=tuple(each.method for each in specs),
        pairs=tuple(pairs),
    )
    setting = "two runs on the same clips"
    return build_table(
        spec, rows, Conditions(metrics=measured(a.config), clips=clips, setting=setting)
    )


def what_differs(a: Run, b: Run) -> list[str]:
    """What differs between two runs, a line each: settings, code, packages, machine, weights."""
    lines = [
        f"setting {key}: {own!r} → {other!r}"
        for key, own, other in _changed(_flat(a.raw), _flat(b.raw))
        if key.partition(".")[0] not in NOT_SETTINGS
    ]
    common = [key for key in scored_rows(a) if key in scored_rows(b)]
    told: dict[str, None] = {}
    for task, method in common:
        one, other = (_made_by(run.results(task, method).metrics) for run in (a, b))
        for key, own, new in _changed(one, other):
            told.setdefault(f"{key}: {own} → {new}")
    for task, method in common:
        one, other = (
            dict(read_index(run.results(task, method).folder).get("weights") or {})
            for run in (a, b)
        )
        for key, own, new in _changed(one, other):
            told.setdefault(f"weights of {method} ({key}): {_short(own)} → {_short(new)}")
    lines += told
    more = len(lines) - MAX_TOLD
    return [*lines[:MAX_TOLD], *([f"… and {more} more"] if more > 0 else [])]


def _same_clips(a: Run, b: Run) -> list[str]:
    """Names of the true clips, which both runs have."""
    own = list_clips(a.truth)
    if other := what_is_other(own, list_clips(b.truth)):
        raise MetricError(
            f"{a.folder} and {b.folder} are not on the same test clips: {other}. "
            "Compare runs of one test set: `data.test` and its seed must agree."
        )
    return sorted(own)


def what_is_other(own: Mapping[str, Path], other: Mapping[str, Path]) -> str:
    """What differs between two sets of clips, by their files or else their frames; "" nothing.

    Raises:
        ClipError: A clip cannot be read.
    """
    apart = sorted(set(own) ^ set(other))
    differ = [
        clip
        for clip in own
        if clip in other
        and digest_of(own[clip]) != digest_of(other[clip])
        and digest_frames(own[clip]) != digest_frames(other[clip])
    ]
    found = [f"only one run has {', '.join(apart[:3])}"] if apart else []
    found += [f"other frames in {', '.join(differ[:3])}"] if differ else []
    return "; ".join(found)


def _made_by(metrics: Path) -> dict[str, Any]:
    path = sidecar(metrics)
    if not path.is_file():
        return {}
    manifest = read_manifest(path)
    code = manifest.get("code") or {}
    found = {
        "version of the suite": code.get("version"),
        "commit": f"{_short(code.get('commit'))}{' with changes' if code.get('changed') else ''}",
        "Python": manifest.get("python"),
    }
    found |= {f"package {name}": each for name, each in (manifest.get("packages") or {}).items()}
    machine = manifest.get("machine") or {}
    return found | {f"machine, {key}": str(value) for key, value in machine.items()}


def _changed(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for key in dict.fromkeys((*one, *other)):
        if one.get(key) != other.get(key):
            yield key, one.get(key), other.get(key)


def _flat(value: Any, key: str = "") -> dict[str, Any]:  # noqa: ANN401 - any value of YAML
    if isinstance(value, Mapping) and value:
        return {
            name: each
            for part, inner in value.items()
            for name, each in _flat(inner, f"{key}.{part}" if key else str(part)).items()
        }
    return {key: value}


def _short(digest: object) -> str:
    return str(digest)[:12] if digest else "none"


def _listed(rows: Mapping[tuple[str, str], Row]) -> str:
    return ", ".join(method for _, method in rows) or "none"
