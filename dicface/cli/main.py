"""`dicface …`: what people call by hand, and `dicface job`, which the workflow calls.

Heavy packages are imported by the command that needs them.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from dicface import __version__
from dicface.base.errors import DicfaceError
from dicface.cli import data, job, methods, plan, restore, run, score, verify, weights

EXIT_USER_ERROR = 2

COMMANDS = {
    "restore": restore,
    "score": score,
    "verify": verify,
    "plan": plan,
    "run": run,
    "weights": weights,
    "data": data,
    "method": methods,
    "job": job,
}
"""Name -> module with `HELP` and `register`, which sets `command` to a function of the options."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    # What follows `--` of `dicface run` is Snakemake's; argparse would take it for targets.
    own = words[: words.index("--")] if words[:1] == ["run"] and "--" in words else words
    options = _parser().parse_args(own)
    options.typed, options.after_dashes = ["dicface", *words], words[len(own) + 1 :]
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stderr)
    try:
        return options.command(options) or 0
    except DicfaceError as error:
        name = f"{options.subcommand} {options.job}" if "job" in options else options.subcommand
        sys.stderr.write(f"dicface {name}: {error}\n")
        return EXIT_USER_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dicface", description="The benchmark of face-video restoration."
    )
    parser.add_argument("--version", action="version", version=f"dicface {__version__}")
    commands = parser.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        module.register(commands.add_parser(name, help=module.HELP, description=module.HELP))
    return parser
