"""Writes the paper's numbers beside ours: `<table>_paper.md` for reading, `.csv` for computing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dicface.metrics import MetricFacts
from dicface.report.render import cells
from dicface.report.render.cells import unbroken
from dicface.report.render.markdown import escape, pipes
from dicface.report.tables.footnotes import sentence

if TYPE_CHECKING:
    import pandas as pd

    from dicface.report.tables.table import Table

NOT_COMPARABLE = "not comparable"
LEGEND = (
    "Paper / ours. Gap: ours − paper, only where test set, protocol, definition and network "
    "are the paper's."
)
CSV_COLUMNS = ["method", "paper_name", "metric", "paper", "ours", "low", "high", "gap", "reason"]


def to_paper_csv(table: Table) -> str:
    """One line per row and metric of the paper; the gap is empty where there is none to give."""
    lines = table.comparison.rename(columns={"block": "task"})
    lines["reason"] = [
        ("" if line.comparable else f"{NOT_COMPARABLE}: ") + "; ".join(line.reasons)
        for line in lines.itertuples()
    ]
    task = ["task"] if lines["task"].nunique() > 1 else []
    return lines[task + CSV_COLUMNS].to_csv(index=False, float_format="%.6g", lineterminator="\n")


def to_paper_markdown(table: Table) -> str:
    """Per metric "paper / ours"; the last column holds the gaps, or says why there are none."""
    metrics = paper_metrics(table)
    heads = (unbroken(f"{facts.name} {cells.arrow(facts)}") for facts in metrics)
    lines = [
        [unbroken(escape(label)), *map(unbroken, pairs), escape(gap)]
        for label, pairs, gap in beside_lines(table)
    ]
    parts = [
        f"# {paper_title(table)}",
        LEGEND,
        pipes(["Method", *heads, "Gap"], lines),
    ]
    reasons = [f"- {escape(text)}" for text in reasons_in_words(table)]
    parts += ["## Reasons", "\n".join(reasons)] if reasons else []
    return "\n\n".join(parts) + "\n"


def paper_title(table: Table) -> str:
    """Heading of the page that sets the paper's numbers beside ours."""
    return f"{table.title}: the paper beside ours"


def paper_metrics(table: Table) -> list[MetricFacts]:
    """Printed metrics that the paper's table has."""
    return [facts for facts in table.metrics if facts.id in set(table.comparison["metric"])]


def beside_lines(table: Table) -> Iterator[tuple[str, list[str], str]]:
    """Label, "paper / ours" per metric, and the gaps, of every row that the paper has."""
    metrics = paper_metrics(table)
    for (block, _), found in table.comparison.groupby(["block", "method"], sort=False):
        by_metric = found.set_index("metric")
        pairs = [_pair(by_metric, facts, table.digits[facts.id]) for facts in metrics]
        yield _label(block, found), pairs, _gap(table, by_metric, metrics)


def _label(block: str, found: pd.DataFrame) -> str:
    label = str(found["label"].iloc[0])
    return f"{block}: {label}" if block else label


def _pair(by_metric: pd.DataFrame, facts: MetricFacts, digits: int) -> str:
    if facts.id not in by_metric.index:
        return cells.NO_VALUE
    line = by_metric.loc[facts.id]
    return " / ".join(cells.number(line[c], digits) for c in ("paper", "ours"))


def _gap(table: Table, by_metric: pd.DataFrame, metrics: Sequence[MetricFacts]) -> str:
    if table.setting:
        return f"{NOT_COMPARABLE}: {table.setting}"
    known = [facts for facts in metrics if facts.id in by_metric.index]
    gaps, without = [], []
    for facts in known:
        line = by_metric.loc[facts.id]
        if line["comparable"]:
            gap = cells.number(line["gap"], table.digits[facts.id], signed=True)
            gaps.append(f"{facts.name} {gap}")
        else:
            without.append(facts.name)
    parts = [", ".join(gaps)] if gaps else []
    parts += [f"{', '.join(without)} {NOT_COMPARABLE}"] if without else []
    return "; ".join(parts)


def reasons_in_words(table: Table) -> Iterator[str]:
    """Each reason once, as a sentence, with the rows and metrics that it holds for."""
    metrics = paper_metrics(table)
    names = {facts.id: facts.name for facts in metrics}
    holders: dict[str, list[tuple[str, str]]] = {}
    for line in table.comparison.itertuples():
        label = f"{line.block}: {line.label}" if line.block else line.label
        for reason in line.reasons:
            if line.metric in names and reason != table.setting:
                holders.setdefault(reason, []).append((label, names[line.metric]))
    num_rows = len(table.comparison.groupby(["block", "method"]))
    for reason, values in holders.items():
        labels, found = (list(dict.fromkeys(part)) for part in zip(*values, strict=True))
        of_rows = "" if len(labels) == num_rows else ", ".join(labels)
        of_metrics = "" if len(found) == len(metrics) else ", ".join(found)
        where = " – ".join(part for part in (of_rows, of_metrics) if part)
        yield sentence(f"{where}: {reason}" if where else reason)
