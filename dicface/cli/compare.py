"""`dicface compare`: two runs on the same clips, and what differs between them."""

from __future__ import annotations

import argparse
import sys

from dicface.cli.parser import Parser, examples, path

ABOUT = """
Rows that both runs have are compared clip by clip, B − A, with paired tests. What differs in
settings, code, packages, machine and weights is listed below.
"""


def register(parser: Parser) -> None:
    """Adds the command's options to a parser."""
    parser.set_defaults(command=compare_runs)
    parser.description += f"\n{ABOUT}"
    parser.add_argument("first", type=path, metavar="RUN_A", help="folder of a run")
    parser.add_argument("second", type=path, metavar="RUN_B", help="folder of another one")
    examples(parser, "compare results/demo results/demo-seed1")


def compare_runs(options: argparse.Namespace) -> None:
    """Prints the table and what differs."""
    from dicface.report.compare import compare, what_differs
    from dicface.report.render.text import to_text
    from dicface.runs.folder import Run

    a, b = Run.load(options.first), Run.load(options.second)
    table = to_text(compare(a, b))
    differs = what_differs(a, b) or ["nothing in settings, code, packages, machine and weights"]
    sys.stdout.write("\n".join([table, "What differs, A → B", "", *differs]) + "\n")
