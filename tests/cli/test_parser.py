"""All commands together: groups, examples, one meaning of each option, words that are wrong."""

import argparse
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicface.cli import checkout
from dicface.cli.main import COMMANDS, command, first_word, main, parse
from dicface.cli.parser import path

NAMES = [name for group in COMMANDS.values() for name in group]


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser and those of its actions."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from parsers(inner)


ALL = [parser for name in NAMES for parser in parsers(command(name))]


def test_help_shows_every_command_in_its_group() -> None:
    said = first_word().format_help()
    places = [said.index(f"\n  {name} ") for name in NAMES]
    assert places == sorted(places)
    heads = [said.index(f"\n{group}:\n") for group in COMMANDS]
    assert heads == sorted(heads)
    assert list(COMMANDS) == ["use", "look after", "the workflow's"]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_examples_that_it_takes(name: str) -> None:
    shown = [line for each in parsers(command(name)) for line in (each.epilog or "").splitlines()]
    examples = [line.split(maxsplit=1)[1] for line in shown if line.startswith("  dicface ")]
    assert examples
    for example in examples:
        assert parse(shlex.split(example)).command


def test_an_option_means_the_same_in_every_command() -> None:
    meanings: dict[str, dict] = {}
    for parser in ALL:
        for action in parser._actions:
            for option in action.option_strings:
                meaning = (action.metavar or action.dest.upper(), action.type, action.nargs)
                meanings.setdefault(option, {}).setdefault(meaning, parser.prog)
    assert {option: found for option, found in meanings.items() if len(found) > 1} == {}


def test_every_path_takes_the_users_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    for parser in ALL:
        for action in parser._actions:
            if {action.metavar} & {"FILE", "FOLDER", "CLIPS", "PATH"} or action.type is Path:
                assert action.type is path, (parser.prog, action.dest)
    options = parse(["score", "--restored", "~/a", "--truth", "~/b", "--out", "2024"])
    assert (options.restored, options.truth) == ([Path("/home/me/a")], Path("/home/me/b"))
    assert options.out == Path("2024")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["scor"], "found 'scor', expected one of 'restore', .* did you mean 'score'"),
        (["method", "list"], "did you mean 'methods'"),
        (["weights", "fech"], "found 'fech', .* did you mean 'fetch'"),
        (["plan", "--configfile", "a.yaml"], "found --configfile, .* did you mean '--config'"),
        (["data", "align", "--foldr", "a"], "found --foldr, .* '--folder'"),
        (["data", "align", "--folder", "a", "--out", "b", "--size", "0"], "--size: found 0, exp"),
        (["methods", "check", "gpen", "--size", "big"], "--size: found big, expected a number"),
        (["score", "--restored", "a", "--truth", "b", "--align", "256"], "found '256'"),
        (["verify", "~no-such-user/a"], "no user of that name"),
        (["verify"], "PATH"),
        ([], "COMMAND"),
    ],
)
def test_wrong_words_are_named(words: list[str], said: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    message = capsys.readouterr().err
    assert re.search(said, message), message
    assert message.splitlines()[-1].startswith("dicface")


def test_an_option_is_not_taken_by_its_first_letters(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main(["score", "--restore", "a", "--truth", "b"])
    assert "--restored" in capsys.readouterr().err


def test_a_file_where_a_folder_must_be_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "taken").write_text("")
    words = ["--index", str(tmp_path / "taken"), "--out", str(tmp_path / "taken" / "inside")]
    assert main(["data", "export", *words]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def loaded(code: str) -> set[str]:
    """Top packages that a piece of code imports."""
    code += "\nprint('\\n'.join({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_help_and_import_load_nothing_heavy() -> None:
    heavy = {
        "torch",
        "numpy",
        "pandas",
        "av",
        "cv2",
        "yaml",
        "PIL",
        "tqdm",
        "pydantic",
        "lightning",
    }
    help_ = "from dicface.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass"
    assert not loaded(help_) & heavy
    assert not loaded("import dicface") & heavy


def test_other_code_than_that_of_the_checkout_is_said(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "dicface" / "base").mkdir(parents=True)
    (project / "dicface" / "base" / "__init__.py").write_text('__version__ = "9.8.7"\n')
    inside = project / "docs"
    inside.mkdir()
    here = {"folder": inside, "code": tmp_path / "site-packages" / "dicface"}
    assert checkout.other_code(**here) == ""
    (project / "pyproject.toml").write_text('[project]\nname = "dicface"\n')
    said = checkout.other_code(**here)
    assert f"{project} is a checkout of dicface 9.8.7" in said
    assert f"of {tmp_path / 'site-packages'}" in said
    assert checkout.other_code(folder=inside, code=project / "dicface") == ""
    assert checkout.other_code(folder=tmp_path, code=here["code"]) == ""


def test_the_page_of_commands_names_all_of_them_and_no_other_option() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "commands.md").read_text()
    table = page.split("An option means")[0]
    for name in NAMES:
        assert f"`{name}`" in table or f"`{name} NAME`" in table, name
    known = {
        option for parser in ALL for action in parser._actions for option in action.option_strings
    }
    named = set(re.findall(r"--[a-z][a-z-]+", page)) - {"--configfile"}
    assert named <= known


def test_the_documentation_shows_commands_that_are_taken() -> None:
    root = Path(__file__).resolve().parents[2]
    pages = [root / "README.md", *(root / "docs").glob("*.md")]
    shown = [
        match[1]
        for page in pages
        if not page.name.startswith("add-a-")  # of what the reader adds
        for match in re.finditer(
            r"^(?:\$ |\.venv/bin/)?dicface ([a-z].+)",
            page.read_text().replace("\\\n", ""),
            re.MULTILINE,
        )
        if "`" not in match[1]
    ]
    assert len(shown) > 10
    for line in shown:
        assert parse(shlex.split(line, comments=True)).command
