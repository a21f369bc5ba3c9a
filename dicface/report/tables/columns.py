"""Numbers of one block of a table: a column of cells, and a column of paired differences."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dicface.metrics import MetricFacts
from dicface.report.tables import footnotes
from dicface.report.tables.replicates import replicated_difference, replicated_set
from dicface.report.tables.rows import Row
from dicface.report.tables.statistics import (
    MIN_VERDICT_CLIPS,
    SIGNIFICANCE,
    Estimate,
    holm,
    mean_interval,
    ranks,
    set_difference,
    set_interval,
    sign_flip_test,
)

if TYPE_CHECKING:
    from dicface.report.tables.scores import Backbone, Scores

NO_VALUE = Estimate(mean=np.nan, low=np.nan, high=np.nan, clips=0)
CELL_COLUMNS = (
    "block",
    "group",
    "method",
    "label",
    "metric",
    "mean",
    "low",
    "high",
    "clips",
    "backbone",
    "note",
    "rank",
    "tied",
)
DIFFERENCE_COLUMNS = (
    "block",
    "method_a",
    "method_b",
    "metric",
    "mean",
    "low",
    "high",
    "clips",
    "p",
    "p_corrected",
)

Found = Mapping[str, "Scores | None"]
"""Method -> its scores, of one block; None where it did not run."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The clips of the set and how often each resample drew them.

    Attributes:
        clips: Names of all N clips.
        counts: (B, N) from `statistics.bootstrap_counts`.
    """

    clips: tuple[str, ...]
    counts: np.ndarray

    def mean(self, facts: MetricFacts, one: Scores | None) -> Estimate:
        """A method's value of a metric; without scores, or without a value, one of no clips."""
        if one is None:
            return NO_VALUE
        if one.replicates:
            return self._replicated(facts, one, None)[0]
        if facts.level == "set":
            features = one.features.get(facts.id)
            return set_interval(features) if features else NO_VALUE
        return mean_interval(one.vector(facts.id, self.clips), self.counts)

    def ranks(self, facts: MetricFacts, *scores: Scores | None) -> bool:
        """Whether values of a metric can be compared: not below its least number of windows."""
        found = [one.features[facts.id] for one in scores if one and facts.id in one.features]
        return all(features.num_windows >= facts.min_windows for features in found)

    def _replicated(
        self, facts: MetricFacts, a: Scores, b: Scores | None
    ) -> tuple[Estimate, float]:
        """Value of a, or a - b, with the spread of clips and that of trainings."""
        rows = [a] if b is None else [a, b]
        if facts.level == "set":
            features = [[each.features.get(facts.id) for each in row.trainings] for row in rows]
            if not all(map(all, features)):
                return NO_VALUE, float("nan")
            return replicated_set(*features)
        values = [row.matrix(facts.id, self.clips) for row in rows]
        return replicated_difference(values[0], values[1] if b else None)

    def difference(self, facts: MetricFacts, a: Scores, b: Scores) -> tuple[Estimate, float]:
        """Paired a - b, and its p value before any correction."""
        if a.replicates or b.replicates:
            comparable = facts.level != "set" or self.ranks(facts, a, b)
            return self._replicated(facts, a, b) if comparable else (NO_VALUE, float("nan"))
        if facts.level == "set":
            comparable = facts.id in a.features and facts.id in b.features
            if not comparable or not self.ranks(facts, a, b):
                return NO_VALUE, float("nan")
            return set_difference(a.features[facts.id], b.features[facts.id])
        values = a.vector(facts.id, self.clips) - b.vector(facts.id, self.clips)
        return mean_interval(values, self.counts), sign_flip_test(values, facts.id, *self.clips)


def column(
    facts: MetricFacts,
    digits: int,
    rows: Sequence[Row],
    scores: Found,
    backbones: Mapping[str, Backbone],
    compare: Comparison,
    unranked: Collection[str] = (),
) -> list[dict[str, object]]:
    """One line (`CELL_COLUMNS`) per row of a block for one metric, ranked, ties marked.

    Only rows with as many clips as the fullest one are ranked: a mean over fewer clips may be the
    best because the hard ones are missing. Those in `unranked` never are.
    """
    estimates = {method: compare.mean(facts, one) for method, one in scores.items()}
    most = max(estimate.clips for estimate in estimates.values())
    means = {
        method: estimate.mean if estimate.clips == most and method not in unranked else np.nan
        for method, estimate in estimates.items()
    }
    place = ranks(means, higher_is_better=facts.higher_is_better, digits=digits)
    scored = [one for one in scores.values() if one is not None]
    if len(scored) < 2 or not compare.ranks(facts, *scored):
        # The only one is not the best of anything.
        place = dict.fromkeys(place, 0)
    best = next((method for method, rank in place.items() if rank == 1), None)
    behind = {
        method: compare.difference(facts, scores[best], scores[method])
        for method, rank in place.items()
        if rank > 1
    }
    p_values = holm({method: p for method, (_, p) in behind.items()})
    lines = []
    for row in rows:
        estimate, one = estimates[row.method], scores[row.method]
        backbone = backbones.get(facts.id)
        lines.append(
            {
                "block": row.block,
                "group": row.group,
                "method": row.method,
                "label": row.label,
                "metric": facts.id,
                "mean": estimate.mean,
                "low": estimate.low,
                "high": estimate.high,
                "clips": estimate.clips,
                "backbone": backbone.name if one and backbone else "",
                "note": footnotes.of_cell(facts, row, one, estimate, len(compare.clips)),
                "rank": place[row.method],
                "tied": row.method in behind
                and not _told_apart(facts, behind[row.method][0], p_values[row.method]),
            }
        )
    return lines


def _told_apart(facts: MetricFacts, lead: Estimate, p: float) -> bool:
    """Whether the best of a column, `lead` before another row, is told apart from that row.

    Not without a test (too few clips), and not where the clips that both have say the opposite.
    """
    ahead = (lead.mean > 0) == facts.higher_is_better
    return bool(ahead and p < SIGNIFICANCE and lead.clips >= MIN_VERDICT_CLIPS)


def differences(
    facts: MetricFacts,
    block: str,
    pairs: Sequence[tuple[str, str]],
    scores: Found,
    compare: Comparison,
) -> list[dict[str, object]]:
    """One line (`DIFFERENCE_COLUMNS`) per pair of a block for one metric.

    The p values are corrected together: all differences of a metric in a block are one family.
    """
    found = {
        (a, b): compare.difference(facts, scores[a], scores[b])
        for a, b in pairs
        if scores.get(a) and scores.get(b)
    }
    corrected = holm({f"{a} - {b}": p for (a, b), (_, p) in found.items()})
    return [
        {
            "block": block,
            "method_a": a,
            "method_b": b,
            "metric": facts.id,
            "mean": estimate.mean,
            "low": estimate.low,
            "high": estimate.high,
            "clips": estimate.clips,
            "p": p,
            "p_corrected": corrected[f"{a} - {b}"],
        }
        for (a, b), (estimate, p) in found.items()
    ]
