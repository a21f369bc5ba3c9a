"""Footnotes of a table, each derived from what was measured and by what."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dicface.base.counts import how_many
from dicface.metrics import MetricFacts
from dicface.report.tables.replicates import spreads
from dicface.report.tables.rows import Row
from dicface.report.tables.statistics import MIN_VERDICT_CLIPS, SIGNIFICANCE, FeatureSet
from dicface.video.clips import named

if TYPE_CHECKING:
    from dicface.report.tables.scores import Backbone, Scores
    from dicface.report.tables.statistics import Estimate

DIGEST_LENGTH = 12


def of_rows(
    rows: Sequence[Row],
) -> tuple[tuple[str, ...], dict[tuple[str, str], tuple[int, ...]]]:
    """Numbers the reasons and notes of rows; equal texts share a number.

    Returns:
        Texts in order of their number (from 1), and (block, method) -> numbers.
    """
    numbers: dict[str, int] = {}
    marks = {}
    for row in rows:
        texts = ((f"Not run: {row.reason}",) if row.reason else ()) + row.notes
        marks[row.block, row.method] = tuple(
            numbers.setdefault(sentence(text), len(numbers) + 1) for text in texts
        )
    return tuple(numbers), marks


def of_backbones(
    metrics: Sequence[MetricFacts], backbones: Mapping[str, Backbone]
) -> dict[str, str]:
    """Metric -> backbone and digest, for metrics that are not on the paper's kind of backbone."""
    found = {}
    for facts in metrics:
        backbone = backbones.get(facts.id)
        if backbone is not None and not backbone.official:
            digest = (
                f"sha256 {backbone.sha256[:DIGEST_LENGTH]}…"
                if backbone.sha256
                else "no weights file"
            )
            found[facts.id] = f"{backbone.name} ({digest})"
    return found


def of_cell(
    facts: MetricFacts, row: Row, scores: Scores | None, estimate: Estimate, num_clips: int
) -> str:
    """Note of one cell: why it is empty, or what is missing from it."""
    if scores is None:
        return sentence(f"Not run: {row.reason}")
    parts = []
    if estimate.clips < num_clips:
        parts.append(f"{estimate.clips} of {how_many(num_clips, 'clip')}")
    features = scores.features.get(facts.id)
    if features and features.num_windows < facts.min_windows:
        parts.append(f"too few windows to rank by ({features.num_windows} of {facts.min_windows})")
    missing = scores.num_missing.get(facts.id, 0)
    if missing:
        parts.append(f"{how_many(missing, 'frame')} without a value")
    return "; ".join(parts)


def of_missing(metrics: Sequence[MetricFacts], scores: Scores) -> tuple[str, ...]:
    """Which clips of a row have no value of which metrics, and why; set-level ones aside."""
    by_clip = [facts for facts in metrics if facts.level != "set"]
    missing: dict[str, dict[str, list[str]]] = {}
    for facts in by_clip:
        for clip, why in scores.reasons.get(facts.id, {}).items():
            missing.setdefault(clip, {}).setdefault(why, []).append(facts.name)
    found: dict[tuple[str, str], list[str]] = {}
    for clip, names_of in missing.items():
        for why, names in names_of.items():
            which = "" if len(names) == len(by_clip) else f" without {', '.join(names)}"
            found.setdefault((which, why or "its scores do not say why"), []).append(clip)
    return tuple(f"{named(sorted(clips))}{which}: {why}" for (which, why), clips in found.items())


def of_spreads(
    metrics: Sequence[MetricFacts], scores: Scores, clips: Sequence[str]
) -> tuple[str, ...]:
    """Both spreads of a row that was trained several times, by metric."""
    parts = []
    for facts in metrics:
        if facts.level == "set":
            continue
        values = scores.matrix(facts.id, clips)
        values = values[:, np.isfinite(values).all(axis=0)]
        if values.shape[1] > 1:
            found, digits = spreads(values), facts.digits
            numbers = (found.clips, found.trainings, found.rest)
            shown = " / ".join(f"{value:.{digits}f}" for value in numbers)
            parts.append(f"{facts.name} {shown}{unit(facts)}")
    if not parts:
        return ()
    trainings = how_many(len(scores.trainings), "training")
    head = f"standard deviations between clips / between {trainings} / rest"
    return (f"{head}: {', '.join(parts)}",)


def of_replicates(scores: Collection[Scores]) -> tuple[str, ...]:
    """What intervals and tests hold where rows were trained several times."""
    if not any(one.replicates for one in scores):
        return ()
    return (
        "Rows of several trainings show their mean; their intervals and tests hold the spread of "
        "clips and that of trainings (Student's t, Satterthwaite's degrees of freedom). A row of "
        "one training holds that of clips alone.",
    )


def of_set(
    metrics: Sequence[MetricFacts], scores: Collection[Scores], num_clips: int
) -> tuple[str, ...]:
    """How set-level metrics were estimated: clips, windows, interval, and a warning if too few."""
    found = {
        facts: [one.features[facts.id] for one in scores if facts.id in one.features]
        for facts in metrics
    }
    return tuple(
        _of_set_metric(facts, features, num_clips) for facts, features in found.items() if features
    )


