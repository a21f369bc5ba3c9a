"""What a ranking says beyond its table: ranks with intervals, and who is better on how many clips.

Ranks rest on the table's own paired tests: a row's rank lies between 1 + the rows that are told to
be better and the number of rows less those that are told to be worse (Mogstad et al., "Inference
for Ranks", Review of Economic Studies, 2024, with Holm's correction).
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from dicface.base.files import atomic_path
from dicface.metrics import MetricFacts
from dicface.report.render import cells
from dicface.report.render.markdown import escape, pipes
from dicface.report.render.text import panels
from dicface.report.site.grids import Cell, Grid, Head, Line, metric_head, text_cell
from dicface.report.site.notes import Notes
from dicface.report.site.table_pages import Part, TablePage
from dicface.report.tables.scores import Scores, read_scores
from dicface.report.tables.statistics import wins
from dicface.report.tables.table import Table

WIDTH = 120
RANK_COLUMNS = ("method", "metric", "rank", "low", "high", "rows")
WIN_COLUMNS = ("method_a", "method_b", "metric", "wins", "clips", "share", "low", "high")

RANKS = (
    "Ranks, best first: below each the ranks that the paired tests leave it, 95 %. Rows over fewer "
    "clips than others of their column have none."
)
WINS = (
    "On how many clips the first is better than the second, and how probable that is on a clip, "
    "with its 95 % interval (Wilson; none below 6 clips). A tie counts for neither."
)


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Ranks and wins of the rows of a table, one line a row (a pair) and metric.

    Attributes:
        metrics: Facts of its columns.
        labels: Method -> what tables call it.
        ranks: Columns `RANK_COLUMNS`.
        wins: Columns `WIN_COLUMNS`; set-level metrics have none.
    """

    metrics: tuple[MetricFacts, ...]
    labels: dict[str, str]
    ranks: pd.DataFrame
    wins: pd.DataFrame


def ranking_of(table: Table) -> Ranking | None:
    """Ranks the rows of a table that have scores; None where there are no two of them.

    Raises:
        MetricError: Their scores cannot be read.
    """
    scores = {row.method: read_scores(row.metrics) for row in table.rows if row.metrics}
    clips = sorted({clip for one in scores.values() for clip in one.clips})
    return rank(table, scores, clips) if len(scores) > 1 else None


def rank(table: Table, scores: dict[str, Scores], clips: Sequence[str]) -> Ranking:
    """Ranks the rows of a table in which every pair of rows is compared.

    Args:
        table: The table.
        scores: Method -> its scores, of the rows that have some.
        clips: Names of all clips.
    """
    lines = [line for facts in table.metrics for line in _ranks(table, facts, list(scores))]
    by_clip = [facts for facts in table.metrics if facts.level != "set"]
    compared = dict.fromkeys(
        zip(table.differences["method_a"], table.differences["method_b"], strict=True)
    )
    pairs = [_wins(facts, a, b, scores, clips) for a, b in compared for facts in by_clip]
    return Ranking(
        metrics=table.metrics,
        labels={row.method: row.label for row in table.rows},
        ranks=pd.DataFrame(lines, columns=list(RANK_COLUMNS)),
        wins=pd.DataFrame(pairs, columns=list(WIN_COLUMNS)),
    )


def _ranks(table: Table, facts: MetricFacts, methods: Sequence[str]) -> list[dict[str, object]]:
    found = table.cells[table.cells["metric"] == facts.id].set_index("method")
    places = {method: int(found.loc[method, "rank"]) for method in methods}
    ranked = [method for method in methods if places[method]]
    digits = table.digits[facts.id]
    sign = -1 if facts.higher_is_better else 1
    means = {method: sign * round(float(found.loc[method, "mean"]), digits) for method in ranked}
    told = {method: {"better": 0, "worse": 0} for method in methods}
    opposite = {"better": "worse", "worse": "better"}
    for _, line in table.differences[table.differences["metric"] == facts.id].iterrows():
        verdict = cells.verdict(line, facts)
        if verdict in opposite and {line["method_a"], line["method_b"]} <= {*ranked}:
            told[line["method_a"]][verdict] += 1
            told[line["method_b"]][opposite[verdict]] += 1
    return [
        {
            "method": method,
            "metric": facts.id,
            "rank": 1 + sum(mean < means[method] for mean in means.values()),
            "low": 1 + told[method]["worse"],
            "high": len(ranked) - told[method]["better"],
            "rows": len(ranked),
        }
        for method in ranked
    ]


def _wins(
    facts: MetricFacts, a: str, b: str, scores: dict[str, Scores], clips: Sequence[str]
) -> dict[str, object]:
    values = scores[a].vector(facts.id, clips) - scores[b].vector(facts.id, clips)
    found = wins(values, higher_is_better=facts.higher_is_better)
    return {
        "method_a": a,
        "method_b": b,
        "metric": facts.id,
        "wins": found.wins,
        "clips": found.clips,
        "share": found.share,
        "low": found.low,
        "high": found.high,
    }


