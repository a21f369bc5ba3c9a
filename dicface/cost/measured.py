"""Rates corrected by a finished run: its benchmarks beside what the model says of its jobs."""

from __future__ import annotations

import csv
import dataclasses
import re
from pathlib import Path

from dicface.base.errors import ConfigError
from dicface.config.load import load
from dicface.cost.jobs import Job
from dicface.cost.model import Model
from dicface.cost.sizes import Sizes
from dicface.jobs import JOBS
from dicface.workflow.plan import Plan


def corrections_from(run: Path, model: Model) -> dict[str, float]:
    """Compares a finished run with what this model says of it.

    Args:
        run: Folder of the run, with `run_config.yaml` and Snakemake's `benchmarks/*.tsv`.
        model: Its rates are used, with the configuration of that run.

    Returns:
        Benchmark's name -> measured seconds by those that the model gives; rule -> the same over
        all jobs of the rule.

    Raises:
        ConfigError: The run has no such files, or ran on another device.
    """
    config = run / "run_config.yaml"
    benchmarks = sorted((run / "benchmarks").glob("*.tsv"))
    if not config.is_file() or not benchmarks:
        raise ConfigError(
            f"{run}: found no run_config.yaml with benchmarks/*.tsv; --measured takes the folder "
            "of a run that the workflow made."
        )
    plan = Plan.of(dataclasses.asdict(load(config)))
    if plan.config.device != model.plan.config.device:
        raise ConfigError(
            f"{run}: ran on {plan.config.device}, the plan is for {model.plan.config.device}; "
            "measured seconds count on their own device only."
        )
    theirs = dataclasses.replace(model, plan=plan, sizes=Sizes(plan))
    measured: dict[str, list[tuple[float, float]]] = {}
    for path in benchmarks:
        job = job_of(path.stem)
        if job is None:
            continue
        asked = plan.resources(job.rule)
        said = theirs.cost(dataclasses.replace(job, threads=asked.threads, gpus=asked.gpu)).seconds
        with open(path, newline="") as file:
            seconds = [float(row["s"]) for row in csv.DictReader(file, delimiter="\t")]
        if said > 0 and seconds:
            for key in (path.stem, job.rule):
                measured.setdefault(key, []).append((sum(seconds) / len(seconds), said))
    return {
        key: sum(took for took, _ in pairs) / sum(said for _, said in pairs)
        for key, pairs in measured.items()
    }


def benchmark_of(job: Job) -> str:
    """Returns the name of a job's benchmark file, without `.tsv`."""
    return "_".join((job.rule, *job.wildcards.values()))


def job_of(benchmark: str) -> Job | None:
    """Returns the job of a benchmark file; None for one of another rule."""
    for rule, kind in JOBS.items():
        names = kind.wildcards()
        # Values of a wildcard hold no underscore, but for the last one.
        patterns = [f"(?P<{name}>[^_]+)" for name in names[:-1]]
        patterns += [f"(?P<{name}>.+)" for name in names[-1:]]
        if found := re.fullmatch("_".join((rule, *patterns)), benchmark):
            return Job(rule=rule, wildcards=found.groupdict())
    return None
