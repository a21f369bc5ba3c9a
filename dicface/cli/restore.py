"""`dicface restore`: aligned clips with one method."""

from __future__ import annotations

import argparse
import os

from dicface.cli.parser import (
    Parser,
    add_device,
    add_number,
    add_path,
    add_task,
    add_weights,
    examples,
)

ABOUT = """
Frames must be square and show one aligned face; `dicface data align` makes such clips of any
videos. A result is a lossless .mkv file of its clip's size and frame rate, without sound. Clips
that are restored already are kept.
"""


def register(parser: Parser) -> None:
    """Adds the command's options to a parser."""
    parser.set_defaults(command=restore)
    parser.description += f"\n{ABOUT}"
    method = "a name of `dicface methods list`"
    parser.add_argument("--method", required=True, help=method)
    add_path(parser, "--input", "CLIPS", required=True, help="degraded clips: a folder, or one")
    add_path(parser, "--out", "FOLDER", required=True, help="gets the restored clips")
    add_weights(parser)
    add_task(parser, "bfr")
    add_device(parser, "auto", "auto: a GPU where there is one")
    add_number(parser, "--threads", help="of the processor (default all)")
    examples(
        parser,
        "restore --method codeformer --input clips --out restored",
        "restore --method dicface --task inpainting --input masked --out filled --device cuda",
        "restore --method dicface_trained --weights weights.safetensors --input a.mp4 --out out",
    )


def restore(options: argparse.Namespace) -> None:
    """Restores every clip that is not restored yet."""
    from dicface.cli.job import use_torch
    from dicface.methods import create
    from dicface.restoring.runner import restore_set

    device = use_torch(options.threads or os.cpu_count() or 1, options.device)
    method = create(options.method, task=options.task, device=device, weights=options.weights)
    restore_set(method, options.input, options.out)
