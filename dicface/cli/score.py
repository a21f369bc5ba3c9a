"""`dicface score`: restored clips against their truth."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dicface.base.device import require_device
from dicface.base.errors import ConfigError
from dicface.cli.parser import (
    Parser,
    add_device,
    add_path,
    add_run,
    add_size,
    add_task,
    add_workers,
    examples,
    run_of,
)

ABOUT = """
Clips are matched by name; two files are taken as one pair. What does not fit is named, and counts
as a clip without scores. The folder of results also gets a page with every clip.
"""
FULL_SIZE = 512


def register(parser: Parser) -> None:
    """Adds the command's options to a parser."""
    parser.set_defaults(command=score)
    parser.description += f"\n{ABOUT}"
    add_path(parser, "--restored", "CLIPS", required=True, help="restored clips: a folder, or one")
    add_path(parser, "--truth", "CLIPS", required=True, help="true clips: a folder, or one")
    shown = "degraded clips: a folder, or one; shown on the page, not scored"
    add_path(parser, "--input", "CLIPS", help=shown)
    parser.add_argument("--name", default="", help="of the results (default the folder's)")
    add_path(parser, "--out", "FOLDER", help="gets scores and page (default scores/NAME)")
    parser.add_argument(
        "--align",
        action="store_true",
        help="cut the faces out of whole frames, where the true clips have them, --size px large",
    )
    add_size(parser, None, f"{FULL_SIZE}; aligned frames are taken as they are")
    add_task(parser, "bfr")
    add_device(parser, "auto", "auto: a GPU where there is one")
    add_workers(parser)
    add_run(parser)
    examples(
        parser,
        "score --restored restored --truth clips",
        "score --restored restored.mp4 --truth true.mp4 --align --size 256",
        "score --restored restored --truth clips --set metrics.backbones=offline",
    )


def score(options: argparse.Namespace) -> None:
    """Scores the folder, prints the table, and says where it and the page lie."""
    from dicface.report.render.text import to_text
    from dicface.report.score_folder import score_folder
    from dicface.video.formats import clip_name

    if options.size and not options.align:
        raise ConfigError(
            f"--size: found {options.size} without --align, and aligned frames are taken as they "
            "are. Add --align to cut faces of that size out of whole frames, or leave it out."
        )
    run = run_of(options)
    name = options.name or clip_name(options.restored.resolve())
    result = score_folder(
        options.restored,
        options.truth,
        options.out or Path("scores") / name.replace("/", "-"),
        name=name,
        task=options.task,
        input_folder=options.input,
        align=(options.size or FULL_SIZE) if options.align else None,
        choice=run.config.data.choice if run else "largest",
        smoothing_ends=run.config.data.smoothing_ends if run else "reflect",
        prefer=run.config.metrics.backbones if run else "auto",
        workers=options.workers,
        device=require_device(options.device),
        command=options.typed,
    )
    files = [result.folder / "metrics.parquet", result.files["md"], result.page]
    sys.stdout.write(f"{to_text(result.table)}\nWritten: {', '.join(map(str, files))}\n")
