"""A run on the user's degraded videos: its folders, its one table, and what it refuses."""

from pathlib import Path

import pytest
import yaml

from dicface.base.errors import ClipError, ConfigError
from dicface.base.names import CONTROLS
from dicface.jobs import JOBS
from dicface.jobs.figure import figures
from dicface.video.clips import write_clip
from dicface.workflow.plan import Plan
from tests.faces._faces import picture

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def raw(tmp_path: Path) -> dict:
    write_clip(tmp_path / "my films" / "a.mkv", [picture(64, 64)] * 6, 25)
    merged = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    return merged | {"results": str(tmp_path), "wild_clips": str(tmp_path / "my films")}


@pytest.fixture
def plan(raw: dict) -> Plan:
    return Plan.of(raw)


def test_it_has_a_folder_of_its_own_and_trains_nothing_anew(plan: Plan, tmp_path: Path) -> None:
    run = plan.run
    assert run.folder == tmp_path / "demo-wild-my-films"
    assert run.train_folder == tmp_path / "demo"
    assert not run.training.is_wild
    for lock in plan.start(alone=True):
        lock.close()
    written = yaml.safe_load((run.train_folder / "run_config.yaml").read_text())
    assert written["wild_clips"] == written["test_clips"] == ""
    assert run.truth == run.inputs("bfr")


def test_its_inputs_are_the_videos_and_every_row_of_table1_is_there_with_the_controls(
    plan: Plan, raw: dict
) -> None:
    (importing,) = JOBS["import_wild"](run=plan.run).writes()
    for method in ("codeformer_trained", "input_frozen"):
        kind = "control" if method.endswith(CONTROLS) else "restore"
        job = JOBS[kind](run=plan.run, task="bfr", method=method)
        assert importing in job.waits_for()
        assert job.writes() == [plan.run.results("bfr", method).index]
    rows = [method for _, method in plan.scored_in("wild")]
    assert {"input", "dicface_trained", "dicface_trained_mean5"} < set(rows)
    assert rows[-1] == "input_frozen"
    assert len(rows) == len(set(rows))
    only = Plan.of(raw | {"table1": ["codeformer_trained"]})
    assert [m for _, m in only.scored_in("wild")] == [
        "codeformer_trained",
        "input",
        "input_mean5",
        "input_frozen",
    ]


def test_it_has_one_table_and_no_figure_and_says_so_to_other_targets(
    plan: Plan, raw: dict, tmp_path: Path
) -> None:
    assert plan.tables() == {"wild": "wild"}
    assert figures(plan.config) == []
    files = plan.wild_files()
    assert files[0] == str(tmp_path / "demo-wild-my-films" / "tables" / "wild.md")
    assert files[-1].endswith("report")
    with pytest.raises(ConfigError, match="my films, videos without a truth, .* target wild alone"):
        plan.with_truth(["table1.md"])
    usual = Plan.of(raw | {"wild_clips": ""})
    assert usual.with_truth(["table1.md"]) == ["table1.md"]
    assert "wild" not in usual.tables()
    with pytest.raises(ConfigError, match="add --config wild_clips=FOLDER"):
        usual.wild_files()


def test_a_folder_that_cannot_be_is_a_sentence(raw: dict, tmp_path: Path) -> None:
    with pytest.raises(ClipError, match="no such folder"):
        Plan.of(raw | {"wild_clips": str(tmp_path / "gone")})
    (tmp_path / "empty").mkdir()
    with pytest.raises(ClipError, match="empty: "):
        Plan.of(raw | {"wild_clips": str(tmp_path / "empty")})
    with pytest.raises(ConfigError, match='wild_clips: found .*, expected "", as test_clips is'):
        Plan.of(raw | {"test_clips": str(tmp_path / "my films")})
    with pytest.raises(ConfigError, match="budget: found 'wild_1'"):
        Plan.of(raw | {"budget": "wild_1"})
