"""Runs on a real Slurm of one node, through both cluster profiles."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dicface.base.errors import ClusterError, DicfaceError
from dicface.workflow import slurm
from tests.slurm import rig

REPOSITORY = Path(__file__).resolve().parents[2]
EXECUTORS = {"slurm-generic": "cluster-generic", "slurm": "slurm"}
# Shorter waits than the profiles', whose seconds suit jobs of hours.
HASTE = {
    "slurm-generic": ["--seconds-between-status-checks", "1"],
    "slurm": [
        *("--seconds-between-status-checks", "2"),
        *("--slurm-init-seconds-before-status-checks", "2"),
    ],
}
# Seconds after which something is taken for hung; a busy machine starts Snakemake in a minute.
PATIENCE = 300
SMALL = ["--default-resources", "gpu=0", "mem_mb=100", "runtime=5"]

pytestmark = pytest.mark.slurm


@pytest.fixture(scope="module", params=EXECUTORS)
def cluster(request):
    """A running Slurm for one profile; the plugin's has an accounting database."""
    accounting = request.param == "slurm"
    if reason := rig.why_not(accounting=accounting):
        pytest.skip(reason)
    try:
        lock = rig.hold()
    except DicfaceError as error:
        pytest.skip(str(error))
    with lock, rig.Cluster(accounting=accounting) as started:
        started.profile = request.param
        yield started


@pytest.fixture
def workspace(cluster, tmp_path):
    """A folder with the small workflow and the repository's profiles."""
    shutil.copytree(REPOSITORY / "profiles", tmp_path / "profiles")
    shutil.copy(REPOSITORY / "tests" / "slurm" / "Snakefile", tmp_path)
    return tmp_path


@pytest.fixture
def start(cluster):
    """Starts Snakemake with the cluster's profile; nothing of a test outlives it."""
    started = []

    def run(workspace, *arguments):
        command = [sys.executable, "-m", "snakemake", *arguments]
        command += ["--profile", f"profiles/{cluster.profile}", *HASTE[cluster.profile], *SMALL]
        printed = (workspace / "printed.txt").open("w")
        process = subprocess.Popen(
            command,
            cwd=workspace,
            # A shell's background job ignores SIGINT, and so would whatever it starts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={name: value for name, value in os.environ.items() if name != "SNAKEMAKE_PROFILE"},
        )
        printed.close()
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    cluster.clear()