Lines = list[tuple[tuple[str, str], list[tuple[str, str]]]]
"""Label and, per metric, a text; each with what stands below it."""


def _rank_lines(ranking: Ranking) -> Lines:
    lines = []
    for method, found in ranking.ranks.groupby("method", sort=False):
        by_metric = found.set_index("metric")
        texts = []
        for facts in ranking.metrics:
            if facts.id not in by_metric.index:
                texts.append((cells.NO_VALUE, ""))
                continue
            line = by_metric.loc[facts.id]
            texts.append((f"{line['rank']} of {line['rows']}", f"{line['low']}–{line['high']}"))
        lines.append(((ranking.labels[method], ""), texts))
    return lines


def _win_lines(ranking: Ranking) -> Lines:
    lines = []
    for (a, b), found in ranking.wins.groupby(["method_a", "method_b"], sort=False):
        by_metric = found.set_index("metric")
        texts = []
        for facts in ranking.metrics:
            if facts.id not in by_metric.index or not by_metric.loc[facts.id, "clips"]:
                texts.append((cells.NO_VALUE, ""))
                continue
            line = by_metric.loc[facts.id]
            below = cells.span(100 * line["low"], 100 * line["high"], 0)
            percent = f"{100 * line['share']:.0f} %" + (f" [{below}]" if below else "")
            texts.append((f"{line['wins']} of {line['clips']}", percent))
        lines.append(((ranking.labels[a], f"better than {ranking.labels[b]}"), texts))
    return lines


def ranking_text(ranking: Ranking) -> str:
    """Both as text, for the terminal."""
    heads = [(f"{facts.name} {cells.arrow(facts)}", "") for facts in ranking.metrics]
    parts = []
    for title, lines in ((RANKS, _rank_lines(ranking)), (WINS, _win_lines(ranking))):
        shown = [((f"  {a}", f"    {b}" if b else ""), texts) for (a, b), texts in lines]
        parts += [textwrap.fill(title, WIDTH), panels([(("", ""), heads), *shown], WIDTH)]
    return "\n\n".join(parts) + "\n"


def write_ranking(ranking: Ranking, folder: Path, name: str) -> dict[str, Path]:
    """Writes `<name>_ranks.csv`, `<name>_wins.csv` and both as `<name>_ranks.md`.

    Returns:
        "ranks", "wins", "ranks_md" -> path.
    """
    files = _files(folder, name) | {"ranks_md": folder / f"{name}_ranks.md"}
    texts = _csv(ranking.ranks), _csv(ranking.wins), _markdown(ranking)
    for file, text in zip(files.values(), texts, strict=True):
        with atomic_path(file) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
    return files


def _files(folder: Path, name: str) -> dict[str, Path]:
    return {kind: folder / f"{name}_{kind}.csv" for kind in ("ranks", "wins")}


def _csv(lines: pd.DataFrame) -> str:
    return lines.to_csv(index=False, float_format="%.6g", lineterminator="\n")


def _markdown(ranking: Ranking) -> str:
    heads = [f"{facts.name} {cells.arrow(facts)}" for facts in ranking.metrics]
    parts = []
    for title, text, lines in _sections(ranking):
        shown = [
            [escape(" ".join(filter(None, label))), *(_below(*text) for text in texts)]
            for label, texts in lines
        ]
        parts += [f"# {title}", pipes(["", *heads], shown), text]
    return "\n\n".join(parts) + "\n"


def _sections(ranking: Ranking) -> list[tuple[str, str, Lines]]:
    return [
        ("Ranks", RANKS, _rank_lines(ranking)),
        ("Better on how many clips", WINS, _win_lines(ranking)),
    ]


def _below(above: str, below: str) -> str:
    return f"{above}<br><sub>{below}</sub>" if below else above


def _cell(above: str, below: str) -> Cell:
    """A count that sorts by its number, with small print below."""
    count = above.partition(" ")[0]
    return Cell(
        markup=Markup("{}<br><sub>{}</sub>").format(above, below) if below else above,
        value=float(count) if count.isdecimal() else None,
    )


def ranking_page(ranking: Ranking, folder: Path, name: str, notes: Notes) -> TablePage:
    """Both as a part of the first page of the report; arguments as `write_ranking`'s."""
    heads = (Head(markup=""), *map(metric_head, ranking.metrics))
    parts, links = [], []
    for title, text, lines in _sections(ranking):
        rows = []
        for label, texts in lines:
            found = (text_cell(" ".join(filter(None, label))), *(_cell(*each) for each in texts))
            rows.append(Line(cells=found))
        parts.append(Part(grid=Grid(heads=heads, lines=tuple(rows)), title=title))
        links.append(notes.link(text))
    return TablePage(
        name=f"{name}_ranks",
        title="Ranks",
        parts=tuple(parts),
        notes=tuple(links),
        files=tuple(_files(folder, name).values()),
    )
