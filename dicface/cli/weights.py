"""`dicface weights list | fetch | verify | add`: the registry on the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from dicface.base.errors import WeightsError
from dicface.cli.parser import examples, path
from dicface.weights import registry
from dicface.weights.registry import WeightsEntry


def register(parser: argparse.ArgumentParser) -> None:
    """Adds the four commands to a parser; each sets `command` to a function of the options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def add_action(
        name: str, command: Callable[[argparse.Namespace], None]
    ) -> argparse.ArgumentParser:
        sub = actions.add_parser(name, help=command.__doc__, description=command.__doc__)
        sub.set_defaults(command=command)
        return sub

    add_action("list", list_files)
    fetch = add_action("fetch", fetch_files)
    fetch.add_argument("names", nargs="+", metavar="NAME")
    fetch.add_argument(
        "--accept-licence", action="store_true", help="accept licences that forbid commercial use"
    )
    verify = add_action("verify", verify_files)
    verify.add_argument("names", nargs="*", metavar="NAME", help="all that are here, if none")
    add = add_action("add", add_file)
    add.add_argument("file", type=path, metavar="FILE")
    add.add_argument(
        "--name",
        dest="entry",
        metavar="NAME",
        help="of the weights in `dicface weights list` (default by file name or digest)",
    )
    examples(
        parser,
        "weights list",
        "weights fetch vgg16 gfpgan --accept-licence",
        "weights add ~/Downloads/PGTFormer.pth --name pgtformer",
        "weights verify",
    )


def list_files(options: argparse.Namespace) -> None:  # noqa: ARG001 - every command takes them
    """Print all known weights files, and where they lie."""
    rows = [("name", "here", "file", "size", "sha256", "use", "used for", "licence")]
    for known in registry.registry().values():
        path = registry.here(known.name)
        where = str(path.parent) if path else "missing"
        rows.append(
            (
                *(known.name, where, known.file, known.size, _knowledge(known)),
                *(known.use, known.used_for, known.licence),
            )
        )
    sys.stdout.write(_table(rows))


def fetch_files(options: argparse.Namespace) -> None:
    """Download weights files that are not here, and check and convert them."""
    from dicface.weights.download import NoSpaceError
    from dicface.weights.fetch import fetch

    for name in options.names:
        registry.entry(name)  # a misspelt name stops the command before anything is downloaded
    failures = []
    for name in options.names:
        try:
            fetch(name, accept=lambda known: options.accept_licence or _ask(known))
        except NoSpaceError:
            raise
        except WeightsError as error:
            failures.append(str(error))
    if failures:
        raise WeightsError("\n".join(failures))


def verify_files(options: argparse.Namespace) -> None:
    """Check the digests of weights files that are here, and of their converted copies."""
    names = options.names or [name for name in registry.registry() if registry.here(name)]
    rows, failures = [("name", "state", "checked by", "converted", "file")], []
    for name in names:
        known, path = registry.entry(name), registry.here(name)
        try:
            if path is None:
                raise WeightsError(f"{registry.where_to_get(name)}.")
            by = registry.check(path, known) or "nothing: `dicface weights add` records its sha256"
            copy = registry.converted_copy(path)
            rows.append((name, "good", by, copy.name if copy else "no", str(path)))
        except WeightsError as error:
            failures.append(str(error))
            rows.append((name, "WRONG" if path else "missing", "", "", str(path or known.file)))
    sys.stdout.write(_table(rows))
    if failures:
        raise WeightsError("\n".join(failures))


def add_file(options: argparse.Namespace) -> None:
    """Take a file that was got by hand into the weights folder."""
    from dicface.weights.fetch import add

    sys.stdout.write(f"{add(options.file, options.entry)}\n")


def _ask(known: WeightsEntry) -> bool:
    if not sys.stdin.isatty():
        return False
    sys.stderr.write(f"Licence of {known.file}: {known.terms}.\nAccept it? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _knowledge(known: WeightsEntry) -> str:
    if known.sha256:
        return "known"
    if known.sha256_prefix:
        return f"prefix {known.sha256_prefix}"
    if known.git_blob_sha1:
        return f"git {known.git_blob_sha1[:8]}"
    recorded = [f for f in registry.folders() if registry.recorded_digest(f / known.file)]
    return "recorded here" if recorded else "unknown"


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines) + "\n"
