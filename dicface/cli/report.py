"""`dicface report RUN…`: the pages of what runs and folders of scores hold so far."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from dicface.base.errors import ConfigError
from dicface.cli.parser import Parser, add_path, examples, path

if TYPE_CHECKING:
    from dicface.report.site import Contents
    from dicface.report.site.notes import Notes

ABOUT = """
Tables of rows that have scores, clips side by side, curves, costs and provenance, from what is
there: nothing is computed but tables. A row without scores says why, also one in progress. The
workflow's target `report` makes everything first. The pages open from disk. Several runs, and
folders that `dicface score` wrote, stand on one page; rows on the same clips share a table.
"""


def register(parser: Parser) -> None:
    """Adds the command's options to a parser."""
    parser.set_defaults(command=report)
    parser.description += f"\n{ABOUT}"
    several = "folder of a run, or of scores; several are put on one page"
    parser.add_argument("run", type=path, nargs="+", metavar="RUN", help=several)
    add_path(parser, "--out", "FOLDER", help="gets the pages (default RUN/report, of several none)")
    add_path(parser, "--bundle", "FILE.zip", help="gets the pages too, as one file to share")
    examples(
        parser,
        "report results/demo",
        "report results/demo --bundle demo.zip",
        "report results/demo results/demo-seed1 scores/mine --out compared",
    )


def report(options: argparse.Namespace) -> None:
    """Writes the tables that can be filled and the pages, and says where they are."""
    from dicface.report.site import check_bundle, merged, write_bundle, write_pages
    from dicface.report.site.notes import Notes

    folders = [each.parent if each.is_file() else each for each in options.run]
    if len(folders) > 1 and not options.out:
        raise ConfigError(
            f"report: found {len(folders)} folders and no --out; expected a folder for the "
            "page of all of them, as the report of one would be replaced. Add --out FOLDER."
        )
    out = options.out or folders[0] / "report"
    if options.bundle:
        check_bundle(out, options.bundle)
    notes = Notes()
    found = [_contents(folder, notes) for folder in folders]
    with TemporaryDirectory() as files:
        contents = merged(found, notes, Path(files)) if len(found) > 1 else found[0]
        index = write_pages(contents, out)
    sys.stdout.write(f"{index}\n")
    if options.bundle:
        sys.stdout.write(f"{write_bundle(index.parent, options.bundle)}\n")


def _contents(folder: Path, notes: Notes) -> Contents:
    """What a run or a folder of scores holds, with the tables of a run that can be filled."""
    from dicface.report.run import write_tables_at_hand
    from dicface.report.site.sources import of_run
    from dicface.runs.folder import Run
    from dicface.runs.results import SCORED_FILE

    if (folder / SCORED_FILE).is_file():
        # Imported here: it takes torch along, which a run's pages often do without.
        from dicface.report.scored import of_scores

        return of_scores(folder, notes)
    run = Run.load(folder)
    write_tables_at_hand(run)
    return of_run(run, notes)
