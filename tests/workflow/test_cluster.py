"""What jobs ask a scheduler for, and the generic profile's scripts, without a scheduler."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from dicface.base.errors import ClusterError
from dicface.config.fields import overlay
from dicface.jobs import JOBS
from dicface.workflow import slurm
from dicface.workflow.plan import Plan

REPOSITORY = Path(__file__).resolve().parents[2]
CONFIG = REPOSITORY / "config"


@pytest.fixture
def raw():
    return yaml.safe_load((CONFIG / "config.yaml").read_text())


def test_retries_ask_for_more_up_to_the_limits(raw):
    raw["resources"]["limits"] = {"mem_mb": 9000, "runtime": 200}
    plan = Plan.of(raw)
    asked = [plan.resources("train", attempt) for attempt in (1, 2, 3)]
    assert [each.mem_mb for each in asked] == [4000, 8000, 9000]
    assert [each.runtime for each in asked] == [120, 200, 200]
    assert {each.threads for each in asked} == {1}


def test_gpus_are_asked_for_where_networks_run_on_them(raw):
    raw["train"]["dicface"]["batch_size"] = 4
    cuda = raw | {"device": "cuda", "compute": raw["compute"] | {"devices": 4}}
    gpus = {rule: Plan.of(cuda).resources(rule).gpu for rule in ("train", "score", "degrade")}
    assert gpus == {"train": 4, "score": 1, "degrade": 0}
    assert Plan.of(raw).resources("train").gpu == 0


def test_every_rule_that_is_named_is_there(raw):
    paper = overlay(raw, yaml.safe_load((CONFIG / "paper.yaml").read_text()))
    assert set(paper["resources"]) - {"limits", "defaults"} <= set(JOBS)


def test_options_of_sbatch():
    resources = {"slurm_partition": "a100", "gpu": 2, "mem_mb": 100, "runtime": 5, "qos": ""}
    resources["slurm_extra"] = "--exclusive --mail-type=END"
    request = slurm.Request(rule="train", threads=3, resources=resources)
    assert request.sbatch_options() == [
        *("--nodes=1", "--ntasks=1", "--cpus-per-task=3"),
        *("--partition=a100", "--mem=100", "--time=5", "--gpus=2"),
        *("--exclusive", "--mail-type=END"),
    ]


def test_missing_gpus_are_said_on_one_machine(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    slurm.check_requests("local", [slurm.Request(rule="r", threads=1, resources={"gpu": 1})])
    with pytest.raises(ClusterError, match=r"rule train asks for 2 GPU\(s\), found 1"):
        slurm.check_requests(
            "local", [slurm.Request(rule="train", threads=1, resources={"gpu": 2})]
        )


@pytest.mark.parametrize(
    ("limit", "minutes"),
    [("1-12:30:00", 2190), ("30:00", 30), ("0:30", 0.5), ("2-00:00:00", 2880), ("infinite", None)],
)
def test_time_limits_of_partitions(limit, minutes):
    assert slurm._minutes(limit) == minutes


@pytest.mark.parametrize(
    ("left", "answer", "status"),
    [
        ("0", "slurm_load_jobs error: Unable to contact slurm controller", "success"),
        ("1", "COMPLETED", "failed"),
        (None, "slurm_load_jobs error: Unable to contact slurm controller", "running"),
        (None, "slurm_load_jobs error: Socket timed out on send/recv operation", "running"),
        (None, "PENDING", "running"),
        (None, "COMPLETED", "success"),
        (None, "NODE_FAIL", "failed"),
        (None, "slurm_load_jobs error: Invalid job id specified", "failed"),
    ],
)
def test_status_script(tmp_path, left, answer, status):
    squeue = tmp_path / "squeue"
    squeue.write_text(f"#!/bin/sh\necho '{answer}'\n")
    squeue.chmod(0o755)
    if left is not None:
        (tmp_path / slurm.STATUS_FOLDER).mkdir(parents=True)
        (tmp_path / slurm.STATUS_FOLDER / "7").write_text(f"{left}\n")
    done = subprocess.run(
        [REPOSITORY / "profiles" / "slurm-generic" / "status.sh", "7"],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{status}\n"


@pytest.mark.parametrize(
    ("partition", "runtime", "found"),
    [
        ("debug,main", 500, ""),
        ("main,debug", 500, ""),
        ("debug,forever", 10**6, ""),
        ("debug,main", 3000, "3000 minutes are above the partition's limit of 2880 of debug, main"),
        ("debug", 31, "31 minutes are above the partition's limit of 30"),
        ("debug", 30, ""),
        (None, 3000, "3000 minutes are above the partition's limit of 2880"),
    ],
)
def test_of_several_partitions_one_must_be_long_enough(monkeypatch, partition, runtime, found):
    limits = {"debug": "30:00", "main*": "2-00:00:00", "forever": "infinite"}

    def run(*command, script=""):
        chosen = command[command.index("--partition") + 1].split(",") if partition else None
        rows = [f"{n} {t}" for n, t in limits.items() if not chosen or n.strip("*") in chosen]
        return subprocess.CompletedProcess(command, 0, "\n".join(rows) + "\n", "")

    monkeypatch.setattr(slurm, "_run", run)
    resources = {"runtime": runtime, "slurm_partition": partition}
    request = slurm.Request(rule="train", threads=1, resources=resources)
    assert slurm._beyond_time_limit(request) == found
