"""`dicface plan`: what a run will cost, on the command line."""

from __future__ import annotations

import argparse
import os
import sys

from dicface.base.errors import ConfigError
from dicface.cli.parser import add_config, add_number, add_path, examples

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
    add_config(parser)
    kind = "kind of GPU in the table of rates, where device is cuda (default a100)"
    parser.add_argument("--gpu", metavar="NAME", help=kind)
    add_number(parser, "--gpus", type=int, help="GPUs, for the wall time (default compute.devices)")
    cores = f"cores, for the wall time (default this machine's, or {CORES_OF_A_GPU} a GPU)"
    add_number(parser, "--cores", help=cores)
    add_path(parser, "--rates", "FILE", help="another table of rates than the suite's")
    measured = "a finished run on this machine: its benchmarks correct the rates"
    add_path(parser, "--measured", "FOLDER", help=measured)
    parser.add_argument(
        "--no-missing-rows",
        action="store_true",
        help="leave out systems whose released weights are not here, as snakemake does",
    )
    parser.add_argument("--json", action="store_true", help="print JSON: seconds and bytes")
    examples(
        parser,
        "plan",
        "plan --config config/paper.yaml --target table1 --gpu h100 --gpus 8",
        "plan --set budget=quick data.test.num_clips=3 --measured results/demo",
    )


def plan(options: argparse.Namespace) -> None:
    """Print what a run will cost before it starts."""
    from dicface.config.load import with_values
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
        configfiles=options.config or (),
        config=with_values({}, options.set or ()),
        missing_rows=not options.no_missing_rows,
    )
    plan = Plan.of(graph.config)
    gpus = plan.config.compute.devices if options.gpus is None else options.gpus
    on_cpu = not plan.config.device.startswith("cuda")
    cores = options.cores or (os.cpu_count() if on_cpu else CORES_OF_A_GPU * max(1, gpus)) or 1
    if gpus < 0:
        raise ConfigError(f"--gpus: found {gpus}, expected 0 or more.")
    model = Model(plan=plan, sizes=Sizes(plan), rates=rates, gpu=gpu, cores=cores)
    corrections = corrections_from(options.measured, model) if options.measured else None
    answer = cost_of_targets(graph, model, targets, gpus=gpus, corrections=corrections)
    sys.stdout.write(as_json(answer, rates) if options.json else as_text(answer))
