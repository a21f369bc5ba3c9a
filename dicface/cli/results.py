"""`dicface results export | add | check`: rows as records, to publish and to compare with."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from dicface.base.counts import how_many
from dicface.base.errors import ConfigError, MetricError
from dicface.cli.parser import Parser, add_path, examples, path

EXIT_DOES_NOT_FIT = 1


def register(parser: Parser) -> None:
    """Adds the three commands to a parser; each sets `command` to a function of the options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def add_action(name: str, command: Callable[[argparse.Namespace], int | None]) -> Parser:
        sub = actions.add_parser(name, help=command.__doc__, description=command.__doc__)
        sub.set_defaults(command=command)
        return sub

    exporting = add_action("export", export_records)
    add_path(exporting, "--run", "FOLDER", help="a run, such as results/demo")
    add_path(exporting, "--scores", "FOLDER", help="what `dicface score` wrote; with --truth")
    add_path(exporting, "--truth", "CLIPS", help="the true clips that --scores was made with")
    exporting.add_argument(
        "--methods", nargs="+", default=[], metavar="NAME", help="rows of the run (default all)"
    )
    add_path(exporting, "--out", "FOLDER", default=Path("records"), help="default records")
    adding = add_action("add", add_record)
    adding.add_argument("file", type=path, metavar="FILE")
    add_path(adding, "--run", "FOLDER", required=True, help="a run, such as results/demo")
    adding.add_argument("--name", default="", metavar="NAME", help="of the row (default its own)")
    checking = add_action("check", check_records)
    checking.add_argument("files", nargs="+", type=path, metavar="FILE")
    add_path(checking, "--run", "FOLDER", help="a run that they are to be comparable with")
    examples(
        parser,
        "results export --run results/demo --methods dicface_trained",
        "results export --scores scores/mine --truth clips",
        "results check records/mine.json --run results/demo",
        "results add records/mine.json --run results/demo",
    )


def export_records(options: argparse.Namespace) -> None:
    """Write the record of each row of a run, or of what `dicface score` wrote."""
    from dicface.report.records.export import records_of_run, records_of_scores
    from dicface.runs.folder import Run

    if bool(options.run) == bool(options.scores) or bool(options.scores) != bool(options.truth):
        raise ConfigError(
            "expected --run RUN, or --scores FOLDER with --truth CLIPS. Give one of the two."
        )
    if options.run:
        records = records_of_run(Run.load(options.run), options.methods)
    else:
        records = records_of_scores(options.scores, options.truth)
    for record in records:
        task = "" if record.task == "bfr" else f"{record.task}_"
        out = options.out / f"{task}{record.method}.json"
        record.write(out)
        sys.stdout.write(f"{out}\n")


def add_record(options: argparse.Namespace) -> None:
    """Put a record beside a run's own rows, if its protocol and clips are the run's."""
    from dicface.report.records.shelf import add
    from dicface.runs.folder import Run

    record = add(options.file, Run.load(options.run), name=options.name)
    sys.stdout.write(
        f"{record.label}: added; `dicface report {options.run}`, or making the table again, shows "
        "its row.\n"
    )


def check_records(options: argparse.Namespace) -> int:
    """Check records: schema, digest, and with --run protocol and clips; 1 if one does not fit."""
    from dicface.report.records.record import read_record
    from dicface.report.records.shelf import require_same, truth_of
    from dicface.runs.folder import Run

    run = Run.load(options.run) if options.run else None
    clips = truth_of(run) if run else None
    wrong = 0
    for file in options.files:
        try:
            record = read_record(file)
            if run:
                require_same(record, run, clips)
        except MetricError as error:
            wrong += 1
            sys.stdout.write(f"WRONG  {file}: {str(error).removeprefix(f'{file}: ')}\n")
        else:
            count = len(record.clips)
            sys.stdout.write(
                f"good   {file}: {record.label}, {how_many(count, 'clip')}, {record.protocol}\n"
            )
    return EXIT_DOES_NOT_FIT if wrong else 0
