"""Configuration: strict at the door, one message a mistake; the workflow plans what it says."""

import copy
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from dicface.config import STAGES, TrainSettings, from_mapping, load
from dicface.errors import ConfigError
from dicface.networks import network
from dicface.workflow import plan, with_budget

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def raw() -> dict:
    return yaml.safe_load((ROOT / "config" / "config.yaml").read_text())


def test_unknown_keys_are_named(raw: dict) -> None:
    raw["data"]["sizes"] = 3
    with pytest.raises(ConfigError, match="data: unknown key 'sizes'"):
        plan(raw)


def test_missing_keys_are_named(raw: dict) -> None:
    del raw["train"]["defaults"]["steps"]
    for stage in STAGES:
        raw["train"][stage].pop("steps", None)
    with pytest.raises(ConfigError, match="key 'steps' is missing"):
        plan(raw)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("steps", "many", "expected int"),
        ("steps", True, "expected int"),
        ("betas", [0.9], "expected 2"),
        ("loss_frames", "some", "expected one of"),
    ],
)
def test_wrong_types_are_named(raw: dict, key: str, value: object, message: str) -> None:
    raw["train"]["vqgan"][key] = value
    with pytest.raises(ConfigError, match=message):
        plan(raw)


def test_numbers_as_yaml_reads_them() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Rates:
        rate: float

    assert from_mapping(Rates, yaml.safe_load("rate: 1e-4"), "test").rate == 1e-4
    assert from_mapping(Rates, {"rate": 1}, "test").rate == 1.0


def test_a_stage_overlays_the_defaults(raw: dict) -> None:
    raw["train"]["vqgan"]["steps"] = 7
    settings = network(plan(raw).config, "vqgan").train
    assert isinstance(settings, TrainSettings)
    assert settings.steps == 7
    assert settings.betas == (0.9, 0.99)


def test_other_seeds_and_test_sets_have_their_own_folders(raw: dict) -> None:
    assert plan(raw).run_folder == "results/demo"
    own = plan(raw | {"test_clips": "/somewhere/holiday/", "seed": 2})
    assert own.run_folder == "results/demo-seed2-holiday"
    assert own.train_folder == "results/demo-seed2"


def test_budgets_overlay_the_scale(raw: dict) -> None:
    quick = with_budget(raw | {"budget": "quick"}, ROOT / "config" / "budget")
    assert quick["train"]["vqgan"]["steps"] < raw["train"]["vqgan"]["steps"]
    assert quick["degradation"] == raw["degradation"]
    assert plan(quick).train_folder == "results/demo-quick"
    with pytest.raises(ConfigError, match="expected one of full, quick"):
        with_budget(raw | {"budget": "slow"}, ROOT / "config" / "budget")


def test_load_reads_what_the_workflow_writes(raw: dict, tmp_path: Path) -> None:
    raw["results"] = str(tmp_path)
    planned = plan(raw)
    planned.start()
    assert load(planned.run_config) == planned.config
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path / "none.yaml")


def test_network_facts_change_with_what_matters(raw: dict) -> None:
    other = copy.deepcopy(raw)
    other["train"]["dicface"]["learning_rate"] = 0.5
    changed = [name for name in plan(raw).trained() if differs(raw, other, name)]
    assert "vqgan" not in changed
    assert {"dicface", "prior_10", "codes_half"} <= set(changed)
    other = copy.deepcopy(raw)
    other["variants"]["prior_10"]["train"]["prior_alpha"] = 11.0
    assert [name for name in plan(raw).trained() if differs(raw, other, name)] == ["prior_10"]


def differs(raw: dict, other: dict, name: str) -> bool:
    return plan(raw).network_facts(name) != plan(other).network_facts(name)


def snakemake(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
        check=False,
    )


def test_the_workflow_plans_table1(tmp_path: Path) -> None:
    done = snakemake("-n", "table1", "--config", f"results={tmp_path}", "budget=quick")
    assert done.returncode == 0, done.stderr
    for rule in ("render_clips", "degrade", "train", "restore", "score", "table1"):
        assert f"rule {rule}:" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("tabel=1", "tabel"),
        ("budget=tiny", "expected one of full, quick"),
        ("test_clips=/no/such/folder", "no such folder"),
        ("device=tpu", "tpu"),
    ],
)
def test_wrong_settings_stop_the_workflow(tmp_path: Path, setting: str, message: str) -> None:
    done = snakemake("-n", "table1", "--config", f"results={tmp_path}", setting)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr


def test_own_test_clips_train_nothing_anew(raw: dict, tmp_path: Path) -> None:
    demo = plan(raw | {"results": str(tmp_path)})
    own = plan(raw | {"results": str(tmp_path), "test_clips": "/somewhere/holiday"})
    assert own.train_config == demo.train_config
    assert own.run_config != demo.run_config
    demo_locks = demo.start()
    written = Path(demo.train_config).read_text()
    for lock in demo_locks:
        lock.close()
    own.start()
    assert Path(demo.train_config).read_text() == written
    for name in demo.trained():
        assert own.network_facts(name) == demo.network_facts(name)


def test_changing_a_variant_makes_anew_what_depends_on_it_alone(tmp_path: Path) -> None:
    where = ("--snakefile", str(ROOT / "Snakefile"), "--cores", "1")
    listed = snakemake(*where, "all", "--summary", cwd=tmp_path)
    for line in listed.stdout.splitlines()[1:]:
        made = tmp_path / line.split("\t")[0]
        if made.name == "report":
            made = made / "index.html"
        made.parent.mkdir(parents=True, exist_ok=True)
        made.touch()
    assert snakemake(*where, "all", "--touch", "--forceall", cwd=tmp_path).returncode == 0
    change = tmp_path / "change.yaml"
    change.write_text("variants: {prior_10: {train: {prior_alpha: 11.0}}}")
    planned = snakemake(*where, "all", "-n", "--configfile", str(change), cwd=tmp_path)
    assert planned.returncode == 0, planned.stderr
    remade = {
        line.strip() for line in planned.stdout.splitlines() if line.startswith("    output: ")
    }
    of_network = {line for line in remade if "/tables/" not in line and "/figures/" not in line}
    assert len(of_network) == 5  # weights, code weights, clips, scores; and the report
    assert all("prior_10" in line or "results/demo/report" in line for line in of_network)
    assert {line.split("/")[-1] for line in remade - of_network} == {"table3.tex", "figure8a.txt"}
