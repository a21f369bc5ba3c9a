"""`dicface cite`: the section on methods of a paper, from what a run recorded."""

from __future__ import annotations

import argparse
import sys

from dicface.cli.parser import Parser, add_path, examples, path

ABOUT = """
Data, inputs, methods with their weights, metrics with the networks behind them, statistics,
versions: only what the tables of the run were made with. Read it, and cut it to your paper.
"""


def register(parser: Parser) -> None:
    """Adds the command's options to a parser."""
    parser.set_defaults(command=cite)
    parser.description += f"\n{ABOUT}"
    parser.add_argument("run", type=path, metavar="RUN", help="folder of a run")
    parser.add_argument(
        "--tables",
        nargs="+",
        default=[],
        metavar="NAME",
        help="file names of the tables that you show, such as table1 (default all)",
    )
    meaning = "gets methods.md, methods.tex and methods.bib (default: the text is only shown)"
    add_path(parser, "--out", "FOLDER", help=meaning)
    examples(parser, "cite results/demo", "cite results/demo --tables table1 --out paper")


def cite(options: argparse.Namespace) -> None:
    """Prints the section, and writes it where that is asked for."""
    from dicface.base.files import atomic_path
    from dicface.report.citing.forms import to_bibtex, to_latex, to_text
    from dicface.report.citing.section import describe
    from dicface.report.citing.used import Used
    from dicface.runs.folder import Run

    section = describe(Used.by(Run.load(options.run), options.tables))
    sys.stdout.write(to_text(section))
    if options.out is None:
        return
    written = {"md": to_text(section), "tex": to_latex(section), "bib": to_bibtex(section)}
    for suffix, text in written.items():
        file = options.out / f"methods.{suffix}"
        with atomic_path(file) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
        sys.stdout.write(f"{file}\n")
