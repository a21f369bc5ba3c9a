"""docs/add-a-task.md: its code, written to disk as it says, makes inputs."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dicface.base.names import TASKS, Task
from dicface.config.load import load
from dicface.data.degradation import tasks
from dicface.data.degradation.sets import degrade_set
from dicface.video.clips import read_clip, write_clip
from tests.data.degradation.test_degrade import moving_clip
from tests.docs.blocks import DOCS, blocks


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tasks.TaskInput:
    """The task of the page, as one more file and one more line."""
    module, line = blocks("add-a-task.md")
    (tmp_path / "added").mkdir()
    (tmp_path / "added" / "deblocking.py").write_text(module, encoding="utf-8")
    monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(tmp_path / "added")])
    added = eval(line, {"Task": Task})
    monkeypatch.setitem(TASKS, added.id, added)
    monkeypatch.delitem(sys.modules, f"{tasks.__name__}.deblocking", raising=False)
    return tasks.task_input(load(DOCS.parent / "config" / "config.yaml"), "deblocking")


def test_the_task_of_the_page_makes_inputs(task: tasks.TaskInput, tmp_path: Path) -> None:
    write_clip(tmp_path / "truth" / "a.mkv", moving_clip(3), 25)
    record = degrade_set(
        tmp_path / "truth", tmp_path / "input", task, seed_name="s", progress=False
    )
    frames, _ = read_clip(tmp_path / "input" / "a.mkv")
    np.testing.assert_array_equal(frames, task.degrade(moving_clip(3), "s", "degrade", "a"))
    assert (frames[:, :8, :8] == frames[:, :1, :1]).all()
    assert pd.read_parquet(record)["setting_side_px"].tolist() == [8]


def test_every_task_has_its_file() -> None:
    config = load(DOCS.parent / "config" / "config.yaml")
    assert [tasks.task_input(config, task).id for task in TASKS] == list(TASKS)
