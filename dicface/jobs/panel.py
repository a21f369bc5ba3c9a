"""Scores the rows of a table beside one of the paper's, by metrics of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicface.base.files import write_json
from dicface.base.names import BY_REGION, CONTROLS, INPUT, OVER_TIME, PANELS, TRUTH
from dicface.config.systems import truth_rows
from dicface.jobs.files import found, measuring_weights, restored, true_clips
from dicface.jobs.job import Job, wildcard
from dicface.jobs.score import match_of
from dicface.metrics import METRICS, PANEL_METRICS
from dicface.workflow.plan import Plan

if TYPE_CHECKING:
    from dicface.metrics.matching import Match


@dataclass(frozen=True, kw_only=True)
class Panel(Job):
    """Score all rows of a table beside one of the paper's, side by side."""

    name = "panel"
    kind = "scores"
    leaves = ("index.json", "*/metrics.parquet", "*/frames.parquet", "*/*.mkv")
    computes = True

    panel: str = wildcard(", ".join(PANELS))

    @classmethod
    def constraints(cls, plan: Plan) -> dict[str, Iterable[str]]:
        """Every panel."""
        return {"panel": PANELS}

    @property
    def task(self) -> str:
        """The task whose rows it shows."""
        return PANELS[self.panel].task

    @property
    def methods(self) -> list[str]:
        """Rows that are scored, without the truth and what is made of it."""
        rows = [method for _, method in self.plan.scored_in(self.panel)]
        return [method for method in rows if method not in truth_rows(self.panel)]

    def waits_for(self) -> list[Path]:
        """Restored clips of all rows, and the analysis of the true ones."""
        rows = dict.fromkeys((INPUT, *self.methods))
        indices = [self.run.restored_index(self.task, method) for method in rows]
        return [*indices, self.run.analysis / "done.json", self.run.truth_index]

    def writes(self) -> list[Path]:
        """Which rows there are."""
        return [self.run.panel_index(self.panel)]

    def depends_on(self) -> dict[str, Any]:
        """Its rows, and what measures."""
        return {
            "panel": self.panel,
            "rows": [method for _, method in self.plan.scored_in(self.panel)],
            "measured": list(PANEL_METRICS[self.panel]),
            "metrics": self.run.raw["metrics"],
        }

    def work(self) -> None:
        """See `score_sets`; controls of the truth are made first."""
        from dicface.metrics.protocol import EvaluationProtocol
        from dicface.metrics.scorer import Scored, score_sets

        config, measured = self.run.config, PANEL_METRICS[self.panel]
        matches = {method: match_of(self.run, self.task, method) for method in self.methods}
        if self.panel == OVER_TIME.id:
            matches |= self._controls()
        score_sets(
            self.task,
            [
                Scored(method=name, match=match, folder=self.run.panel(self.panel, name).folder)
                for name, match in matches.items()
            ],
            analysis_folder=self.run.analysis,
            # With all networks that the analyses were made with, which are shared.
            protocol=EvaluationProtocol.resolve(
                config.metrics.backbones, device=config.device, metrics=[*METRICS, *measured]
            ),
            metrics=measured,
            workers=self.workers,
            masks=self._masks,
        )
        write_json(self.writes()[0], {"methods": list(matches)})

    @property
    def _masks(self) -> Path | None:
        """Folder of the clips' masks, where the metrics ask for them."""
        from dicface.video.masks import FOLDER

        inputs = self.run.inputs(self.task)
        return inputs / FOLDER if self.panel == BY_REGION.id else None

    def _controls(self) -> dict[str, Match]:
        """The truth, and what is made of it."""
        from dicface.metrics.matching import match_names
        from dicface.restoring.controls import control_set
        from dicface.video.clips import list_clips

        truths = list_clips(self.run.truth)
        found = {TRUTH: match_names(truths, truths)}
        for kind in CONTROLS:
            folder = self.run.panel(self.panel, f"{TRUTH}{kind}").folder
            control_set(kind, truths, folder)
            found[f"{TRUTH}{kind}"] = match_names(list_clips(folder), truths)
        return found

    def reads(self) -> Mapping[str, Iterable[Path]]:
        """Restored and true clips, analyses, and the networks that measure."""
        folders = [self.run.results(self.task, method).folder for method in self.methods]
        return {
            "restored": [path for folder in folders for path in restored(folder)],
            "clips": true_clips(self.run.truth),
            **({"masks": found(self._masks, "*.mkv")} if self._masks else {}),
            "analysis": found(self.run.analysis, "*.npz"),
            "weights": measuring_weights(self.run.config, PANEL_METRICS[self.panel]),
        }

    def seeds(self) -> Sequence[str]:
        """The order of shuffled frames."""
        return ["shuffled|<block>"] if self.panel == OVER_TIME.id else []
