"""Slurm: what a job asks for, whether the cluster can give it, and submission without a plugin.

`python -m dicface.workflow.slurm JOBSCRIPT` submits one job script of Snakemake and prints its
Slurm id; `profiles/slurm-generic` calls it. Snakemake's Slurm plugin submits by itself; both read
the same resources of a job: `slurm_partition`, `slurm_account`, `qos`, `constraint`, `slurm_extra`,
`nodes`, `gpu`, `mem_mb` and `runtime` (minutes).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shlex
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicface.base.device import num_gpus
from dicface.base.errors import ClusterError

logger = logging.getLogger(__name__)

#: Executors of Snakemake that may hand jobs to Slurm.
EXECUTORS = ("slurm", "cluster-generic")
#: A job writes its exit status here, so that its fate is known while the controller is away.
STATUS_FOLDER = Path(".snakemake/slurm_status")
#: Names the run in the comment of each of its jobs.
RUN_VARIABLE = "DICFACE_SLURM_RUN"
#: What Slurm's commands say while the controller is away, and seconds until they are asked again.
UNREACHABLE = "Unable to contact slurm controller"
RETRY_SECONDS = 5


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the jobs of a rule ask for: `resources` as Snakemake holds them."""

    rule: str
    threads: int
    resources: Mapping[str, Any]

    @property
    def gpus(self) -> int:
        """Number of GPUs."""
        return int(self.resources.get("gpu", 0) or 0)

    def sbatch_options(self) -> list[str]:
        """Returns the options of `sbatch` that ask for it, on one node if not said otherwise."""
        given = {name: value for name, value in self.resources.items() if value not in (None, "")}
        options = [
            f"--nodes={given.get('nodes', 1)}",
            "--ntasks=1",
            f"--cpus-per-task={self.threads}",
        ]
        names = {
            "slurm_partition": "partition",
            "slurm_account": "account",
            "qos": "qos",
            "constraint": "constraint",
            "mem_mb": "mem",
            "runtime": "time",
        }
        options += [f"--{names[key]}={given[key]}" for key in names if key in given]
        if self.gpus:
            options.append(f"--gpus={self.gpus}")
        return options + shlex.split(str(given.get("slurm_extra", "")))


def begin(workflow: Any) -> None:  # noqa: ANN401 - Snakemake's own object
    """Checks what the jobs of a run ask for, before the first one; called by the workflow.

    Raises:
        ClusterError: As `check_requests`.
    """
    os.environ[RUN_VARIABLE] = f"dicface-{uuid.uuid4()}"
    requests = [
        Request(rule=job.rule.name, threads=job.threads, resources=dict(job.resources.items()))
        for job in workflow.dag.needrun_jobs()
        if not job.is_local
    ]
    check_requests(workflow.executor_plugin.name, requests)


def end_early(workflow: Any) -> None:  # noqa: ANN401 - Snakemake's own object
    """Cancels what is left of a run that failed or was interrupted.

    Snakemake cancels the jobs that it holds at that moment, and holds none while it asks for their
    states.
    """
    executor = workflow.executor_plugin.name
    if executor in EXECUTORS and shutil.which("scancel") and (left := _left(executor)):
        _run("scancel", *left)


def check_requests(executor: str, requests: Iterable[Request]) -> None:
    """Says before the first job what this machine or the cluster cannot give.

    Args:
        executor: Name of Snakemake's executor: local, slurm, cluster-generic, …
        requests: What the jobs to come ask for. Other clusters than Slurm are not asked.

    Raises:
        ClusterError: The partition, account or quality of service does not exist, no node has
            so many GPUs, cores or so much memory, the time limit is above the partition's, or
            jobs of an earlier run in this folder are still there.
    """
    by_options = {tuple(each.sbatch_options()): each for each in requests}
    if executor == "local":
        _check_own_gpus(by_options.values())
    elif executor in EXECUTORS and (executor == "slurm" or shutil.which("sbatch")):
        if executor == "slurm":
            _check_what_the_plugin_needs()
        for options, request in by_options.items():
            _check_slurm(options, request)


