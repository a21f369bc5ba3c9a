"""Folders of the user's: as typed, with `~` in full, and one folder of results each."""

import unicodedata
from pathlib import Path

import pytest
import yaml

from dicface.base.errors import ConfigError
from dicface.config.folders import as_typed, in_full
from dicface.config.load import asked_for, with_values
from dicface.workflow.plan import Plan

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def raw() -> dict:
    return yaml.safe_load((ROOT / "config" / "config.yaml").read_text())


@pytest.mark.parametrize("name", ["00042", "3_000", "2e10", "1999.50", "0b11", "1999", "-1", "Yes"])
def test_a_name_that_looks_like_a_number_is_taken_as_typed(name: str) -> None:
    words = [f"test_clips={name}", f"data.train.folder={name}"]
    config = with_values({}, words)
    assert config == {"test_clips": name, "data": {"train": {"folder": name}}}
    # Snakemake reads numbers and truth values itself, and keeps the words.
    read = {"test_clips": 42, "seed": 1}
    assert as_typed(read, [words[0], "seed=1"]) == {"test_clips": name, "seed": 1}
    assert as_typed({"test_clips": "quoted"}, ["test_clips='quoted'"])["test_clips"] == "quoted"
    assert as_typed(read, None) == read


def test_numbers_in_files_are_names_of_folders_that_are_there(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "1999").mkdir()
    assert in_full({"test_clips": 1999})["test_clips"] == "1999"
    for number in (42, 2.5, True):
        with pytest.raises(ConfigError, match=f"test_clips: found {number}, .* in quotes"):
            in_full({"test_clips": number})
    assert in_full({"test_clips": None})["test_clips"] == ""
    assert in_full({})["test_clips"] == ""


def test_the_users_folder_is_written_in_full(raw: dict, monkeypatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    row = {"name": "mine", "restored": "~/restored"}
    run = Plan.of(raw | {"test_clips": "~/clips", "results": "~/r", "methods": [row]}).run
    assert run.folder == Path("/home/me/r/demo-clips-clips")
    assert run.config.test_clips == "/home/me/clips"
    assert run.config.methods[0].restored == "/home/me/restored"


def test_folders_of_other_names_have_other_results(raw: dict) -> None:
    def results(name: str) -> str:
        return Plan.of(raw | {"test_clips": f"/d/{name}"}).run.folder.name

    names = ["王芳", "刘洋", "Jürgen", "Jorgen", "Jørgen", "Мария", "مريم", "さくら", "한국", "a王"]
    found = {results(name) for name in names}
    assert len(found) == len(names)
    assert all(name.isascii() and "/" not in name for name in found)
    assert results("Jorgen") == "demo-clips-Jorgen"
    # One folder, whose name macOS and Linux spell in other bytes.
    assert len({results(unicodedata.normalize(form, "Jürgen")) for form in ("NFC", "NFD")}) == 1


def test_values_by_name_are_laid_over_files_and_all_over_the_suites_own(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("data: {size: 32}\nseed: 3\n")
    merged = asked_for([mine], ["seed=4", "train.defaults.steps=5", "budget=quick"])
    assert (merged["data"]["size"], merged["seed"], merged["scale"]) == (32, 4, "demo")
    assert merged["train"]["defaults"]["steps"] == 5
    quick = yaml.safe_load((ROOT / "config" / "budget" / "quick.yaml").read_text())
    assert merged["train"]["vqgan"]["steps"] == quick["train"]["vqgan"]["steps"]
    for word in ("seed", "=4"):
        with pytest.raises(ConfigError, match=f"--set: found '{word}', expected KEY=VALUE"):
            asked_for([], [word])
