"""What all commands share: the parser, and the options that mean the same everywhere."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from dicface.base import names
from dicface.base.errors import ConfigError

if TYPE_CHECKING:
    from dicface.runs.folder import Run


class Parser(argparse.ArgumentParser):
    """A parser that takes options by their whole names, and names the nearest to an unknown one."""

    def __init__(self, **facts: Any) -> None:  # noqa: ANN401 - argparse's own arguments
        facts.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **facts)
        self.set_defaults(called=self.prog)

    def parse_known_args(
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parses, and refuses unknown words here, where it is known which words there are.

        Options first: one that is misspelt is told before the one that is missing for it.
        """
        if not any(isinstance(each, argparse._SubParsersAction) for each in self._actions):
            given = (word.partition("=")[0] for word in args or () if word.startswith("--"))
            own = [word for action in self._actions for word in action.option_strings]
            for word in given:
                if word not in (*own, "--"):
                    self.error(f"found {word}, which is no option of it{nearest(word, own)}")
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"found '{' '.join(unknown)}', which it does not take")
        return found, unknown

    def _check_value(self, action: argparse.Action, value: str) -> None:
        if action.choices is None or value in action.choices:
            return
        known = ", ".join(map(repr, action.choices))
        hint = nearest(value, action.choices)
        raise argparse.ArgumentError(action, f"found '{value}', expected one of {known}{hint}")

    def error(self, message: str) -> NoReturn:
        """Ends with status 2, a usage line and what is wrong."""
        self.print_usage(sys.stderr)
        end = "" if message.endswith("?") else "."
        self.exit(2, f"{self.prog}: {message}{end} `{self.prog} --help` shows examples.\n")


def nearest(word: str, known: Iterable[str]) -> str:
    """Returns what follows a message where a known word is like the unknown one.

    >>> nearest("scor", ["restore", "score"]), nearest("x", ["restore", "score"])
    ("; did you mean 'score'?", '')
    """
    found = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean '{found[0]}'?" if found else ""


def examples(parser: argparse.ArgumentParser, *commands: str) -> None:
    """Puts examples below the help of a command; the tests parse every one of them.

    Args:
        parser: Of the command.
        *commands: What one types, without the word "dicface".
    """
    parser.epilog = "\n".join(["examples:", *(f"  dicface {command}" for command in commands)])


def path(word: str) -> Path:
    """Turns a word into a path, with `~` for the user's folder.

    Raises:
        argparse.ArgumentTypeError: There is no such user.
    """
    try:
        return Path(word).expanduser()
    except RuntimeError:
        raise argparse.ArgumentTypeError(
            f"found '{word}', and no user of that name; write the folder's whole path"
        ) from None


# Options of several commands: what is said here means the same in all of them.


def add_path(parser: argparse.ArgumentParser, option: str, kind: str, **argument: Any) -> None:  # noqa: ANN401
    """Adds an option for a path.

    Args:
        parser: Of the command.
        option: Its name, "--out".
        kind: "FILE", "FOLDER", or "CLIPS" for one clip or a folder of clips.
        **argument: Further arguments of `argparse`: `help`, `required`, …
    """
    parser.add_argument(option, type=path, metavar=kind, **argument)


def add_number(parser: argparse.ArgumentParser, option: str, **argument: Any) -> None:  # noqa: ANN401
    """Adds an option for a number, 1 or more (arguments as `add_path`)."""
    parser.add_argument(option, **{"type": positive, "metavar": "N", **argument})


def add_size(parser: argparse.ArgumentParser, default: int | None, unless: str = "") -> None:
    """Adds `--size`.

    Args:
        parser: Of the command.
        default: What it is if not given.
        unless: The same in words, where the number does not say it.
    """
    meaning = f"side of the square frames, px (default {unless or default})"
    add_number(parser, "--size", metavar="PX", default=default, help=meaning)


def add_task(parser: argparse.ArgumentParser, default: str | None, unless: str = "") -> None:
    """Adds `--task` (arguments as `add_size`)."""
    meaning = f"{', '.join(names.TASKS)} (default {unless or default})"
    known = tuple(names.TASKS) if default else None  # a method says itself what it does
    parser.add_argument("--task", choices=known, metavar="TASK", default=default, help=meaning)


def add_device(parser: argparse.ArgumentParser, default: str | None, unless: str = "") -> None:
    """Adds `--device` (arguments as `add_size`)."""
    meaning = f"auto, cpu, cuda, cuda:1, …, or mps (default {unless or default})"
    parser.add_argument("--device", metavar="DEVICE", default=default, help=meaning)


def add_weights(parser: argparse.ArgumentParser) -> None:
    """Adds `--weights`."""
    meaning = "your own weights, in the place of the method's"
    add_path(parser, "--weights", "FILE", help=meaning)


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Adds `--workers`."""
    add_number(parser, "--workers", default=1, help="processes (default 1)")


def add_config(parser: argparse.ArgumentParser) -> None:
    """Adds `--config` and `--set`; `dicface.config.load.asked_for` says what they come to."""
    add_path(
        parser,
        "--config",
        "FILE",
        nargs="+",
        help="settings as YAML: each file is laid over those before, all over the suite's own",
    )
    parser.add_argument(
        "--set",
        nargs="+",
        metavar="KEY=VALUE",
        help="settings by name, laid over the files; `data.size=64` is `size` in `data`",
    )


def add_run(parser: argparse.ArgumentParser) -> None:
    """Adds `--run`, and `--config` and `--set` for use in its place; `run_of` finds the run."""
    add_path(parser, "--run", "FOLDER", help="a run, such as results/demo; or its settings:")
    add_config(parser)


def run_of(options: argparse.Namespace) -> Run | None:
    """Finds the run that options name, by its folder or its settings; None if they name none.

    Raises:
        ConfigError: They name two, or one that cannot be.
    """
    from dicface.base.suite import suite_folder
    from dicface.config.load import asked_for
    from dicface.runs.folder import Run

    by_settings = options.config is not None or options.set is not None
    if options.run and by_settings:
        raise ConfigError(
            f"found --run {options.run} beside --config or --set; the settings of a run stand in "
            "its folder. Give one or the other."
        )
    if options.run:
        return Run.load(options.run)
    if not by_settings:
        return None
    files, words = options.config or [], options.set or []
    return Run.of(asked_for(files, words), [suite_folder() / "config" / "config.yaml", *files])


def positive(word: str) -> int:
    """Turns a word into a number that is 1 or more.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"found {word}, expected a number, 1 or more")
    return int(word)
