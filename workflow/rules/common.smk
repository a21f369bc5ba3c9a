"""This part of the workflow checks the configuration and names the folders of a run."""

import shlex
import shutil
import sys

import snakemake_logger_plugin_dicface as screen

from dicface.base.errors import DicfaceError
from dicface.base.suite import require_same_suite
from dicface.config.folders import as_typed
from dicface.config.load import with_budget
from dicface.jobs import JOBS
from dicface.jobs.figure import figures
from dicface.jobs.job import ANY
from dicface.provenance.manifest import write_run_manifest
from dicface.workflow import slurm
from dicface.workflow.plan import Plan

# `--config budget=quick` lays config/budget/quick.yaml over the scale: the same code, fewer steps.
try:
    require_same_suite(Path(workflow.basedir))
    config = as_typed(config, workflow.config_settings.config_args)
    config = with_budget(config, Path(workflow.basedir) / "config" / "budget")
    PLAN = Plan.of(config, workflow.configfiles)
except DicfaceError as error:
    raise WorkflowError(str(error)) from None

RUN = str(PLAN.run.folder)
TRAIN = str(PLAN.run.train_folder)
# In the shell's place, so that Snakemake is its parent.
DICFACE = f"exec {shlex.quote(sys.executable)} -m dicface.cli"


# The tables that this call of Snakemake makes.
TABLES = []


def expect(jobs):
    """Tells the screen how long jobs will take."""
    from dicface.cost.expected import expected_seconds

    asked = [(job.rule.name, job.wildcards_dict, job.threads) for job in jobs]
    seconds = expected_seconds(PLAN, asked)
    named = (screen.job_name(rule, wildcards) for rule, wildcards, _ in asked)
    screen.EXPECTED.update(zip(named, seconds, strict=True))
    TABLES.extend(words["table"] for rule, words, _ in asked if rule == "table")


# Only in the main process and not in dry runs: one run at a time writes into a folder, its merged
# settings lie beside it, and what a cluster lacks is said before the first job.
onstart:
    try:
        for name in {job.rule.name for job in workflow.dag.needrun_jobs()} & set(
            JOBS
        ):
            JOBS[name].require(PLAN)
        LOCKS = PLAN.start(alone=workflow.executor_plugin.name == "local")
        slurm.begin(workflow)
        expect(job for job in workflow.dag.needrun_jobs() if job.shellcmd)
    except DicfaceError as error:
        raise WorkflowError(str(error)) from None


onsuccess:
    # What an earlier run left in part.
    shutil.rmtree(PLAN.run.partial_tables, ignore_errors=True)
    try:
        for folder in {RUN, TRAIN}:
            write_run_manifest(folder)
        from dicface.report.run import summary

        logger.info(summary(PLAN.run, TABLES), extra={"event": screen.SUMMARY})
    except DicfaceError as error:
        raise WorkflowError(str(error)) from None


onerror:
    slurm.end_early(workflow)
    # What did end is shown, and what did not says why.
    jobs = [job for job in workflow.dag.needrun_jobs() if job.rule.name == "score"]
    undone = {(job.wildcards.task, job.wildcards.method) for job in jobs}
    left = " ".join(sorted(f"{task}/{method}" for task, method in undone))
    for table in PLAN.partial_tables(undone):
        shell("{DICFACE} job table --run {RUN} --table {table} --undone {left}")