def output_of(process, workspace):
    """Waits for the end and returns what was printed; a hang fails instead of lasting."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
    printed = (workspace / "printed.txt").read_text()
    assert process.poll() is not None, f"snakemake did not end:\n{printed}"
    return printed


def wait_until(happens):
    end = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.2)


def lines_of(path):
    return path.read_text().splitlines() if path.is_file() else []


def test_jobs_survive_a_failure_a_cancellation_and_an_outage_of_the_controller(
    cluster, workspace, start
):
    # The generic profile also submits while the controller is away; the plugin cannot.
    last = "after" if cluster.profile == "slurm-generic" else "slow"
    run = start(workspace, "gpu", "grows", last)
    # `slow` is cancelled in its first attempt; its second one ends while the controller is away.
    out = workspace / "out"
    wait_until(lambda: len(lines_of(out / "slow.starts")) == 1)
    subprocess.run(["scancel", lines_of(out / "slow.starts")[0]], check=True)
    wait_until(lambda: len(lines_of(out / "slow.starts")) == 2)
    wait_until((out / "grows.txt").is_file)
    cluster.stop_controller()
    (workspace / "go").touch()
    wait_until((out / "slow.txt").is_file)
    time.sleep(15)
    assert run.poll() is None
    cluster.start_controller()

    printed = output_of(run, workspace)
    assert run.returncode == 0, printed
    ended = {job["JobId"]: job for job in cluster.finished()}
    states = sorted(job["JobState"] for job in ended.values())
    assert states == ["CANCELLED", *["COMPLETED"] * (4 if last == "after" else 3), "FAILED"]
    # The failing job asked for more memory in its second attempt, and got it.
    failed = next(job for job in ended.values() if job["JobState"] == "FAILED")
    assert "mem=100M" in failed["Tres"]
    assert sum("mem=200M" in job["Tres"] for job in ended.values()) == 1
    # Three cores and two GPUs: neither the laptop's limit of one GPU nor its two cores holds here.
    assert any("cpu=3" in job["Tres"] for job in ended.values())
    assert (out / "gpu.txt").read_text().split()[0] == "0,1"
    if cluster.profile == "slurm-generic":
        assert len(list((out / "logs").glob("grows.slurm-*.log"))) == 2


def test_interrupted_run_cancels_its_jobs_and_goes_on(cluster, workspace, start):
    run = start(workspace, "slow")
    started = workspace / "out" / "slow.starts"
    wait_until(lambda: len(lines_of(started)) == 1)
    os.kill(run.pid, signal.SIGINT)
    printed = output_of(run, workspace)
    assert run.returncode != 0, printed
    wait_until(lambda: not cluster.jobs())
    assert not (workspace / "out" / "slow.txt").exists()

    (workspace / "go").touch()
    again = start(workspace, "slow")
    printed = output_of(again, workspace)
    assert again.returncode == 0, printed
    assert len(lines_of(started)) == 2


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"slurm_partition": "nowhere"}, "invalid partition specified: nowhere"),
        ({"gpu": rig.GPUS + 1}, "node configuration is not available"),
        ({"mem_mb": 2 * rig.MEMORY_MB}, "node configuration is not available"),
        ({"runtime": 61}, "61 minutes are above the partition's limit of 60"),
    ],
)
def test_what_the_cluster_lacks_is_said_before_the_first_job(cluster, resources, message):
    request = slurm.Request(rule="train", threads=1, resources={"runtime": 5, **resources})
    with pytest.raises(ClusterError, match=message) as caught:
        slurm.check_requests(EXECUTORS[cluster.profile], [request])
    assert f"rule train, which ask for {' '.join(request.sbatch_options())}" in str(caught.value)
    assert f"{rig.PARTITION}*" in str(caught.value)


def test_what_the_cluster_has_passes(cluster):
    resources = {"slurm_partition": rig.PARTITION, "gpu": 2, "mem_mb": 100, "runtime": 60}
    request = slurm.Request(rule="train", threads=4, resources=resources)
    slurm.check_requests(EXECUTORS[cluster.profile], [request])


def test_jobs_left_behind_in_the_folder_are_waited_for(cluster, workspace, monkeypatch):
    monkeypatch.chdir(workspace)
    sleeper = ["sbatch", "--parsable", "--mem=100", "--output=/dev/null", "--wrap=sleep 600"]
    left = subprocess.run(sleeper, capture_output=True, text=True, check=True).stdout.strip()
    try:
        if cluster.profile == "slurm":
            with pytest.raises(ClusterError, match=f"scancel {left}"):
                slurm.check_requests(EXECUTORS[cluster.profile], [])
        else:
            # Its jobs wait for their predecessors by themselves: the same outputs, the same name.
            facts = {"rule": "r", "threads": 1, "resources": {"mem_mb": 100}, "log": []}
            properties = json.dumps({**facts, "output": ["a"]})
            script = f"#!/bin/sh\n# properties = {properties}\nsleep 600\n"
            ids = [slurm.submit(script) for _ in range(2)]
            reasons = ["squeue", "--noheader", "--format=%r", f"--jobs={ids[1]}"]
            asked = subprocess.run(reasons, capture_output=True, text=True, check=True)
            assert asked.stdout.strip() == "Dependency"
    finally:
        cluster.clear()


@pytest.fixture
def real_workspace(cluster, tmp_path):
    """A folder with the repository's own workflow and a configuration of one tiny clip."""
    for name in ("Snakefile", "workflow", "config", "profiles"):
        source = REPOSITORY / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    test = {"num_clips": 1, "num_frames": 2, "photo": False}
    resources = {"render_clips": {"threads": 4, "mem_mb": 6000}}
    tiny = {"scale": "tiny", "data": {"size": 32, "test": test}, "resources": resources}
    tiny["model"] = {"transformer": {"connect_list": ["16"]}}
    (tmp_path / "tiny.yaml").write_text(json.dumps(tiny))
    return tmp_path


def test_the_workflow_runs(cluster, real_workspace, start):
    target = Path("results/tiny/bfr/input/degradation.parquet")
    run = start(real_workspace, str(target), "--configfile", "tiny.yaml")
    printed = output_of(run, real_workspace)
    assert run.returncode == 0, printed
    assert (real_workspace / target).is_file()
    asked = {job["Tres"].split(",node")[0] for job in cluster.finished()[-2:]}
    # What the configuration says, through the rules.
    assert asked == {"cpu=4,mem=6000M", "cpu=1,mem=4000M"}


def test_the_workflow_says_what_the_cluster_lacks(cluster, real_workspace, start):
    arguments = ["--configfile", "tiny.yaml", "--set-threads", "degrade=99"]
    run = start(real_workspace, "results/tiny/bfr/input/degradation.parquet", *arguments)
    printed = output_of(run, real_workspace)
    assert run.returncode != 0
    assert "Slurm cannot run the jobs of rule" in printed
    assert "Traceback" not in printed
    assert not cluster.jobs()
