"""`dicface job NAME`: one job of a run, as the workflow calls it."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from dicface.base.device import require_device
from dicface.config.load import merge
from dicface.jobs import JOBS, Job
from dicface.provenance.manifest import recorded
from dicface.runs.folder import Run

HELP = "Do one job of the workflow in a run."

_RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID")


def register(parser: argparse.ArgumentParser) -> None:
    """Adds one command for each job; its fields are its options."""
    names = parser.add_subparsers(dest="job", required=True, metavar="NAME")
    for name, job in JOBS.items():
        sub = names.add_parser(name, help=job.__doc__, description=job.__doc__)
        sub.set_defaults(command=carry_out)
        where = sub.add_mutually_exclusive_group(required=True)
        where.add_argument("--run", type=Path, metavar="FOLDER", help="a run, such as results/demo")
        where.add_argument(
            "--config",
            type=Path,
            nargs="+",
            metavar="FILE",
            help="a configuration that names the run; each further file is laid over those before",
        )
        for each in dataclasses.fields(job):
            if "wildcard" in each.metadata:
                sub.add_argument(f"--{each.name}", required=True, help=each.metadata["help"])
            elif "argument" in each.metadata:
                argument = {"type": type(each.default), **each.metadata["argument"]}
                help_ = f"{each.metadata['help']} (default {each.default or 'none'})"
                sub.add_argument(f"--{each.name}", default=each.default, help=help_, **argument)
        sub.add_argument("--dry-run", action="store_true", help="say what it would do, and stop")


def carry_out(options: argparse.Namespace) -> None:
    """Does the job and records what it made."""
    kind = JOBS[options.job]
    if options.run:
        run = Run.load(options.run)
    else:
        run = Run.of(merge(*options.config), ", ".join(map(str, options.config)))
    chosen = {each.name for each in dataclasses.fields(kind)} - {"run"}
    job = kind(run=run, **{name: getattr(options, name) for name in chosen})
    if options.dry_run:
        sys.stdout.write(job.describe())
        return
    if not options.run:
        run.write_settings()
    if kind.computes:
        use_torch(run.config.threads, run.config.device)
    if is_first_process():
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


def is_first_process() -> bool:
    """Whether this is the process of a training that writes files, or no training of several."""
    return next((int(os.environ[name]) for name in _RANKS if name in os.environ), 0) == 0
