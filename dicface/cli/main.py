"""`dicface …`: what people call by hand, and `dicface job`, which the workflow calls.

A command's module is imported when it is called, and heavy packages by what needs them.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import TextIOWrapper

from dicface.base import __version__
from dicface.base.device import require_addresses
from dicface.base.errors import DicfaceError, no_memory, no_room
from dicface.cli.checkout import other_code
from dicface.cli.parser import Parser, examples

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130

COMMANDS = {
    "use": {
        "restore": "Restore films, or aligned clips, with one method; needs no run.",
        "score": "Score restored clips against their truth, and rank several; needs no run.",
        "run": "Make tables, figures or the report of a run in this folder.",
        "inspect": "Look inside a network: do its codes restore, or its skips?",
        "cite": "Write the section on methods of a paper, and whom to cite, from a run.",
        "compare": "Compare two runs on the same clips, and say what differs between them.",
        "report": "Write the pages of what a run holds so far.",
        "verify": "Check that files of a run are what their manifests say.",
        "plan": "Say what a run will cost before it starts: jobs, hours, disk, downloads.",
    },
    "look after": {
        "weights": "List, fetch, check and add released weights files.",
        "data": "Check data sets, align clips, make landmarks and the index of a training set.",
        "methods": "List restoration methods, begin one, or check that one keeps the contract.",
        "results": "Export rows as records, check records, add them to a run's tables.",
    },
    "the workflow's": {
        "job": "Do one job of a run, as the workflow does.",
    },
}
"""Group -> command -> what it is for.

The module of that name has `register`, which sets `command` to a function of the options.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    options = parse(words)
    options.typed = ["dicface", *words]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal that cannot write a letter gets its number.
            stream.reconfigure(errors="backslashreplace")
    if not sys.stderr.isatty() and words[:1] != ["job"]:
        # Progress in a file: its start, its end, and a word each half minute between. The screen of
        # a run reads that of jobs more often.
        os.environ.setdefault("TQDM_MININTERVAL", "30")
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stderr)
    if warning := other_code():
        sys.stderr.write(f"{warning}\n")
    try:
        with _threads_in_words():
            require_addresses()
            return options.command(options) or 0
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        _say(f"{options.called}: interrupted; the same command goes on from what is finished.")
        return EXIT_INTERRUPTED
    except Exception as error:
        if not (message := in_words(error)):
            raise
    _say(f"{options.called}: {message}")
    return EXIT_USER_ERROR


def in_words(error: Exception) -> str:
    """Says what a user has to know of an error; "" where it is a mistake of the suite's."""
    if isinstance(error, DicfaceError):
        return str(error)
    file = getattr(error, "filename", None)
    file = os.fsdecode(file) if isinstance(file, bytes) else file
    if reason := no_room(error):
        return (
            f"{file or 'a file'}: cannot be written ({reason}); nothing is half-written under a "
            "final name. Free some space or choose another results folder, then run the same "
            "command again."
        )
    if reason := no_memory(error):
        return (
            f"there is not enough memory ({reason}). Allow more (`ulimit -v`, a cluster's mem_mb), "
            "or ask for less: fewer workers, smaller batches, smaller frames. Then run the same "
            "command again."
        )
    if isinstance(error, OSError) and file is not None:
        return f"{file}: {error.strerror}. Check the path, and who may write there."
    return ""


@contextmanager
def _threads_in_words() -> Iterator[None]:
    """Threads of libraries, such as TensorBoard's, say what the machine lacks as a command does."""
    usual = threading.excepthook

    def say(failed: threading.ExceptHookArgs) -> None:
        error = failed.exc_value
        if isinstance(error, Exception) and (message := in_words(error)):
            _say(message)
        else:
            usual(failed)

    threading.excepthook = say
    try:
        yield
    finally:
        threading.excepthook = usual


def _say(message: str) -> None:
    """Writes to standard error, which may lie on the disk that is full."""
    with suppress(OSError):
        sys.stderr.write(f"{message}\n")
        sys.stderr.flush()


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Reads a command line; one that is wrong ends the process with status 2."""
    name = first_word().parse_args(words[:1]).name
    # What follows `--` of `dicface run` is Snakemake's; argparse would take it for targets.
    own = words[: words.index("--")] if name == "run" and "--" in words else words
    options = command(name).parse_args(own[1:])
    options.after_dashes = list(words[len(own) + 1 :])
    return options


def first_word() -> Parser:
    """What reads the name of a command, and shows all of them."""
    lines = ["The benchmark of face-video restoration."]
    for group, commands in COMMANDS.items():
        lines += ["", f"{group}:"]
        lines += [f"  {name:10}{text}" for name, text in commands.items()]
    parser = Parser(prog="dicface", description="\n".join(lines), usage="dicface COMMAND …")
    parser.add_argument("--version", action="version", version=f"dicface {__version__}")
    names = [name for commands in COMMANDS.values() for name in commands]
    parser.add_argument("name", choices=names, metavar="COMMAND", help=argparse.SUPPRESS)
    examples(
        parser,
        "restore film.mp4 --method codeformer",
        "score --restored restored --truth clips",
        "plan --set budget=quick",
    )
    return parser


def command(name: str) -> Parser:
    """What reads the words after the name of a command; its module is imported."""
    (about,) = (commands[name] for commands in COMMANDS.values() if name in commands)
    parser = Parser(prog=f"dicface {name}", description=about)
    importlib.import_module(f"dicface.cli.{name}").register(parser)
    return parser
