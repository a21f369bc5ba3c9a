"""This part of the workflow checks the configuration and names the folders of a run."""

import shlex
import shutil
import sys

from dicface.base.errors import DicfaceError
from dicface.config import systems
from dicface.config.load import with_budget
from dicface.provenance.manifest import write_run_manifest
from dicface.workflow import slurm, triggers
from dicface.workflow.plan import Plan

# `--config budget=quick` lays config/budget/quick.yaml over the scale: the same code, fewer steps.
try:
    config = with_budget(config, Path(workflow.basedir) / "config" / "budget")
    validate(
        config, Path(workflow.basedir) / "workflow" / "schemas" / "config.schema.yaml"
    )
    SUITE = Plan.of(config)
except DicfaceError as error:
    raise WorkflowError(str(error)) from None

RUN = str(SUITE.run.folder)
TRAIN = str(SUITE.run.train_folder)
TEST_INDEX = str(SUITE.run.truth_index)
RUN_CONFIG = f"{RUN}/run_config.yaml"
TRAIN_CONFIG = f"{TRAIN}/run_config.yaml"
DICFACE = f"{shlex.quote(sys.executable)} -m dicface.cli"


wildcard_constraints:
    method="[a-z0-9_-]+",
    network="[a-z0-9_-]+",
    task="bfr|inpainting|colorization",
    split="train|test",
    set="train|images",
    shard="[0-9]{5}",


def asked_by(rule):
    """Memory, time and GPUs of a rule from the configuration; a retry asks for more."""
    return {
        "gpu": SUITE.resources(rule).gpu,
        "mem_mb": lambda wildcards, attempt: SUITE.resources(rule, attempt).mem_mb,
        "runtime": lambda wildcards, attempt: SUITE.resources(rule, attempt).runtime,
    }


# Only in the main process and not in dry runs: one run at a time writes into a folder, its merged
# settings lie beside it, and what a cluster lacks is said before the first job.
onstart:
    try:
        SUITE.require_data(job.rule.name for job in workflow.dag.needrun_jobs())
        LOCKS = SUITE.start()
        slurm.begin(workflow)
    except DicfaceError as error:
        raise WorkflowError(str(error)) from None


onsuccess:
    # What an earlier run left in part.
    shutil.rmtree(SUITE.run.partial_tables, ignore_errors=True)
    try:
        for folder in {RUN, TRAIN}:
            write_run_manifest(folder)
    except DicfaceError as error:
        raise WorkflowError(str(error)) from None


onerror:
    slurm.end_early(workflow)
    # What did end is shown, and what did not says why.
    jobs = [job for job in workflow.dag.needrun_jobs() if job.rule.name == "score"]
    undone = {(job.wildcards.task, job.wildcards.method) for job in jobs}
    left = " ".join(sorted(f"{task}/{method}" for task, method in undone))
    for table in SUITE.partial_tables(undone):
        shell(
            "{DICFACE} table --table {table} --config {RUN_CONFIG} --run {RUN}"
            " --train {TRAIN}/train --undone {left}"
        )
