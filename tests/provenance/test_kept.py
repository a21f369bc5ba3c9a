"""What was made from the same is kept; all else is made again."""

import json
from pathlib import Path

import pytest

from dicface.provenance.kept import FOLDER, find, forget_others, kept


def make(folder: Path, name: str, made_from: dict, text: str = "made") -> bool:
    """Makes a piece of one file unless it is kept; returns whether it was made."""
    with kept(folder, name, made_from, f"{name}.txt") as piece:
        if piece.todo:
            (folder / f"{name}.txt").write_text(text)
            piece.facts = {"made_from": made_from}
    assert piece.facts == {"made_from": made_from}
    return piece.todo


def test_a_piece_made_from_the_same_is_kept(tmp_path: Path) -> None:
    assert make(tmp_path, "a", {"seed": 1, "sizes": [2, 3]})
    assert not make(tmp_path, "a", {"sizes": [2, 3], "seed": 1})
    assert make(tmp_path, "a", {"seed": 2, "sizes": [2, 3]})


@pytest.mark.parametrize(
    "damage",
    ["changed", "gone", "record", "half a record", "another shape", "another fact", "a folder"],
)
def test_a_piece_that_is_not_what_was_written_is_made_again(tmp_path: Path, damage: str) -> None:
    make(tmp_path, "a", {"seed": 1})
    file, record = tmp_path / "a.txt", tmp_path / FOLDER / "a.json"
    match damage:
        case "changed":
            file.write_text("mad")
        case "gone":
            file.unlink()
        case "record":
            record.unlink()
        case "half a record":
            record.write_text(record.read_text()[:20])
        case "another shape":
            record.write_text(json.dumps({"made_from": {"seed": 1}, "files": [], "facts": {}}))
        case "another fact":
            facts = json.loads(record.read_text())
            record.write_text(json.dumps(facts | {"facts": {"made_from": {"seed": 3}}}))
        case "a folder":
            record.unlink()
            record.mkdir()
    assert make(tmp_path, "a", {"seed": 1})
    assert file.read_text() == "made"
    assert not make(tmp_path, "a", {"seed": 1})


def test_nothing_is_recorded_of_a_piece_that_failed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), kept(tmp_path, "a", {}, "a.txt"):
        raise RuntimeError
    assert find(tmp_path, "a", {}) is None


def test_what_is_no_longer_wanted_goes_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    make(tmp_path, "a", {})
    make(tmp_path, "b", {})
    (tmp_path / "c.txt").write_text("the user's")
    forget_others(tmp_path, ["a"])
    assert sorted(path.name for path in tmp_path.glob("*.txt")) == ["a.txt", "c.txt"]
    assert find(tmp_path, "a", {}) == {"made_from": {}}
    assert find(tmp_path, "b", {}) is None
