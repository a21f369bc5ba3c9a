"""`dicface run` says to Snakemake what the user said; `tests/packaging` runs it in a wheel."""

import os
import sys
from pathlib import Path

import pytest

from dicface.base.suite import suite_folder
from dicface.cli.main import EXIT_USER_ERROR, main


@pytest.fixture
def started(monkeypatch, tmp_path) -> list[str]:
    """The words of the process that takes this one's place, which it does not here."""
    words: list[str] = []
    monkeypatch.setattr(os, "execv", lambda _, command: words.extend(command))
    monkeypatch.chdir(tmp_path)
    return words


def after(words: list[str], option: str) -> str:
    return words[words.index(option) + 1]


def test_targets_settings_and_snakemakes_own_options(started) -> None:
    Path("mine.yaml").write_text("seed: 1\n")
    asked = ["table1", "figures", "-n", "--config", "mine.yaml", "--set", "budget=quick"]
    assert main(["run", *asked, "--", "--cores", "8", "--forcerun", "score"]) == 0
    assert started[:5] == [sys.executable, "-m", "snakemake", "table1", "figures"]
    assert after(started, "--snakefile") == str(suite_folder() / "Snakefile")
    assert after(started, "--workflow-profile") == str(suite_folder() / "profiles" / "default")
    assert after(started, "--configfile") == "mine.yaml"
    assert after(started, "--config") == 'budget="quick"'
    assert "--dry-run" in started
    assert started[-4:] == ["--cores", "8", "--forcerun", "score"]


def test_nothing_said_is_the_workflows_default(started) -> None:
    assert main(["run"]) == 0
    assert started[3] == "--snakefile"
    assert not {"--configfile", "--config", "--dry-run", "--profile"} & set(started)


def test_a_profile_is_the_suites_or_a_folder(started) -> None:
    main(["run", "all", "--profile", "slurm-generic"])
    assert after(started, "--profile") == str(suite_folder() / "profiles" / "slurm-generic")
    Path("slurm-generic").mkdir()
    started.clear()
    main(["run", "all", "--profile", "slurm-generic"])
    assert after(started, "--profile") == "slurm-generic"


def test_a_missing_configuration_is_named_before_anything_starts(started, capsys) -> None:
    assert main(["run", "--config", "none.yaml", "table1"]) == EXIT_USER_ERROR
    said = capsys.readouterr().err
    assert "--config: found no file 'none.yaml'" in said
    assert "Targets stand before --config" in said
    assert not started
