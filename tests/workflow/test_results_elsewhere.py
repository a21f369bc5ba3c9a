"""Results that were made elsewhere as rows of a run: names, and what is made again when."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from dicface.base.errors import ConfigError
from dicface.methods.skeleton import write_skeleton
from dicface.report.run import declare
from dicface.workflow.plan import Plan

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def raw() -> dict:
    return yaml.safe_load((ROOT / "config" / "config.yaml").read_text())


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for number in range(2):
        frame = tmp_path / "results a" / "test_000" / f"{number:04d}.png"
        frame.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(frame)
    return tmp_path / "results a"


def entry(folder: Path, **changes: str) -> dict[str, str]:
    return {"name": "mine", "restored": str(folder), **changes}


@pytest.mark.parametrize("name", ["input", "gpen", "dicface_trained", "prior_10"])
def test_a_name_that_another_row_has_is_refused(raw: dict, results: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=f"methods: found '{name}', expected a name that no"):
        Plan.of(raw | {"methods": [entry(results, name=name)]})


def test_a_name_may_stand_once_in_each_task(raw: dict, results: Path) -> None:
    other = entry(results, task="inpainting")
    planned = Plan.of(raw | {"methods": [entry(results), other]})
    assert "mine" in planned.scored("bfr")
    assert "mine" in planned.scored("inpainting")
    with pytest.raises(ConfigError, match="methods: found 'mine', expected a name that no other"):
        Plan.of(raw | {"methods": [entry(results), entry(results)]})


def test_the_folder_of_a_methods_package_is_no_folder_of_results(
    raw: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_skeleton("codeformer", tmp_path / "codeformer")
    few = raw | {"table1": ["input", "gpen"], "methods": ["codeformer"]}
    assert Plan.of(few).config.methods[0].method == "codeformer"


def test_one_word_is_a_method_a_folder_or_a_record(raw: dict, results: Path) -> None:
    few = raw | {"table1": ["input", "gpen"]}
    record = str(results.parent / "theirs.json")
    planned = Plan.of(few | {"methods": ["codeformer", str(results), record]})
    rows = [(each.name, each.method, each.record) for each in planned.config.methods]
    assert rows == [
        ("codeformer", "codeformer", ""),
        ("results_a", "", ""),
        ("theirs", "", record),
    ]
    assert planned.config.methods[1].label == "results a"
    assert planned.scored("bfr")[-1] == "results_a"
    assert planned.published("table1") == [Path(record)]
    # They stand behind the chosen rows.
    labels = [row.method for row in declare(planned.config, "table1").rows]
    assert labels == ["input", "gpen", "codeformer", "results_a"]
    with pytest.raises(ConfigError, match="methods .bfr.: no method is named 'nobody'"):
        Plan.of(few | {"methods": ["nobody"]})
    with pytest.raises(ConfigError, match="methods: found 'gpen', expected a name that no other"):
        Plan.of(few | {"methods": ["gpen"]})


def test_a_table_of_chosen_rows_has_a_file_name_of_its_own(raw: dict, results: Path) -> None:
    def name(**changes: object) -> str:
        return next(iter(Plan.of(raw | changes).tables()))

    assert name() == "table1"
    assert name(methods=[entry(results)]) == "table1"
    assert name(table1=["input", "gpen"]) == "table1_input_gpen"
    many = name(table1=raw["table1"][1:])
    assert many.startswith(f"table1_{len(raw['table1']) - 1}_rows_")
    assert name(scale="mine", table1=["input"]) == "table1"


def snakemake(cwd: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    done = subprocess.run(
        [*command, "--cores", "1", "table1", "--configfile", str(cwd / "mine.yaml"), *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_frame_that_was_made_again_or_another_folder_is_noticed(
    tmp_path: Path, results: Path
) -> None:
    def configure(folder: Path) -> None:
        (tmp_path / "mine.yaml").write_text(json.dumps({"methods": [entry(folder)]}))

    def remade() -> list[str]:
        said = snakemake(tmp_path, "-n", "--quiet", "host")
        return [line.split()[1].rstrip(":") for line in said.splitlines() if line[:5] == "rule "]

    configure(results)
    for line in snakemake(tmp_path, "--summary").splitlines()[1:]:
        made = tmp_path / line.split("\t")[0]
        made.parent.mkdir(parents=True, exist_ok=True)
        made.touch()
    snakemake(tmp_path, "--touch", "--forceall")
    assert remade() == []
    Image.fromarray(np.ones((8, 9, 3), np.uint8)).save(results / "test_000" / "0001.png")
    assert remade() == ["import_results", "score", "table", "table1"]
    configure(results.rename(tmp_path / "results b"))
    assert remade() == ["import_results", "score", "table", "table1"]
