"""`dicface method list | check`: the restoration methods on the command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dicface.base.device import require_device
from dicface.base.errors import MethodError

HELP = "List restoration methods, or check that one keeps the contract."
EXIT_FAILED = 1


def register(parser: argparse.ArgumentParser) -> None:
    """Adds the two commands to a parser; each sets `command` to a function of the options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help=list_methods.__doc__)
    listing.set_defaults(command=list_methods)
    checking = actions.add_parser("check", help=check_method.__doc__)
    checking.set_defaults(command=check_method)
    checking.add_argument("method", metavar="NAME")
    checking.add_argument("--task", help="one of its tasks (default: all)")
    checking.add_argument(
        "--device", help="auto, cpu, cuda, cuda:1, …, or mps (default: cpu and the GPU)"
    )
    checking.add_argument(
        "--weights", type=Path, help="weights to run it with, instead of a small seeded network"
    )
    checking.add_argument(
        "--side", type=int, help="side of the frames in px (default: what the method needs)"
    )


def list_methods(options: argparse.Namespace) -> None:  # noqa: ARG001 - every command takes them
    """Print the facts of all methods, which of their weights are here, and what is broken."""
    from dicface.methods import unregistered
    from dicface.methods.listing import as_text, facts_table, faults_table, weights_table

    parts = [as_text(facts_table()), as_text(weights_table())]
    if len(faults := faults_table()) > 1:
        parts.append(as_text(faults))
    if hint := unregistered():
        parts.append(f"{hint}\n")
    sys.stdout.write("\n".join(parts))


def check_method(options: argparse.Namespace) -> int:
    """Check all that a method must satisfy; the exit status is 1 if something fails."""
    from dicface.methods.conformance import check

    results = []
    for result in check(
        options.method,
        tasks=[options.task] if options.task else None,
        devices=[require_device(options.device)] if options.device else None,
        weights=options.weights,
        side=_positive(options.side),
    ):
        sys.stdout.write(f"{result}\n")
        sys.stdout.flush()
        results.append(result)
    failed = sum(not result.ok for result in results)
    verdict = f"{failed} of {len(results)} checks failed" if failed else "all checks passed"
    sys.stdout.write(f"{options.method}: {verdict}\n")
    return EXIT_FAILED if failed else 0


def _positive(side: int | None) -> int | None:
    if side is not None and side < 1:
        raise MethodError(f"--side: found {side}, expected 1 or more pixels.")
    return side
