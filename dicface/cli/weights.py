"""`dicface weights list | fetch | verify | add`: the registry on the command line."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence

from dicface.base.counts import how_many
from dicface.base.errors import ConfigError, WeightsError
from dicface.cli.parser import add_config, examples, path
from dicface.weights import registry
from dicface.weights.registry import WeightsEntry

WIDTH = 80
LEAST_COLUMN = 14


def register(parser: argparse.ArgumentParser) -> None:
    """Adds the four commands to a parser; each sets `command` to a function of the options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def add_action(
        name: str, command: Callable[[argparse.Namespace], None]
    ) -> argparse.ArgumentParser:
        sub = actions.add_parser(name, help=command.__doc__, description=command.__doc__)
        sub.set_defaults(command=command)
        return sub

    listing = add_action("list", list_files)
    listing.add_argument("--long", action="store_true", help="all that is known, in long lines")
    fetch = add_action("fetch", fetch_files)
    fetch.add_argument("names", nargs="*", metavar="NAME")
    for sub in (listing, fetch):
        sub.add_argument(
            "--for",
            dest="wanted",
            default="",
            metavar="WHAT",
            help="files that table1, table2, the metrics (`metrics`) or a method can use",
        )
        add_config(sub)
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
        "weights list --for table1",
        "weights fetch --for table1 --accept-licence",
        "weights fetch vgg16 gfpgan --accept-licence",
        "weights add ~/Downloads/PGTFormer.pth --name pgtformer",
        "weights verify",
    )


def list_files(options: argparse.Namespace) -> None:
    """Print known weights files: which are here, their size, licence and use, and the totals."""
    gives = _wanted(options)
    known = [registry.entry(name) for name in gives]
    if options.long:
        sys.stdout.write(_table(_long(known)))
        return
    rows = [("name", "here?", "size", "licence", "gives" if options.wanted else "used for")]
    rows += [
        (
            *(each.name, "yes" if registry.here(each.name) else "by hand" if each.page else "no"),
            *(each.size.removeprefix("size "), each.use, gives[each.name]),
        )
        for each in known
    ]
    sys.stdout.write(f"{_wrapped(rows)}\n{textwrap.fill(_totals(known), WIDTH)}\n")
    sys.stdout.write(_by_hand(known))


def _by_hand(known: Iterable[WeightsEntry]) -> str:
    """Where missing files are offered that only people can get, a page and what it has."""
    pages: dict[str, list[str]] = {}
    for each in known:
        if each.page and not registry.here(each.name):
            pages.setdefault(each.url, []).append(each.name)
    if not pages:
        return ""
    lines = [f"  {page}\n    {', '.join(names)}" for page, names in pages.items()]
    return "\n".join(["\nBy hand, then `dicface weights add FILE --name NAME`:", *lines, ""])


def _wanted(options: argparse.Namespace) -> Mapping[str, str]:
    """Name -> what it gives, of the files that options ask for; all known ones without `--for`."""
    if not options.wanted:
        return {each.name: each.used_for for each in registry.registry().values()}
    from dicface.config.load import asked_for, check
    from dicface.workflow.weights_for import weights_for

    merged = asked_for(options.config or [], options.set or [])
    return weights_for(options.wanted, check(merged)[0])


def _long(known: Iterable[WeightsEntry]) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [
        ("name", "here", "file", "size", "sha256", "use", "used for", "licence", "from")
    ]
    for each in known:
        found = registry.here(each.name)
        where = str(found.parent) if found else "missing"
        rows.append(
            (
                *(each.name, where, each.file, each.size, _knowledge(each)),
                *(each.use, each.used_for, each.licence, registry.source_of(each)),
            )
        )
    return rows


def _totals(known: Sequence[WeightsEntry]) -> str:
    """How many files are here, and what is left to get."""
    missing = [each for each in known if not registry.here(each.name)]
    by_hand = [each for each in missing if each.page]
    unknown = sum(each.bytes is None for each in missing)
    size = sum(each.bytes or 0 for each in missing)
    parts = [f"{how_many(len(known), 'file')}, {len(known) - len(missing)} here"]
    if missing:
        left = f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
        more = f" and {unknown} of unknown size" if unknown else ""
        parts.append(f"{len(missing)} missing: {left}{more}")
    if by_hand:
        parts.append(f"{len(by_hand)} of them to be got by hand, see below")
    use = [each for each in known if each.use != "any"]
    if use:
        parts.append(f"{len(use)} not for commercial use, or without stated terms")
    return f"{'; '.join(parts)}. `--long` shows digests, files and whole licences."


def _wrapped(rows: Sequence[Sequence[str]]) -> str:
    """A table of at most `WIDTH` columns: what does not fit of the last one goes below."""
    widths = [max(map(len, column)) for column in zip(*(row[:-1] for row in rows), strict=True)]
    left = max(WIDTH - sum(widths) - 2 * len(widths), LEAST_COLUMN)
    lines = []
    for *cells, last in rows:
        parts = textwrap.wrap(last, left) or [""]
        before = "  ".join(map(str.ljust, cells, widths))
        lines.append(f"{before}  {parts[0]}".rstrip())
        lines += [f"{'':{len(before)}}  {part}" for part in parts[1:]]
    return "\n".join(lines) + "\n"


def fetch_files(options: argparse.Namespace) -> None:
    """Download weights files that are not here, and check and convert them."""
    from dicface.weights.download import NoSpaceError
    from dicface.weights.fetch import fetch

    if bool(options.names) == bool(options.wanted):
        raise ConfigError(
            "expected names of files, or --for with a table, `metrics` or a method; "
            "`dicface weights list` shows both."
        )
    names = options.names or [name for name in _wanted(options) if not registry.here(name)]
    for name in names:
        registry.entry(name)  # a misspelt name stops the command before anything is downloaded
    failures = []
    answers: dict[str, bool] = {}

    def accept(known: WeightsEntry) -> bool:
        """Each licence is asked for once, however many files it is of."""
        if known.licence not in answers:
            answers[known.licence] = options.accept_licence or _ask(known)
        return answers[known.licence]

    for name in names:
        try:
            fetch(name, accept=accept)
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
