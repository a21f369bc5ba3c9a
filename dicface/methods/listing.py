"""The facts of all methods as tables, for the command line and the documentation.

Reads facts alone: no network is built, and nothing here imports torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import dicface.methods
from dicface.base.errors import WeightsError
from dicface.methods.method import MethodFacts
from dicface.weights import registry

Table = list[tuple[str, ...]]


def facts_table(names: Iterable[str] | None = None) -> Table:
    """Returns one row of facts a method, after a row of headings.

    Args:
        names: Methods; by default all that can be used, in the order of `dicface.methods.names`.
    """
    headings = ("name", "label", "tasks", "frames", "size", "aligned", "scale", "weights")
    rows: Table = [(*headings, "commercial", "licence", "source")]
    for name in dicface.methods.methods() if names is None else names:
        facts = dicface.methods.method(name).facts
        files = dict.fromkeys(file for files in facts.weights.values() for file in files)
        rows.append(
            (
                *(name, facts.label, " ".join(facts.tasks), frames_read(facts)),
                *(f"{facts.size} px" if facts.size else "any", "yes" if facts.aligned else "no"),
                *(f"×{facts.scale}", " ".join(files) or ("trained" if facts.trained else "none")),
                *("yes" if facts.commercial else "no", facts.licence, short_source(facts)),
            )
        )
    return rows


def weights_table(names: Iterable[str] | None = None) -> Table:
    """Returns one row a weights file that methods need, with whether it is on this machine."""
    rows: Table = [("method", "task", "weights", "file", "size", "here")]
    for name in dicface.methods.methods() if names is None else names:
        for task, files in dicface.methods.method(name).facts.weights.items():
            for file in files:
                known = registry.entry(file)
                rows.append((name, task, file, known.file, known.size, _where(file)))
    return rows


def faults_table() -> Table:
    """Returns one row a registered method that cannot be used, with the reason."""
    faults = ((name, dicface.methods.fault(name)) for name in dicface.methods.names())
    return [("method", "cannot be used"), *((name, why) for name, why in faults if why)]


def frames_read(facts: MethodFacts) -> str:
    """Says how many frames one output frame depends on: "1", "window 5", "chunk 20"."""
    if facts.chunk is not None and facts.window == 0:
        return f"chunk {facts.chunk}"
    return "1" if facts.window == 1 else f"window {facts.window}"


def short_source(facts: MethodFacts) -> str:
    """Returns repository and commit, the latter cut to eight digits: "a/b @ 01234567"."""
    return re.sub(r"\b([0-9a-f]{8})[0-9a-f]{32}\b", r"\1", facts.source) or "this suite"


def as_text(table: Sequence[Sequence[str]]) -> str:
    """Lays a table out in columns of text."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
    return "\n".join(lines) + "\n"


def as_markdown(table: Sequence[Sequence[str]]) -> str:
    """Writes a table in Markdown."""
    heading, *rows = (f"| {' | '.join(cell or '–' for cell in row)} |" for row in table)
    return "\n".join((heading, "|" + "---|" * len(table[0]), *rows)) + "\n"


def _where(name: str) -> str:
    try:
        path = registry.find(name)
    except WeightsError:
        return "wrong content"
    if path is None:
        return "missing"
    return registry.SEEDED if registry.is_seeded(path) else "here"
