"""`dicface score`: restored clips against their truth; several results are ranked."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
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
    nearest,
    run_of,
)

ABOUT = """
Clips are matched by name; two files are taken as one pair. What does not fit is named, and counts
as a clip without scores. Several results are ranked in one table, with paired tests, and with
--input their gain over it. The folder of scores also gets a page with every clip, the numbers of
each clip and frame as CSV, and what explains bad scores: a shift, a delay, other colours, a crop.
"""
FULL_SIZE = 512
LONGEST_NAME = 60


def register(parser: Parser) -> None:
    """Adds the command's options to a parser."""
    parser.set_defaults(command=score)
    parser.description += f"\n{ABOUT}"
    several = "restored clips: a folder, or one; several of them are ranked"
    add_path(parser, "--restored", "CLIPS", nargs="+", required=True, help=several)
    add_path(parser, "--truth", "CLIPS", required=True, help="true clips: a folder, or one")
    shown = "degraded clips: a folder, or one; a row of the table, and shown on the page"
    add_path(parser, "--input", "CLIPS", help=shown)
    parser.add_argument("--name", default="", help="of a single result (default the folder's)")
    parser.add_argument(
        "--names", nargs="+", default=[], metavar="NAME", help="of several results, in their order"
    )
    parser.add_argument(
        "--metrics",
        metavar="LIST",
        default="",
        help="what is measured, with commas between: psnr,tlme (default all)",
    )
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
        "score --restored mine theirs --truth clips --input degraded --metrics psnr,tlme",
        "score --restored restored.mp4 --truth true.mp4 --align --size 256",
        "score --restored restored --truth clips --set metrics.backbones=offline",
    )


def score(options: argparse.Namespace) -> None:
    """Scores the folders, prints the table, and says where it and the page lie."""
    from dicface.report.entries import free_folder
    from dicface.report.headers import describe
    from dicface.report.ranking import ranking_text
    from dicface.report.render.text import to_text
    from dicface.report.score_folder import score_folder

    if options.size and not options.align:
        raise ConfigError(
            f"--size: found {options.size} without --align, and aligned frames are taken as they "
            "are. Add --align to cut faces of that size out of whole frames, or leave it out."
        )
    metrics = chosen_metrics(options.metrics)
    run = run_of(options)
    given = options.names or [name for name in (options.name,) if name]
    results = dict(zip(names_of(options.restored, given), options.restored, strict=True))
    inputs = {"Input": options.input} if options.input else {}
    sys.stderr.write("\n".join(describe({"Truth": options.truth, **inputs, **results})) + "\n")
    wanted = "-".join(results).replace("/", "-")[:LONGEST_NAME]
    folders = [*results.values(), options.truth]
    found = score_folder(
        results,
        options.truth,
        options.out or free_folder(Path("scores") / wanted, folders),
        task=options.task,
        input_folder=options.input,
        align=(options.size or FULL_SIZE) if options.align else None,
        choice=run.config.data.choice if run else "largest",
        smoothing_ends=run.config.data.smoothing_ends if run else "reflect",
        metrics=metrics,
        prefer=run.config.metrics.backbones if run else "auto",
        workers=options.workers,
        device=require_device(options.device),
        command=options.typed,
    )
    texts = [to_text(found.table), *([ranking_text(found.ranking)] if found.ranking else [])]
    files = [found.files["clips"], found.files["md"], found.page]
    sys.stdout.write("\n".join([*texts, f"Written: {', '.join(map(str, files))}\n"]))


def chosen_metrics(words: str) -> tuple[str, ...]:
    """Reads `--metrics`; all where it is empty.

    Raises:
        ConfigError: A word is no metric.
    """
    from dicface.metrics import METRICS

    found = [word.strip() for word in words.split(",") if word.strip()]
    for word in found:
        if word not in METRICS:
            raise ConfigError(
                f"--metrics: found '{word}', expected some of {', '.join(METRICS)}, with commas "
                f"between{nearest(word, METRICS)}"
            )
    return tuple(name for name in METRICS if name in found or not found)


def names_of(folders: list[Path], given: Iterable[str]) -> list[str]:
    """What results are called: as given, or as their folders, with those above where these agree.

    Raises:
        ConfigError: There are more or fewer names than results, or two are the same.
    """
    from dicface.video.formats import clip_name

    names, paths = list(given), [folder.resolve() for folder in folders]
    if again := [str(folder) for folder in folders if paths.count(folder.resolve()) > 1]:
        raise ConfigError(
            f"--restored: two results are called {' and '.join(again)}, one folder. Give each once."
        )
    if names and len(names) != len(folders):
        raise ConfigError(
            f"--names: found {len(names)} ({', '.join(names)}) for {len(folders)} results; "
            "expected as many, in the same order."
        )
    depth = 1
    while not names or (len(set(names)) < len(names) and not given and depth < 8):
        names = ["/".join((*path.parts[-depth:-1], clip_name(path))) for path in paths]
        depth += 1
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(
            f"--restored: two results are called {', '.join(twice)}. Give each a name of its own "
            "by --names."
        )
    return names
