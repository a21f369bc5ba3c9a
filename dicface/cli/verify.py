"""`dicface verify`: what no longer fits of a run."""

from __future__ import annotations

import argparse
import sys

from dicface.cli.parser import examples, path

EXIT_DOES_NOT_FIT = 1


def register(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options to a parser."""
    parser.set_defaults(command=verify_paths)
    parser.add_argument("paths", nargs="+", type=path, metavar="PATH", help="run, folder or file")
    parser.add_argument("--quick", action="store_true", help="compare sizes alone, not digests")
    examples(parser, "verify results/demo", "verify --quick results/demo/tables")


def verify_paths(options: argparse.Namespace) -> int:
    """Print what no longer fits; the exit status is 1 if something does not."""
    from dicface.jobs import files_of_a_run
    from dicface.provenance.verify import verify

    verdict = verify(
        options.paths,
        expected=files_of_a_run(),
        quick=options.quick,
        progress=sys.stderr.isatty(),
    )
    sys.stdout.write(verdict.as_text())
    return 0 if verdict.fits else EXIT_DOES_NOT_FIT
