"""`dicface plan`: what a run will cost, on the command line."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import yaml

from dicface.base.errors import ConfigError

HELP = "Say what a run will cost before it starts: jobs, hours, disk, downloads."
CORES_OF_A_GPU = 16
"""Cores beside each GPU, for the wall time, unless said otherwise; what a training asks for."""


def register(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments; sets `command` to a function of the options."""
    parser.set_defaults(command=plan)
    parser.add_argument(
        "--target",
        nargs="+",
        metavar="TARGET",
        help="rules or files (default: tables 1 to 4, ablations, figures, report, all)",
    )
    parser.add_argument(
        "--configfile", nargs="+", type=Path, default=[], metavar="FILE", help="as snakemake's"
    )
    parser.add_argument(
        "--config",
        nargs="+",
        dest="settings",
        default=[],
        metavar="KEY=VALUE",
        help="as snakemake's",
    )
    parser.add_argument(
        "--gpu", help="GPU of the table of rates, where device is cuda (default a100)"
    )
    parser.add_argument(
        "--gpus", type=int, help="GPUs, for the wall time (default compute.devices)"
    )
    parser.add_argument(
        "--cores",
        type=int,
        help=f"cores, for the wall time (default: this machine's, or {CORES_OF_A_GPU} a GPU)",
    )
    parser.add_argument(
        "--rates", type=Path, help="another table of rates than the one of the suite"
    )
    parser.add_argument(
        "--measured",
        type=Path,
        metavar="RUN",
        help="a finished run on this machine: its benchmarks correct the rates",
    )
    parser.add_argument(
        "--no-missing-rows",
        action="store_true",
        help="leave out systems whose released weights are not here, as snakemake does",
    )
    parser.add_argument("--json", action="store_true", help="print JSON: seconds and bytes")


def plan(options: argparse.Namespace) -> None:
    """Print what a run will cost before it starts."""
    from dicface.cost.estimate import TARGETS, cost_of_targets
    from dicface.cost.jobs import ask_snakemake
    from dicface.cost.measured import corrections_from
    from dicface.cost.model import DEFAULT_GPU, Model
    from dicface.cost.rates import TABLE, read_rates
    from dicface.cost.sizes import Sizes
    from dicface.cost.text import as_json, as_text
    from dicface.workflow.plan import Plan

    rates = read_rates(options.rates or TABLE)
    gpu = options.gpu or DEFAULT_GPU
    if gpu not in rates.gpus():
        known = ", ".join(rates.gpus())
        raise ConfigError(
            f"--gpu: found '{gpu}', {rates.path} has {known}; choose one or add rows."
        )
    targets = options.target or list(TARGETS)
    graph = ask_snakemake(
        targets,
        configfiles=options.configfile,
        config=settings_of(options.settings),
        missing_rows=not options.no_missing_rows,
    )
    plan = Plan.of(graph.config)
    gpus = plan.config.compute.devices if options.gpus is None else options.gpus
    on_cpu = not plan.config.device.startswith("cuda")
    cores = options.cores or (os.cpu_count() if on_cpu else CORES_OF_A_GPU * max(1, gpus)) or 1
    if gpus < 0 or cores < 1:
        raise ConfigError(f"found {gpus} GPUs and {cores} cores; expected 0 and 1 or more.")
    model = Model(plan=plan, sizes=Sizes(plan), rates=rates, gpu=gpu, cores=cores)
    corrections = corrections_from(options.measured, model) if options.measured else None
    answer = cost_of_targets(graph, model, targets, gpus=gpus, corrections=corrections)
    sys.stdout.write(as_json(answer, rates) if options.json else as_text(answer))


def settings_of(words: list[str]) -> dict[str, Any]:
    """Returns what `--config` says, values read as YAML.

    Raises:
        ConfigError: A word is no KEY=VALUE.
    """
    settings = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise ConfigError(f"--config: found '{word}', expected KEY=VALUE.")
        try:
            settings[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            settings[key] = value
    return settings
