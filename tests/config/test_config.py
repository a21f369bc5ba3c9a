"""Configuration: strict at the door, one message a mistake; the workflow plans what it says."""

import copy
import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

from dicface.base.errors import ConfigError
from dicface.config.fields import overlay
from dicface.config.load import load, with_budget
from dicface.config.networks import network
from dicface.config.settings import TrainSettings
from dicface.config.systems import FIGURES, FIGURES_OF_TABLES
from dicface.jobs import Job
from dicface.jobs.code_weights import CodeWeights
from dicface.jobs.figure import Figure, figures
from dicface.jobs.import_clips import ImportClips
from dicface.jobs.render_clips import RenderClips
from dicface.jobs.table import Table
from dicface.jobs.train import Train
from dicface.report import PAPER_NUMBERS
from dicface.runs.folder import Run
from dicface.workflow.plan import Plan

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def raw() -> dict:
    return yaml.safe_load((ROOT / "config" / "config.yaml").read_text())


def test_a_stage_overlays_the_defaults(raw: dict) -> None:
    raw["train"]["vqgan"]["steps"] = 7
    settings = network(Plan.of(raw).config, "vqgan").train
    assert isinstance(settings, TrainSettings)
    assert settings.steps == 7
    assert settings.betas == (0.9, 0.99)


def test_other_seeds_and_test_sets_have_their_own_folders(raw: dict) -> None:
    assert Plan.of(raw).run.folder == Path("results/demo")
    own = Plan.of(raw | {"test_clips": "/somewhere/holiday/", "seed": 2})
    assert own.run.folder == Path("results/demo-seed2-clips-holiday")
    assert own.run.train_folder == Path("results/demo-seed2")


def test_no_name_of_clips_breaks_a_command_or_takes_another_runs_folder(raw: dict) -> None:
    folders = {
        name: str(Plan.of(raw | {"test_clips": name}).run.folder)
        for name in ("", "My Videos", "./quick", "./seed1", "a'$(b);c", "été 1.0_x")
    }
    assert folders["My Videos"] == "results/demo-clips-My-Videos"
    assert all(re.fullmatch(r"[A-Za-z0-9_./-]+", folder) for folder in folders.values())
    others = {
        str(Plan.of(raw | change).run.folder) for change in ({"budget": "quick"}, {"seed": 1})
    }
    assert len({*folders.values(), *others}) == len(folders) + 2
    for budget in ("clips", "seed1", "a-b", "../x"):
        with pytest.raises(ConfigError, match=f"budget: found '{budget}'"):
            Plan.of(raw | {"budget": budget})
    # Two folders of one name share the results folder, and each of them is noticed.
    here, there = (Plan.of(raw | {"test_clips": f"{each}/holiday"}) for each in ("/here", "/there"))
    assert here.run.folder == there.run.folder
    own = (ImportClips(run=each.run).made_from() for each in (here, there))
    assert next(own) != next(own)


@pytest.mark.parametrize(
    "results", ["my results", "-out", "~no-such-user/out", "a{b}", "", "$HOME", "a'b"]
)
def test_results_folders_that_commands_cannot_take_are_refused(raw: dict, results: str) -> None:
    with pytest.raises(ConfigError, match="results: found .* link one here"):
        Plan.of(raw | {"results": results})


def test_budgets_overlay_the_scale(raw: dict) -> None:
    quick = with_budget(raw | {"budget": "quick"}, ROOT / "config" / "budget")
    assert quick["train"]["vqgan"]["steps"] < raw["train"]["vqgan"]["steps"]
    assert quick["degradation"] == raw["degradation"]
    assert Plan.of(quick).run.train_folder == Path("results/demo-quick")
    with pytest.raises(ConfigError, match="expected one of full, quick"):
        with_budget(raw | {"budget": "slow"}, ROOT / "config" / "budget")


def test_load_reads_what_the_workflow_writes(raw: dict, tmp_path: Path) -> None:
    raw["results"] = str(tmp_path)
    planned = Plan.of(raw)
    planned.start(alone=True)
    assert load(planned.run.folder / "run_config.yaml") == planned.config
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path / "none.yaml")


def test_network_facts_change_with_what_matters(raw: dict) -> None:
    other = copy.deepcopy(raw)
    other["train"]["dicface"]["learning_rate"] = 0.5
    changed = [name for name in Plan.of(raw).trained() if differs(raw, other, name)]
    assert "vqgan" not in changed
    assert {"dicface", "prior_10", "codes_half"} <= set(changed)
    other = copy.deepcopy(raw)
    other["variants"]["prior_10"]["train"]["prior_alpha"] = 11.0
    assert [name for name in Plan.of(raw).trained() if differs(raw, other, name)] == ["prior_10"]


