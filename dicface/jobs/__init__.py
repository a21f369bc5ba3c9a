"""The jobs of the workflow, one file each: what it reads, writes, depends on, and does.

A new one is a file here and a line in `JOBS`.
"""

from __future__ import annotations

from pathlib import Path

from dicface.jobs.analyse_truth import AnalyseTruth
from dicface.jobs.code_weights import CodeWeights
from dicface.jobs.control import Control
from dicface.jobs.degrade import Degrade
from dicface.jobs.figure import Figure
from dicface.jobs.import_clips import ImportClips
from dicface.jobs.import_results import ImportResults
from dicface.jobs.import_wild import ImportWild
from dicface.jobs.inspect import Inspect
from dicface.jobs.job import Job
from dicface.jobs.noise_floor import NoiseFloor
from dicface.jobs.panel import Panel
from dicface.jobs.render_clips import RenderClips
from dicface.jobs.render_stills import RenderStills
from dicface.jobs.report_pages import ReportPages
from dicface.jobs.restore import Restore
from dicface.jobs.score import Score
from dicface.jobs.ship_weights import ShipWeights
from dicface.jobs.table import Table
from dicface.jobs.train import Train
from dicface.jobs.training_index import TrainingIndex
from dicface.jobs.training_landmarks import TrainingLandmarks
from dicface.runs.folder import Run

JOBS: dict[str, type[Job]] = {
    job.name: job
    for job in (
        RenderClips,
        RenderStills,
        ImportClips,
        ImportWild,
        TrainingLandmarks,
        TrainingIndex,
        Degrade,
        Train,
        ShipWeights,
        Restore,
        Control,
        ImportResults,
        AnalyseTruth,
        Score,
        Panel,
        NoiseFloor,
        CodeWeights,
        Inspect,
        Table,
        Figure,
        ReportPages,
    )
}
"""Name -> job, in the order of the work."""

__all__ = ["JOBS", "Job", "files_of_a_run"]


def files_of_a_run() -> list[str]:
    """Returns patterns, in the folder of a run, of the files beside which jobs write a manifest."""
    # Where a file lies follows from names alone, so that no settings are needed.
    run = Run(config=None, raw={}, folder=Path(), train_folder=Path())
    jobs = (job(run=run, **dict.fromkeys(job.wildcards(), "*")) for job in JOBS.values())
    return sorted({str(job.writes()[0]) for job in jobs})
