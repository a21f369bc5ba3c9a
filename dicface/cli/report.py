"""`dicface report RUN`: the pages of what a run holds so far."""

from __future__ import annotations

import argparse
import sys

from dicface.cli.parser import Parser, add_path, examples, path

ABOUT = """
Tables of rows that have scores, clips side by side, curves, costs and provenance, from what is
there: nothing is computed but tables. A row without scores says why, also one in progress. The
workflow's target `report` makes everything first. The pages open from disk.
"""


def register(parser: Parser) -> None:
    """Adds the command's options to a parser."""
    parser.set_defaults(command=report)
    parser.description += f"\n{ABOUT}"
    parser.add_argument("run", type=path, metavar="RUN", help="folder of a run")
    add_path(parser, "--out", "FOLDER", help="gets the pages (default RUN/report)")
    add_path(parser, "--bundle", "FILE.zip", help="gets the pages too, as one file to share")
    examples(parser, "report results/demo", "report results/demo --bundle demo.zip")


def report(options: argparse.Namespace) -> None:
    """Writes the tables that can be filled and the pages, and says where they are."""
    from dicface.report.run import write_tables_at_hand
    from dicface.report.site import check_bundle, write_bundle, write_report
    from dicface.runs.folder import Run

    run = Run.load(options.run)
    if options.bundle:
        check_bundle(options.out or run.report, options.bundle)
    write_tables_at_hand(run)
    index = write_report(run, options.out)
    sys.stdout.write(f"{index}\n")
    if options.bundle:
        sys.stdout.write(f"{write_bundle(index.parent, options.bundle)}\n")
