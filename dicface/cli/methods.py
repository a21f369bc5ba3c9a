"""`dicface methods list | new | check`: the restoration methods on the command line."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

from dicface.base.device import require_device
from dicface.cli.parser import add_device, add_path, add_size, add_task, add_weights, examples

EXIT_FAILED = 1


def register(parser: argparse.ArgumentParser) -> None:
    """Adds the three commands to a parser; each sets `command` to a function of the options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser(
        "list", help=list_methods.__doc__, description=list_methods.__doc__
    )
    listing.set_defaults(command=list_methods)
    beginning = actions.add_parser("new", help=new_method.__doc__, description=new_method.__doc__)
    beginning.set_defaults(command=new_method)
    beginning.add_argument("method", metavar="NAME", help="of the method and its package")
    add_path(beginning, "--out", "FOLDER", help="gets the package (default NAME)")
    checking = actions.add_parser(
        "check", help=check_method.__doc__, description=check_method.__doc__
    )
    checking.set_defaults(command=check_method)
    checking.add_argument("method", metavar="NAME", help="a name of `dicface methods list`")
    add_task(checking, None, "all that it does")
    add_device(checking, None, "all that are here")
    add_weights(checking)
    add_size(checking, None, "what the method needs")
    examples(
        parser,
        "methods list",
        "methods new my_method",
        "methods check codeformer",
        "methods check my_method --task inpainting --size 128 --weights my_weights.safetensors",
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


def new_method(options: argparse.Namespace) -> None:
    """Write a package with a method that works, to begin your own from."""
    from dicface.methods import names
    from dicface.methods.skeleton import write_skeleton

    name, folder = options.method, options.out or Path(options.method)
    for path in write_skeleton(name, folder, names()):
        sys.stdout.write(f"{path}\n")
    here = _this_environment()
    sys.stdout.write(
        "Install it, check it, and make it a row of Table 1:\n"
        f"  {here}pip install --no-deps --editable {folder} --no-build-isolation\n"
        f"  {here}dicface methods check {name}\n"
        f"  {here}dicface run table1 --set 'methods=[{name}]'\n"
    )


def _this_environment() -> str:
    """What stands before commands of this environment where a shell would take another one's."""
    own = Path(sys.executable).parent
    found = shutil.which("dicface")
    return "" if found and Path(found).parent == own else f"{os.path.relpath(own)}/"


def check_method(options: argparse.Namespace) -> int:
    """Check all that a method must satisfy; the exit status is 1 if something fails."""
    from dicface.methods.conformance import check

    results = []
    for result in check(
        options.method,
        tasks=[options.task] if options.task else None,
        devices=[require_device(options.device)] if options.device else None,
        weights=options.weights,
        side=options.size,
    ):
        sys.stdout.write(f"{result}\n")
        sys.stdout.flush()
        results.append(result)
    failed = sum(not result.ok for result in results)
    verdict = f"{failed} of {len(results)} checks failed" if failed else "all checks passed"
    sys.stdout.write(f"{options.method}: {verdict}\n")
    return EXIT_FAILED if failed else 0