def _of_set_metric(facts: MetricFacts, features: Sequence[FeatureSet], num_clips: int) -> str:
    clips = _span(len(one.clips) for one in features)
    windows = _span(one.num_windows for one in features)
    dimension = max(one.dimension for one in features)
    text = (
        f"{facts.name} is one value for the whole set: {clips} of {how_many(num_clips, 'clip')}, "
        f"{how_many(windows, 'window')}, {dimension} features a window. Its interval is a "
        "jackknife over clips."
    )
    fewest = min(one.num_windows for one in features)
    if fewest < facts.min_windows:
        text += (
            f" Too few windows to rank by: below {facts.min_windows} its value depends on their "
            "number and is biased upward, so that it takes part in no comparison."
        )
    # As many windows as features leave the covariances without full rank.
    elif facts.min_windows and fewest <= dimension:
        text += (
            f" Warning: with up to {dimension} windows its value depends on their number and is "
            "biased upward: it says nothing beyond this table, nor of rows with other numbers."
        )
    return text


def of_few_clips(num_clips: int, differences: pd.DataFrame) -> tuple[str, ...]:
    """A warning where there are too few clips to tell rows apart, alone or after correction.

    Args:
        num_clips: Clips of the set.
        differences: Paired differences, columns block, metric and p at least.
    """
    if not num_clips:
        return ()
    clips = how_many(num_clips, "clip")
    if num_clips < MIN_VERDICT_CLIPS:
        return (
            f"Only {clips}: intervals are too short and no difference can be told from chance; "
            f"{MIN_VERDICT_CLIPS} clips are the least.",
        )
    family = differences.groupby(["block", "metric"])["p"].count().max() if len(differences) else 1
    smallest = 2 / 2**num_clips
    if smallest * family < SIGNIFICANCE:
        return ()
    return (
        f"With {clips} the smallest p value of the paired test is {smallest:.2g}: corrected for "
        f"{family} differences a metric, none of them can be told from chance by it.",
    )


def of_noise_floor(metrics: Sequence[MetricFacts], noise: pd.DataFrame | None) -> tuple[str, ...]:
    """One line per kind of noise: what the metrics read where a perfect method is scored."""
    if noise is None:
        return ()
    lines = []
    for kind, found in noise.groupby("kind", sort=False):
        by_source: dict[tuple[str, int], list[str]] = {}
        for facts in metrics:
            for line in found[found["metric"] == facts.id].itertuples():
                value = f"{facts.name} {line.value:.{facts.digits}f}{unit(facts)}"
                by_source.setdefault((str(line.backbone), int(line.clips)), []).append(value)
        parts = [
            f"{', '.join(values)} ({backbone}; {how_many(clips, 'clip')})"
            for (backbone, clips), values in by_source.items()
        ]
        if parts:
            lines.append(f"Noise floor, {str(kind).replace('_', ' ')}: {'; '.join(parts)}.")
    return tuple(lines)


def of_protocol(
    protocol: str, setting: str, name: str, paper_numbers: Path | None
) -> tuple[str, ...]:
    """Which protocol the numbers follow, and where the paper's numbers are.

    Args:
        protocol: Its id; empty when nothing ran.
        setting: How it differs from the paper's; empty when it does not.
        name: Name of the table.
        paper_numbers: The paper's table; None when it has none.
    """
    if not protocol:
        return ("No method ran: there is no number in this table.",)
    if not setting:
        return (
            f"Protocol {protocol} on the paper's test set; gap = ours − paper. Contradictions "
            "inside the paper are listed in docs/fidelity.md.",
        )
    where = f" (they are in {name}_paper.md)" if paper_numbers else ""
    return (
        f"Protocol {protocol}, {setting}: the paper's numbers{where} are not comparable, so "
        "that no gap to them is given.",
    )


def of_other_columns(
    name: str, printed: Sequence[MetricFacts], metrics: Sequence[MetricFacts]
) -> tuple[str, ...]:
    """Where the metrics are that are measured and not printed."""
    others = [facts.name for facts in metrics if facts not in printed]
    return (f"{', '.join(others)}: in {name}.csv.",) if others else ()


def of_references(
    candidates: Sequence[str], chosen: Mapping[str, str], rows: Sequence[Row]
) -> tuple[str, ...]:
    """Which row every other one is tested against, or that there is none."""
    if not candidates:
        return ()
    found = []
    several = len({row.block for row in rows}) > 1
    for block in dict.fromkeys(row.block for row in rows):
        where = f" ({block})" if several else ""
        reference = chosen.get(block)
        label = next((r.label for r in rows if (r.block, r.method) == (block, reference)), None)
        if label is None:
            names = " or ".join(candidates)
            found.append(f"No row is tested against a reference{where}: {names} did not run.")
        else:
            found.append(f"Every other row{where} is tested against “{label}”.")
    return tuple(dict.fromkeys(found))


def of_pairs(pairs: Sequence[tuple[str, str]], rows: Sequence[Row]) -> tuple[str, ...]:
    """Differences that were asked for and cannot be had, because a row of them did not run."""
    found = []
    for block in dict.fromkeys(row.block for row in rows):
        inside = {row.method: row for row in rows if row.block == block}
        for a, b in pairs:
            if a in inside and b in inside and not (inside[a].metrics and inside[b].metrics):
                found.append(
                    f"Difference {inside[a].label} − {inside[b].label}"
                    f"{f' ({block})' if block else ''}: not computed, a row of it did not run."
                )
    return tuple(found)


def unit(facts: MetricFacts) -> str:
    """The unit with a space before it, or nothing for a metric without unit."""
    return f" {facts.unit}" if facts.unit else ""


def sentence(text: str) -> str:
    """Text with a full stop at its end."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _span(numbers: Iterable[int]) -> str:
    found = sorted(set(numbers))
    return str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"
