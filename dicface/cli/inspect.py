"""`dicface inspect WEIGHTS`: what the codes of a network do."""

from __future__ import annotations

import argparse
import json
import os
import sys

from dicface.base.errors import ConfigError
from dicface.cli.parser import (
    Parser,
    add_device,
    add_number,
    add_run,
    examples,
    path,
    run_of,
)

ABOUT = """
WEIGHTS is a .safetensors file of a training, a name of `dicface weights list`, or a file that the
authors of DicFace or CodeFormer released. Clips are the test clips of the run that the file lies
in, or of --run, or your own: see docs/inspect.md.
"""


def register(parser: Parser) -> None:
    """Adds the command's options to a parser."""
    parser.set_defaults(command=inspect)
    parser.description += f"\n{ABOUT}"
    parser.add_argument("weights", metavar="WEIGHTS", help="a file, or a name of the registry")
    clips = "true clips, and their inputs; made of the truth as in training if only that is given"
    parser.add_argument("--clips", nargs="+", type=path, metavar="FOLDER", help=clips)
    add_number(parser, "--frames", help="look at the first N frames of each clip (default all)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_device(parser, "auto", "auto: a GPU where there is one")
    add_number(parser, "--threads", help="of the processor (default all)")
    add_run(parser)
    examples(
        parser,
        "inspect results/demo/train/dicface/weights.safetensors",
        "inspect weights.safetensors --clips results/demo/clips/train --frames 8",
        "inspect dicface_bfr --clips truth degraded --json",
    )


def inspect(options: argparse.Namespace) -> None:
    """Prints what was found.

    Raises:
        ConfigError: No clips are named, and the weights lie in no run.
    """
    from dicface.cli.job import use_torch
    from dicface.report.inspection.clips import pairs_of_folders, pairs_of_run, run_of_weights
    from dicface.report.inspection.measure import inspect_weights
    from dicface.report.inspection.opened import open_weights
    from dicface.report.inspection.text import to_screen

    device = use_torch(options.threads or os.cpu_count() or 1, options.device)
    run = run_of(options)
    if run and options.clips:
        raise ConfigError("found --clips beside a run, which has test clips. Give one of them.")
    opened = open_weights(options.weights, device=device)
    task = opened.method.task
    if options.clips:
        pairs = pairs_of_folders(options.clips, task, opened.facts.get("inputs", {}))
    elif run := run or run_of_weights(opened.path):
        pairs = pairs_of_run(run, task)
    else:
        raise ConfigError(
            f"{opened.path}: lies in no run, whose test clips would serve. Name clips by --clips "
            "TRUTH [INPUT], or a run by --run."
        )
    progress = sys.stderr.isatty() and not options.json
    found = inspect_weights(opened, pairs, num_frames=options.frames, progress=progress)
    if options.json:
        sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(to_screen(found))
