"""`dicface score`: a folder of restored clips against their truth."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dicface.base.device import HELP as HELP_OF_DEVICE
from dicface.base.device import require_device
from dicface.config.load import load
from dicface.config.settings import TASKS

HELP = "Score a folder of restored clips against their truth; needs no run."


def register(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options to a parser."""
    parser.set_defaults(command=score)
    parser.add_argument("--restored", type=Path, required=True, help="restored clips")
    parser.add_argument("--truth", type=Path, required=True, help="true clips")
    parser.add_argument("--name", default="", help="(default the folder's)")
    parser.add_argument("--out", type=Path, help="(default scores/NAME)")
    parser.add_argument(
        "--input", type=Path, help="degraded clips to show beside the results on the page"
    )
    parser.add_argument(
        "--align",
        type=int,
        nargs="?",
        const=512,
        metavar="PX",
        help="cut the faces out of whole frames, where the true clips have them (default 512 px)",
    )
    parser.add_argument("--task", choices=TASKS, default="bfr", help="(default bfr)")
    parser.add_argument("--device", default="auto", help=HELP_OF_DEVICE)
    parser.add_argument("--workers", type=int, default=1, help="processes (default 1)")
    parser.add_argument(
        "--config",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="a run's configuration: its choice of networks that measure (default: auto)",
    )


def score(options: argparse.Namespace) -> None:
    """Scores the folder, prints the table, and says where it and the page lie."""
    from dicface.report.render.text import to_text
    from dicface.report.score_folder import score_folder

    name = options.name or options.restored.resolve().name
    result = score_folder(
        options.restored,
        options.truth,
        options.out or Path("scores") / name,
        name=name,
        task=options.task,
        input_folder=options.input,
        align=options.align,
        prefer=load(*options.config).metrics.backbones if options.config else "auto",
        workers=options.workers,
        device=require_device(options.device),
        command=options.typed,
    )
    files = [result.folder / "metrics.parquet", result.files["md"], result.page]
    sys.stdout.write(f"{to_text(result.table)}\nWritten: {', '.join(map(str, files))}\n")