def test_each_split_and_the_users_clips_depend_on_their_own_settings(raw: dict) -> None:
    raw["model"]["transformer"]["connect_list"] = ["16"]  # which frames of 32 px have too

    def facts(**data: dict) -> tuple:
        made = overlay(raw, {"data": data})
        own = overlay(raw, {"data": data, "test_clips": "/somewhere/holiday"})
        splits = tuple(made_from(made, RenderClips, split=split) for split in ("train", "test"))
        networks = [made_from(made, Train, network=name) for name in Plan.of(made).trained()]
        return (*splits, networks, made_from(own, ImportClips))

    def noticed(**data: dict) -> list[bool]:
        """By the training clips, the rendered test clips, the networks, the user's clips."""
        return [a != b for a, b in zip(facts(), facts(**data), strict=True)]

    assert noticed(test={"num_clips": 5}) == [False, True, False, False]
    assert noticed(test={"photo": False}) == [False, True, False, False]
    assert noticed(test={"max_frames": 7}) == [False, False, False, True]
    assert noticed(detector="dlib") == [False, False, False, True]
    assert noticed(train={"num_clips": 5}) == [True, False, True, False]
    assert noticed(fps=30) == [True, True, False, False]
    assert noticed(size=32) == [True, True, True, True]
    changed = overlay(raw, {"data": {"images": {"folder": "elsewhere"}}})
    clips = {"job": RenderClips, "split": "train"}
    assert made_from(changed, **clips) == made_from(raw, **clips)


def test_a_rule_knows_what_any_of_its_figures_writes(raw: dict) -> None:
    def written(name: str) -> list[str]:
        return list(map(str, Figure(run=run_of(json.dumps(raw)), figure=name).writes()))

    for name in (*FIGURES, *FIGURES_OF_TABLES):
        assert written(name) == [path.replace("{figure}", name) for path in written("{figure}")]


def test_tables_and_figures_depend_on_what_they_say(raw: dict) -> None:
    def noticed(changes: dict) -> set[str]:
        after = overlay(raw, changes)
        shown = [(Table, "table", f"table{number}") for number in (1, 2, 3, 4)]
        shown += [(Figure, "figure", name) for name in FIGURES]
        return {
            name
            for job, key, name in shown
            if made_from(raw, job, **{key: name}) != made_from(after, job, **{key: name})
        }

    assert noticed({"protocol_is_paper": True}) == {"table1", "table2", "table3", "table4"}
    assert noticed({"variants": {"dicface_inpainting": {"label": "x"}}}) == {
        "table2",
        "figure4",
        "figure5",
        *(f"figure{number}_{task}" for number in (6, 7) for task in ("inpainting", "colorization")),
    }
    named = {"variants": {"prior_10": {"paper_name": "x"}}}
    assert noticed(named) == {"table3", "figure8a", "figure8b"}
    weights = {"job": CodeWeights, "network": "dicface"}
    drawn = overlay(raw, {"restore": {"samples": 2}})
    assert made_from(drawn, **weights) == made_from(raw, **weights)
    first = overlay(raw, {"restore": {"position": "release"}})
    assert made_from(first, **weights) != made_from(raw, **weights)


def test_figure_8_is_left_out_without_table3(raw: dict) -> None:
    def left_out() -> set[str]:
        return set(FIGURES) - set(figures(Plan.of(raw).config))

    assert left_out() == set()
    assert Figure(run=Run.of(raw), figure="figure8b").networks() == ["dicface"]
    raw["ablations"]["table3"]["rows"].remove("dicface_trained")
    assert left_out() == {"figure8b"}
    del raw["ablations"]["table3"]
    assert left_out() == {"figure8a", "figure8b"}
    with pytest.raises(ConfigError, match="figure8a: found no ablations.table3"):
        Figure(run=Run.of(raw), figure="figure8a").networks()
    with pytest.raises(ConfigError, match="no table is named 'table3'"):
        made_from(raw, Table, table="table3")


@cache
def run_of(raw: str) -> Run:
    return Run.of(json.loads(raw))


def made_from(raw: dict, job: type[Job], **wildcards: str) -> dict:
    return job(run=run_of(json.dumps(raw)), **wildcards).made_from()


def differs(raw: dict, other: dict, name: str) -> bool:
    return made_from(raw, Train, network=name) != made_from(other, Train, network=name)


