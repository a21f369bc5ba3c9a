"""`dicface restore`: a folder of aligned clips with one method."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from dicface.base.device import HELP as HELP_OF_DEVICE
from dicface.config.settings import TASKS

HELP = "Restore a folder of aligned clips with one method; needs no run."


def register(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options to a parser."""
    parser.set_defaults(command=restore)
    parser.add_argument("--method", required=True, help="a name of `dicface method list`")
    parser.add_argument("--input", type=Path, required=True, help="folder of clips")
    parser.add_argument("--out", type=Path, required=True, help="folder of the restored clips")
    parser.add_argument("--weights", type=Path, help="weights trained here")
    parser.add_argument("--task", choices=TASKS, default="bfr", help="(default bfr)")
    parser.add_argument("--device", default="auto", help=HELP_OF_DEVICE)
    parser.add_argument("--threads", type=int, default=0, help="of the processor (default all)")


def restore(options: argparse.Namespace) -> None:
    """Restores every clip that is not restored yet."""
    from dicface.cli.job import use_torch
    from dicface.methods import create
    from dicface.restoring.runner import restore_set

    device = use_torch(options.threads or os.cpu_count() or 1, options.device)
    method = create(options.method, task=options.task, device=device, weights=options.weights)
    restore_set(method, options.input, options.out)
