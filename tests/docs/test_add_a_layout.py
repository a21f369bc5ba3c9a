"""docs/add-a-layout.md: its code, written to disk as it says, reads a set."""

import sys
from pathlib import Path

import pytest

from dicface.base.errors import ClipError
from dicface.config.data_sets import LAYOUTS, LayoutFacts
from dicface.data.datasets import layouts
from dicface.data.datasets.check import check
from dicface.data.datasets.shard_landmarks import landmarks_of_shard
from dicface.data.datasets.shards import clips_of_shard, landmarks_path
from dicface.data.datasets.training_index import write_index
from dicface.runs.files import read_training_index
from tests.data.datasets import _layouts as mini
from tests.docs.blocks import blocks


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The layout of the page, as one more file and one more line; gives a set of two clips."""
    reader, line = blocks("add-a-layout.md")
    (tmp_path / "added").mkdir()
    (tmp_path / "added" / "people.py").write_text(reader, encoding="utf-8")
    monkeypatch.setattr(layouts, "__path__", [*layouts.__path__, str(tmp_path / "added")])
    facts = eval(line, {"LayoutFacts": LayoutFacts})
    monkeypatch.setitem(LAYOUTS, facts.id, facts)
    monkeypatch.delitem(sys.modules, f"{layouts.__name__}.people", raising=False)
    root = tmp_path / "set"
    mini.write_video(root / "ada" / "1.mp4", mini.pictures("ada", 4))
    mini.write_frames(root / "ben" / "1", mini.pictures("ben", 3))
    return root


def test_the_layout_of_the_page_reads_a_set(people: Path) -> None:
    layout = layouts.read_layout("people", people).require()
    assert list(layout.clips) == ["ada_1", "ben_1"]
    assert (layout.kind, layout.aligned, layout.for_test) == ("people", False, False)
    report = check(layout, progress=False)
    assert (report.num_readable, report.num_frames, report.must_be_fixed) == (2, 7, False)


def test_what_is_wrong_is_said(people: Path) -> None:
    with pytest.raises(ClipError, match="found no folder; expected one a person"):
        layouts.read_layout("people", people / "nowhere").require()
    (people / "carl").mkdir()
    with pytest.raises(ClipError, match="carl: found no clip"):
        layouts.read_layout("people", people).require()


def test_a_training_can_read_it(people: Path, tmp_path: Path) -> None:
    layout = layouts.read_layout("people", people)
    landmarks_of_shard(
        clips_of_shard(layout, "00000", 10),
        landmarks_path(tmp_path / "out", "00000"),
        detector=mini.FixedDetector(),
        progress=False,
    )
    index = read_training_index(write_index(layout, tmp_path / "out", shard_size=10))
    assert index["num_frames"].tolist() == [4, 3]
