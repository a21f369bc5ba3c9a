"""A plan's costs for people and for programs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from dicface.base.counts import how_many
from dicface.cost.estimate import Answer, Sum
from dicface.cost.rates import Rates

_NETWORKS_SHOWN = 30


def as_json(answer: Answer, rates: Rates) -> str:
    """Everything, with the table of rates; seconds and bytes."""
    facts = dataclasses.asdict(answer)
    facts["rates"] = [dataclasses.asdict(row) for row in rates.rows]
    return json.dumps(facts, indent=1) + "\n"


def as_text(answer: Answer) -> str:
    """The tables and what must be known of them."""
    blocks = [_targets(answer), _rules(answer), _networks(answer), _notes(answer)]
    blocks.append(_downloads(answer))
    return "\n".join(filter(None, blocks))


def _targets(answer: Answer) -> str:
    where = how_many(answer.gpus, "GPU") if answer.gpus else ""
    where = " and ".join(filter(None, (where, how_many(answer.cores, "core"))))
    rows = [("target", "jobs", "GPU-hours", "CPU-hours", f"wall, {where}", "disk", "download")]
    total = dataclasses.replace(answer.total, name="all of these, shared jobs once")
    for each in (*answer.targets, total):
        unknown = "+?" if each.unknown else ""
        rows.append(
            (
                each.name,
                f"{each.jobs}",
                _hours(each.gpu_seconds, each.estimate) + unknown,
                _hours(each.core_seconds, each.estimate) + unknown,
                _span(each.wall_seconds, each.estimate) + unknown,
                _bytes(each.disk),
                _download(each),
            )
        )
    return (
        f"Each target with all that it needs, on {answer.device}. Finished jobs are not counted.\n"
        "~ stands before what rests on an ESTIMATE, not on measured rates (docs/cost.md).\n\n"
        + _table(rows, left=1)
    )


def _download(each: Sum) -> str:
    if not each.downloads:
        return "nothing"
    return f"{'over ' if each.unpublished else ''}{_bytes(each.download)}"


def _rules(answer: Answer) -> str:
    if not answer.rules:
        return "Nothing is left to run.\n"
    rows = [("rule", "jobs", "GPU-hours", "CPU-hours", "disk", "rates")]
    for each in sorted(answer.rules, key=lambda rule: -rule.gpu_seconds - rule.core_seconds):
        basis = "ESTIMATE" if each.estimate else "measured"
        if each.unknown:
            without = f"{basis}, {how_many(each.unknown, 'job')} without"
            basis = "none" if each.unknown == each.jobs else without
        hours = (_hours(each.gpu_seconds, each.estimate), _hours(each.core_seconds, each.estimate))
        rows.append((each.name, f"{each.jobs}", *hours, _bytes(each.disk), basis))
    return _table(rows, left=1)


def _networks(answer: Answer) -> str:
    if not answer.networks:
        return ""
    rows = [("training", "GPU-hours" if answer.gpus else "CPU-hours")]
    for each in answer.networks[:_NETWORKS_SHOWN]:
        rows.append((each.name, _hours(each.gpu_seconds + each.core_seconds, each.estimate)))
    return _table(rows, left=1)


def _notes(answer: Answer) -> str:
    lines = [f"{line}." for line in answer.assumed]
    if answer.total.waiting:
        lines.append(
            f"Of systems whose released weights are not here: "
            f"{how_many(answer.total.waiting, 'job')}; without the files Snakemake leaves these "
            "rows out (--no-missing-rows plans that)."
        )
    for rule, count in answer.unknown.items():
        lines.append(f"No rate known, NOT in the sums: {how_many(count, 'job')} of rule {rule}.")
    if answer.scratch:
        lines.append(
            f"While it trains, a network's checkpoint takes {_bytes(answer.scratch)} more."
        )
    if len(answer.other_gpus) > 1:
        each = (f"{_hours(seconds, True)} on {gpu}" for gpu, seconds in answer.other_gpus.items())
        lines.append(f"GPU-hours of all together, ESTIMATES: {', '.join(each)}.")
    return "".join(f"{line}\n" for line in lines)


def _downloads(answer: Answer) -> str:
    if not answer.downloads:
        return ""
    rows = [("to download", "size", "for", "how")]
    for each in answer.downloads:
        size = _bytes(each.bytes) if each.bytes is not None else "not known"
        size = size if each.exact else f"over {size}"
        why = f"{each.why} (optional)" if each.optional else each.why
        rows.append((each.name, size, why, each.command))
    return (
        f'{_table(rows, left=4)}In all, without optional ones: {_download(answer.total)}. "over": '
        "nobody publishes the size of some; their networks' numbers are counted, or nothing.\n"
    )


def _hours(seconds: float, estimate: bool) -> str:
    hours = seconds / 3600
    digits = 0 if hours >= 100 else 1 if hours >= 1 else 3
    text = f"{hours:,.{digits}f}" if hours else "0"
    return f"~{text}" if estimate and hours else text


def _span(seconds: float, estimate: bool) -> str:
    mark = "~" if estimate and seconds else ""
    if seconds >= 2 * 86_400:
        return f"{mark}{seconds / 86_400:,.1f} days"
    if seconds >= 7200:
        return f"{mark}{seconds / 3600:.1f} h"
    return f"{mark}{seconds / 60:.0f} min"


def _bytes(count: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e3:.0f} kB"


def _table(rows: Sequence[Sequence[str]], *, left: int) -> str:
    """Columns as wide as their texts; the first `left` ones to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = (
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"
