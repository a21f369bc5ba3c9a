"""`dicface job NAME`: one job of a run, as the workflow calls it."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Sequence

from dicface.base.device import require_device
from dicface.base.errors import ConfigError
from dicface.base.files import working_in
from dicface.cli.parser import add_number, add_run, examples, run_of
from dicface.jobs import JOBS, Job
from dicface.provenance.manifest import recorded

_RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID")


def register(parser: argparse.ArgumentParser) -> None:
    """Adds one command for each job; its fields are its options."""
    jobs = parser.add_subparsers(dest="job", required=True, metavar="NAME")
    for name, job in JOBS.items():
        sub = jobs.add_parser(name, help=job.__doc__, description=job.__doc__)
        sub.set_defaults(command=carry_out)
        add_run(sub)
        for each in dataclasses.fields(job):
            if "wildcard" in each.metadata:
                kind = {"required": True, "metavar": each.name.upper()}
                sub.add_argument(f"--{each.name}", help=each.metadata["help"], **kind)
            elif "argument" in each.metadata:
                help_ = f"{each.metadata['help']} (default {each.default or 'none'})"
                how = {"default": each.default, "help": help_, **each.metadata["argument"]}
                add = add_number if isinstance(each.default, int) else type(sub).add_argument
                add(sub, f"--{each.name}", **how)
        sub.add_argument("--dry-run", action="store_true", help="say what it would do, and stop")
        words = "".join(f" --{word} {word.upper()}" for word in job.wildcards())
        examples(sub, f"job {name} --run results/demo{words} --dry-run")
    examples(
        parser,
        "job train --run results/demo --network dicface",
        "job train --config config/paper.yaml --network dicface --dry-run",
        "job score --run results/demo --task bfr --method input --workers 2",
    )


def carry_out(options: argparse.Namespace) -> None:
    """Does the job and records what it made.

    Raises:
        ConfigError: No run is named.
    """
    kind, run = JOBS[options.job], run_of(options)
    if run is None:
        raise ConfigError(
            "found neither --run nor --config; give the folder of a run, such as --run "
            "results/demo, or settings."
        )
    chosen = {each.name for each in dataclasses.fields(kind)} - {"run"}
    job = kind(run=run, **{name: getattr(options, name) for name in chosen})
    if options.dry_run:
        sys.stdout.write(job.describe())
        return
    with working_in(run.folder):
        if not options.run:
            run.write_settings()
        if kind.computes:
            use_torch(run.config.threads, run.config.device)
        if is_first_process(job):
            with recorded(job.artefact(), ["dicface", *command_of(job)]):
                job.work()
        else:
            job.work()


def command_of(job: Job) -> Sequence[str]:
    """Returns the words that repeat a job: its name, its run, and what tells it from others."""
    words = ["job", job.name, "--run", str(job.run.folder)]
    return words + [w for name in job.wildcards() for w in (f"--{name}", getattr(job, name))]


def use_torch(threads: int, device: str) -> str:
    """Gives torch its number of threads; returns its device, which is there.

    A fixed number, so that results repeat bit for bit whatever --cores says, and jobs side by side
    do not each take every core.

    Raises:
        ConfigError: The device is not there.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    device = require_device(device)
    import torch

    torch.set_num_threads(threads)
    return device


def is_first_process(job: Job) -> bool:
    """Whether this is the process of a job that records what it made.

    The ranks of other programs around a job of one process, such as those of the Slurm job from
    which all is called, are not its own.
    """
    ranks = (int(os.environ[name]) for name in _RANKS if name in os.environ)
    return job.processes == 1 or next(ranks, 0) == 0