def submit(script: str) -> str:
    """Submits a job script of Snakemake and returns the job's Slurm id.

    Jobs with the same outputs never run at the same time: a job left behind by a killed run ends
    before its successor starts. A job is never requeued behind Snakemake's back. While the
    controller is away, this waits for it.

    Raises:
        ClusterError: `sbatch` refuses it.
    """
    properties = json.loads(script.split("# properties = ", 1)[1].split("\n", 1)[0])
    request = Request(
        rule=properties["rule"],
        threads=properties["threads"],
        resources=properties["resources"],
    )
    outputs = "\n".join(str(Path(path).absolute()) for path in properties["output"])
    log = Path(properties["log"][0] if properties["log"] else f".snakemake/{request.rule}.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    STATUS_FOLDER.mkdir(parents=True, exist_ok=True)
    command = [
        "sbatch",
        "--parsable",
        "--no-requeue",
        "--dependency=singleton",
        f"--comment={os.environ.get(RUN_VARIABLE, '')}",
        f"--job-name={request.rule}-{hashlib.sha256(outputs.encode()).hexdigest()[:12]}",
        f"--output={log.with_suffix('')}.slurm-%j.log",
        *request.sbatch_options(),
    ]
    while UNREACHABLE in (done := _run(*command, script=_with_status(script))).stderr:
        time.sleep(RETRY_SECONDS)
    if done.returncode:
        raise ClusterError(f"Slurm refuses a job of rule {request.rule}: {_one_line(done.stderr)}")
    return done.stdout.strip().split(";")[0]


def _with_status(script: str) -> str:
    """The script, which leaves its exit status in the status folder however it ends by itself."""
    shebang, rest = script.split("\n", 1)
    path = shlex.quote(str(STATUS_FOLDER.absolute()))
    # The rename makes the status appear whole.
    note = f'echo $? > {path}/.$SLURM_JOB_ID; mv {path}/.$SLURM_JOB_ID {path}/"$SLURM_JOB_ID"'
    return f"{shebang}\ntrap {shlex.quote(note)} EXIT\n{rest}"


def _check_own_gpus(requests: Iterable[Request]) -> None:
    wanted = max(requests, key=lambda each: each.gpus, default=None)
    if wanted is None or wanted.gpus == 0:
        return
    found = num_gpus()
    if found < wanted.gpus:
        raise ClusterError(
            f"rule {wanted.rule} asks for {wanted.gpus} GPU(s), found {found} on this machine. "
            "Set `device: cpu` or `resources` in the configuration, or run on a cluster "
            "(docs/cluster.md)."
        )


def _check_what_the_plugin_needs() -> None:
    if shutil.which("sbatch") is None:
        raise ClusterError("sbatch is not on PATH. Start on a node from which jobs are submitted.")
    if left := _left("slurm"):
        raise ClusterError(
            f"jobs of another run in this folder wait or run: {', '.join(left)}. Two jobs must not "
            f"write the same files: wait for them, or `scancel {' '.join(left)}`, then run the "
            "same command again."
        )
    settings = _run("scontrol", "show", "config").stdout
    if "AccountingStorageType   = accounting_storage/none" in settings:
        logger.warning(
            "This Slurm has no accounting database, so that an outage of its controller would "
            "hang this run; with `--profile profiles/slurm-generic` it does not."
        )


def _left(executor: str) -> list[str]:
    """Ids of jobs that wait or run: of this run, or, where jobs do not name it, of this folder."""
    asked = _run("squeue", "--me", "--noheader", "--format=%i|%k|%Z")
    if UNREACHABLE in asked.stderr:
        logger.warning(
            "Slurm's controller is away; look later with `squeue --me` at what is running."
        )
    ours = str(Path.cwd()) if executor == "slurm" else os.environ.get(RUN_VARIABLE)
    column = 2 if executor == "slurm" else 1
    rows = (line.split("|") for line in asked.stdout.splitlines())
    return [fields[0] for fields in rows if fields[column] == ours]


def _check_slurm(options: Sequence[str], request: Request) -> None:
    done = _run("sbatch", "--test-only", *options, script="#!/bin/sh\n")
    found = _one_line(done.stderr) if done.returncode else _beyond_time_limit(request)
    if found:
        partitions = _run("sinfo", "--noheader", "--format=%P (%l, %D x %c cores %m MB %G)").stdout
        raise ClusterError(
            f"Slurm cannot run the jobs of rule {request.rule}, which ask for "
            f"{' '.join(options)}: {found}. Its partitions (limit, nodes): "
            f"{'; '.join(partitions.split(chr(10))).strip('; ') or 'none'}. Change `resources` in "
            "the configuration, or partition, account and qos in the profile's default-resources."
        )


def _beyond_time_limit(request: Request) -> str:
    """Slurm may accept a job whose time limit is above the partition's, and never start it."""
    runtime = request.resources.get("runtime")
    partition = request.resources.get("slurm_partition")
    if not isinstance(runtime, int | float):
        return ""
    query = ["--partition", str(partition)] if partition else []
    lines = _run("sinfo", "--noheader", "--format=%P %l", *query).stdout.split("\n")
    rows = [line.split() for line in lines if line]
    limits = {name.strip("*"): limit for name, limit in rows if partition or name.endswith("*")}
    minutes = [_minutes(limit) for limit in limits.values()]
    # Of several partitions Slurm takes the first that can; one that is long enough is enough.
    if not minutes or any(limit is None or runtime <= limit for limit in minutes):
        return ""
    longest = f"{max(minutes):g}" + (f" of {', '.join(limits)}" if len(limits) > 1 else "")
    return f"{runtime} minutes are above the partition's limit of {longest}"


def _minutes(limit: str) -> float | None:
    """Minutes of Slurm's `[days-][hours:]minutes:seconds`; None for "infinite".

    >>> _minutes("1-12:30:00"), _minutes("30:00"), _minutes("infinite")
    (2190.0, 30.0, None)
    """
    days, _, clock = limit.rpartition("-")
    parts = clock.split(":")
    if not all(part.isdigit() for part in parts):
        return None
    hours, minutes, seconds = [0] * (3 - len(parts)) + [int(part) for part in parts]
    return (int(days or 0) * 24 + hours) * 60 + minutes + seconds / 60


def _run(*command: str, script: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=script, capture_output=True, text=True)


def _one_line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{submit(Path(sys.argv[1]).read_text())}\n")
    except ClusterError as error:
        sys.exit(f"dicface.workflow.slurm: {error}")
