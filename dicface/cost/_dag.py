"""`python -m dicface.cost._dag`: asks Snakemake what it would run. JSON in, JSON out.

A process of its own, because Snakemake takes the process over: its folder, its logging, its config.
Settings are those of a plain call of `snakemake` in this folder; nothing is run, locked or written.
"""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from snakemake.api import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings
from snakemake.api import SnakemakeApi as Api
from snakemake.settings.enums import Quietness


def main() -> int:
    """Reads {snakefile, configfiles, config, targets}; writes {config, jobs} or {error}."""
    asked = json.load(sys.stdin)
    with (
        redirect_stdout(sys.stderr),
        Api(OutputSettings(dryrun=True, quiet={Quietness.ALL})) as api,
    ):
        try:
            answer = plan(api, asked)
        except Exception as error:  # noqa: BLE001 - Snakemake raises errors of many kinds
            answer = {"error": f"{type(error).__name__}: {error}"}
    json.dump(answer, sys.stdout)
    return int("error" in answer)


def plan(api: Api, asked: dict[str, Any]) -> dict[str, Any]:
    """Builds the graph and lists the jobs that would run, without those that are finished."""
    workflow_api = api.workflow(
        # As many cores as a job may ask for: a plan tells what it asks, not what is here.
        resource_settings=ResourceSettings(cores=10_000),
        config_settings=ConfigSettings(
            config=asked["config"], configfiles=[Path(path) for path in asked["configfiles"]]
        ),
        snakefile=Path(asked["snakefile"]),
    )
    dag_api = workflow_api.dag(
        DAGSettings(targets=set(asked["targets"]), force_incomplete=True)  # as profiles/default
    )
    dag_api.execute_workflow(executor="dryrun")
    workflow = workflow_api._workflow  # noqa: SLF001 - the graph has no public way out
    dag = workflow.dag
    # Snakemake keeps a set: sorted, so that two plans are equal.
    jobs = sorted(
        dag.needrun_jobs(exclude_finished=False),
        key=lambda job: (job.rule.name, *map(str, job.wildcards_dict.values())),
    )
    ids = {job: number for number, job in enumerate(jobs)}
    return {
        "config": workflow.globals["PLAN"].run.raw,
        "jobs": [
            {
                "rule": job.rule.name,
                "wildcards": dict(job.wildcards_dict),
                "outputs": list(map(str, job.output)),
                "threads": job.threads,
                "gpus": int(job.resources.get("gpu") or 0),
                "runs": not job.is_norun,
                "needs": sorted(ids[other] for other in dag.dependencies[job] if other in ids),
            }
            for job in jobs
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