def test_a_release_of_the_package_makes_nothing_again(
    raw: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = made_from(raw, Train, network="dicface")
    monkeypatch.setattr("dicface.base.__version__", "99.0")
    assert made_from(raw, Train, network="dicface") == before
    monkeypatch.setattr(Train, "algorithm", Train.algorithm + 1)
    assert made_from(raw, Train, network="dicface") != before


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
    for rule in ("render_clips", "degrade", "train", "restore", "score", "table"):
        assert f"rule {rule}:" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("tabel=1", "\ntabel: unknown key; did you mean table"),
        ("budget=tiny", "\nbudget: found 'tiny', expected one of full, quick."),
        ("device=tpu", "\ndevice: found 'tpu', expected auto, cpu, cuda"),
        ("table1=[gpn]", "\ntable1: no method is named 'gpn'. Known methods: input, gpen"),
        ("train={dicface: {released: codeformr}}", "\ntrain.dicface.released: found 'codeformr'"),
        ("train={vqgan: {steps: 0, gan_rate: 0, save_every: 0, log_every: 0}}", "… and 1 more."),
    ],
)
def test_wrong_settings_stop_the_workflow(tmp_path: Path, setting: str, message: str) -> None:
    done = snakemake("-n", "table1", "--config", f"results={tmp_path}", setting)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
    said = (done.stdout + done.stderr).partition("WorkflowError")[2].partition("Using workflow")[0]
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) <= 5


def test_a_missing_folder_of_clips_stops_the_workflow(tmp_path: Path) -> None:
    settings = (f"results={tmp_path}", "test_clips=/no/such/folder")
    done = snakemake("-n", "table1", "--config", *settings)
    assert done.returncode != 0
    assert "no such folder" in done.stdout + done.stderr


def test_own_test_clips_train_nothing_anew(raw: dict, tmp_path: Path) -> None:
    demo = Plan.of(raw | {"results": str(tmp_path)})
    own = Plan.of(raw | {"results": str(tmp_path), "test_clips": "/somewhere/holiday"})
    assert own.run.train_folder / "run_config.yaml" == demo.run.train_folder / "run_config.yaml"
    assert own.run.folder / "run_config.yaml" != demo.run.folder / "run_config.yaml"
    demo_locks = demo.start(alone=True)
    written = Path(demo.run.train_folder / "run_config.yaml").read_text()
    for lock in demo_locks:
        lock.close()
    own.start(alone=True)
    assert Path(demo.run.train_folder / "run_config.yaml").read_text() == written
    for name in demo.trained():
        own_made, demo_made = (
            Train(run=each.run.training, network=name).made_from() for each in (own, demo)
        )
        assert own_made == demo_made


def test_a_change_makes_anew_what_depends_on_it_alone(tmp_path: Path) -> None:
    where = ("--snakefile", str(ROOT / "Snakefile"), "--cores", "1")
    listed = snakemake(*where, "all", "--summary", cwd=tmp_path)
    for line in listed.stdout.splitlines()[1:]:
        made = tmp_path / line.split("\t")[0]
        if made.name == "report":
            made = made / "index.html"
        made.parent.mkdir(parents=True, exist_ok=True)
        made.touch()
    assert snakemake(*where, "all", "--touch", "--forceall", cwd=tmp_path).returncode == 0

    def planned(changes: str) -> subprocess.CompletedProcess:
        change = tmp_path / "change.yaml"
        change.write_text(changes)
        done = snakemake(*where, "all", "-n", "--configfile", str(change), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done

    test_set = planned("data: {test: {num_clips: 5, max_frames: 7}, detector: dlib}").stdout
    assert "rule train:" not in test_set
    assert test_set.count("rule render_clips:") == 1
    assert f"{PAPER_NUMBERS / 'table1.csv'}, {PAPER_NUMBERS / 'reasons.csv'}" in test_set
    assert str(PAPER_NUMBERS / "table4.csv") in test_set
    assert "rule train:" in planned("data: {train: {num_clips: 5}}").stdout
    of_variant = planned("variants: {prior_10: {train: {prior_alpha: 11.0}}}").stdout
    remade = {line.strip() for line in of_variant.splitlines() if line.startswith("    output: ")}
    of_network = {line for line in remade if "/tables/" not in line and "/figures/" not in line}
    # Weights, code weights, what is inside, clips, scores; and the report.
    assert len(of_network) == 6
    assert all("prior_10" in line or "results/demo/report" in line for line in of_network)
    shown = {line.split("/")[-1] for line in remade - of_network}
    assert shown == {"table3.tex", "figure8a.txt"}, of_variant
