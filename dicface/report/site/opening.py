"""The first screen: the finding, and two results of the most telling clip to wipe between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from dicface.base.counts import how_many
from dicface.base.names import BLIND, INPUT, controlled
from dicface.metrics import MetricFacts
from dicface.report.render.cells import SAME
from dicface.report.render.screen import compared, differences_in_words
from dicface.report.site.contents import System, TaskResults
from dicface.report.site.table_pages import page_digits
from dicface.report.site.values import (
    QUALITY,
    STABILITY,
    by_clip,
    means,
    of_quality,
    of_stability,
    with_interval,
)
from dicface.report.tables.rows import Row
from dicface.report.tables.table import Table
from dicface.video.clips import probe, read_frames

VERDICTS = {
    "better": "better in",
    "worse": "worse in",
    SAME: "not told apart in",
    "": "too few clips to tell in",
}
"""Of a corrected test, before the names of what was measured."""

NO_TRUTH = (
    "Which row is better cannot be told: without a truth no number tells a better face from a "
    "smoother one."
)
STEADY = "Blur makes unsteadiness smaller too, and a still picture has none."


@dataclass(frozen=True, kw_only=True)
class Side:
    """A side of the wipe: what it shows, its picture, and its size in px."""

    label: str
    picture: str
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class Wipe:
    """Two results of one frame, and by which rule its clip was chosen.

    Attributes:
        clip: The clip.
        frame: The frame, from 0.
        rule: By which rule both were chosen, as a sentence.
        address: The clip's page.
        sides: Left and right.
        task: Its task.
        methods: Ids of the methods among its sides, left to right.
    """

    clip: str
    frame: int
    rule: str
    address: str
    sides: tuple[Side, Side]
    task: TaskResults
    methods: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The clip of a wipe, its two sides (label and clip), their methods, and the rule."""

    task: TaskResults
    clip: str
    sides: tuple[tuple[str, Path], tuple[str, Path]]
    methods: tuple[str, ...]
    rule: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was found, as a sentence, and the numbers behind it; "" for none."""

    answer: str
    numbers: str = ""


@dataclass(frozen=True, kw_only=True)
class Opening:
    """The first screen: the finding, and the wipe (None: nothing to show)."""

    findings: Sequence[Finding]
    wipe: Wipe | None


def opening(results: Sequence[Table], tasks: Sequence[TaskResults], folder: Path) -> Opening:
    """What the first screen shows; its pictures go into `folder/first`."""
    table = next(iter(results), None)
    has_truth = not tasks or any(task.has_truth for task in tasks)
    findings = findings_of(table, has_truth=has_truth)
    return Opening(findings=findings, wipe=wipe(table, tasks, folder))


def findings_of(table: Table | None, *, has_truth: bool = True) -> list[Finding]:
    """The findings of the headline table with a page's digits; else why there is none.

    The reference row against the strongest other one by PSNR; where that is a control, also against
    the strongest one that is none, which comes first. Without a truth, what was measured of the
    reference row beside the input.
    """
    if table is None:
        return [Finding(answer="No table was made yet: there is no finding.")]
    table = replace(table, digits=page_digits(table))
    scored = [row for row in table.rows if row.metrics]
    if len(scored) == 1:
        return [Finding(answer=_of_one(table, scored[0]))]
    if not has_truth:
        return [Finding(answer=NO_TRUTH, numbers=_beside_its_input(table))]
    if all(facts.id != "psnr" for facts in table.metrics):
        said = "No finding in one sentence: it names the strongest row by PSNR, not measured here."
        return [Finding(answer=said)]
    if not table.references and (found := _of_a_ranking(table)):
        return [found]
    rivals = {}
    if pair := compared(table):
        reference, strongest = pair
        if controlled(strongest) and (other := _strongest_method(table, reference)):
            rivals[other] = "the strongest other row by PSNR that is no control"
        rivals[strongest] = "the strongest other row by PSNR"
        if controlled(strongest):
            rivals[strongest] += ", a control"
    found = [_finding(table, reference, rival, which) for rival, which in rivals.items()]
    said = "No finding yet: it needs scores of the reference row of the first table and of another."
    return [each for each in found if each] or [Finding(answer=said)]


def _of_a_ranking(table: Table) -> Finding | None:
    """The two best rows by PSNR, where no row is one that others are compared with."""
    pair = _two_best(table)
    return _finding(table, *pair, "the two best rows by PSNR") if pair else None


def _two_best(table: Table) -> tuple[str, str] | None:
    """The two best rows by PSNR as the table has their difference; None where it has none."""
    psnr = table.cells[(table.cells["metric"] == "psnr") & table.cells["mean"].notna()]
    best = set(psnr.loc[psnr["mean"].astype(float).nlargest(2).index, "method"])
    pairs = table.differences[table.differences["metric"] == "psnr"]
    found = zip(pairs["method_a"], pairs["method_b"], strict=True)
    return next(((str(a), str(b)) for a, b in found if {a, b} == best), None)


def _strongest_method(table: Table, reference: str) -> str | None:
    psnr = table.cells[(table.cells["metric"] == "psnr") & table.cells["mean"].notna()]
    psnr = psnr[[method != reference and not controlled(method) for method in psnr["method"]]]
    return None if psnr.empty else str(psnr.loc[psnr["mean"].idxmax(), "method"])


def _finding(table: Table, reference: str, rival: str, which: str) -> Finding | None:
    """One row against another, in words; None where nothing was measured of both."""
    found = differences_in_words(table, reference, rival)
    if not found:
        return None
    names: dict[str, list[str]] = {}
    for name, _, verdict in found:
        names.setdefault(VERDICTS[verdict], []).append(name)
    answer = ", ".join(f"{verdict} {' and '.join(of)}" for verdict, of in names.items())
    answer = answer[:1].upper() + answer[1:]
    numbers = ", ".join(text for _, text, _ in found)
    clips = how_many(table.num_clips, "clip")
    return Finding(
        answer=f"{answer}: {table.label(reference)} against {table.label(rival)}, {which}.",
        numbers=f"{numbers} (95 % intervals over {clips}; verdicts are corrected for several "
        "tests).",
    )


def _beside_its_input(table: Table) -> str:
    """Differences of the reference row and the input, in words; "" where nothing was measured."""
    pair = _reference_and_input(table)
    found = differences_in_words(table, *pair, (*QUALITY, *STABILITY)) if pair else []
    if not found:
        return ""
    numbers = ", ".join(text for _, text, _ in found)
    a, b = map(table.label, pair)
    clips = how_many(table.num_clips, "clip")
    steady = f" {STEADY}" if of_stability(table) else ""
    return f"{a} minus {b}: {numbers} (95 % intervals over {clips}).{steady}"


def _reference_and_input(table: Table) -> tuple[str, str] | None:
    """The row that others are compared with and the input; None where either has no scores."""
    scored = {row.method for row in table.rows if row.metrics}
    reference = next(iter(table.references.values()), INPUT)
    return (reference, INPUT) if reference != INPUT and {reference, INPUT} <= scored else None


def _of_one(table: Table, row: Row) -> str:
    """What was measured of the only row that has scores."""
    chosen = [facts for facts in (of_quality(table), of_stability(table)) if facts]
    parts = []
    for facts in chosen or table.metrics[:2]:
        if found := means(table, facts).get(row.method):
            unit = f" ({facts.unit})" if facts.unit else ""
            parts.append(f"{facts.name}{unit} {with_interval(table, facts, *found)}")
    said = ", ".join(parts) or "no metric was measured"
    return f"{row.label}, the only row with scores so far: {said}."


def wipe(table: Table | None, tasks: Sequence[TaskResults], folder: Path) -> Wipe | None:
    """Writes the two pictures of the first screen into `folder/first`; None where nothing fits."""
    chosen = _telling(table, tasks) or _any(tasks)
    if chosen is None:
        return None
    paths = [path for _, path in chosen.sides]
    frame = min(probe(path).num_frames for path in paths) // 2
    (folder / "first").mkdir()
    sides = []
    for name, (label, path) in zip(("left", "right"), chosen.sides, strict=True):
        picture = Image.fromarray(next(islice(read_frames(path), frame, None)))
        picture.save(folder / "first" / f"{name}.png")
        width, height = picture.size
        sides.append(Side(label=label, picture=f"first/{name}.png", width=width, height=height))
    address = f"clips/{chosen.task.id}/{quote(chosen.clip)}.html#{quote(chosen.methods[0])}"
    return Wipe(
        clip=chosen.clip,
        frame=frame,
        rule=chosen.rule,
        address=address,
        sides=(sides[0], sides[1]),
        task=chosen.task,
        methods=chosen.methods,
    )


def _telling(table: Table | None, tasks: Sequence[TaskResults]) -> Chosen | None:
    """The clip that is most like the finding: neither the best one nor the worst."""
    pair = _pair(table) if table else None
    task = next((task for task in tasks if task.id == BLIND.id), None)
    if table is None or pair is None or task is None:
        return None
    systems = {system.id: system for system in task.systems}
    if not set(pair) <= set(systems):
        return None
    a, b = (systems[method] for method in pair)
    facts = of_stability(table) or of_quality(table)
    clip = _typical(a, b, facts) if facts else None
    if facts is None or clip is None:
        return None
    return Chosen(
        task=task,
        clip=clip,
        sides=((a.label, a.clips[clip]), (b.label, b.clips[clip])),
        methods=pair,
        rule=f"The clip whose difference in {facts.name} is nearest to the mean over all clips.",
    )


def _pair(table: Table) -> tuple[str, str] | None:
    """The two rows that the finding is about."""
    if not table.references:
        return _two_best(table)
    return compared(table) or _reference_and_input(table)


def _typical(a: System, b: System, facts: MetricFacts) -> str | None:
    """Clip whose difference is nearest to the mean; None where both have none."""
    first, second = by_clip(a, facts.id), by_clip(b, facts.id)
    lead = (first - second).dropna()
    lead = lead[[clip in a.clips and clip in b.clips for clip in lead.index]]
    if lead.empty:
        return None
    return str((lead - lead.mean()).abs().sort_index().idxmin())


def _any(tasks: Sequence[TaskResults]) -> Chosen | None:
    """The first clip that two of a result, the input and the truth have."""
    for task in tasks:
        own = [system for system in task.methods if not controlled(system.id)]
        shown = [*own[::-1], *(system for system in task.systems if system.id == INPUT)]
        for clip in task.clips:
            sides = [(system.label, system.clips[clip]) for system in shown if clip in system.clips]
            sides += [("Truth", task.truths[clip])] if task.has_truth else []
            if len(sides) >= 2:
                methods = tuple(system.id for system in shown if clip in system.clips)
                return Chosen(
                    task=task,
                    clip=clip,
                    sides=(sides[0], sides[1]),
                    methods=methods[:2],
                    rule="The first clip by its name, as no two methods can be compared.",
                )
    return None
