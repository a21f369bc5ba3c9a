"""What a plan says: counted operations, rates, single jobs, the graph, sums and the command."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from dicface.base.errors import ConfigError
from dicface.cli.main import main
from dicface.config.fields import overlay
from dicface.config.load import load
from dicface.config.networks import network
from dicface.cost import flops
from dicface.cost.downloads import downloads
from dicface.cost.estimate import cost_of_targets, with_missing_shards
from dicface.cost.jobs import Graph, Job
from dicface.cost.measured import benchmark_of, corrections_from, job_of
from dicface.cost.model import _RULES, Model
from dicface.cost.rates import COLUMNS, Rates, read_rates
from dicface.cost.schedule import wall_seconds
from dicface.cost.sizes import FRAMES_OF_A_VFHQ_CLIP, Sizes
from dicface.jobs import JOBS
from dicface.workflow.plan import Plan

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "config" / "config.yaml"
HEAVY_NOISE = ROOT / "config" / "heavy_noise.yaml"
PAPER = ROOT / "config" / "paper.yaml"


def settings(*paths: Path, **changes: object) -> dict:
    """A merged configuration as plain values."""
    merged: dict = {}
    for path in paths:
        merged = overlay(merged, yaml.safe_load(path.read_text()))
    return overlay(merged, changes)


@pytest.fixture
def demo(tmp_path: Path) -> Model:
    """The demo on one core."""
    plan = Plan.of(settings(DEMO, results=str(tmp_path)))
    return Model(plan=plan, sizes=Sizes(plan), rates=read_rates(), cores=1)


@pytest.fixture
def paper(tmp_path: Path) -> Model:
    """The paper's scale without any data."""
    missing = {"data": {"train": {"folder": str(tmp_path / "no")}}}
    missing["data"]["test"] = {"folder": str(tmp_path / "none")}
    plan = Plan.of(settings(DEMO, PAPER, results=str(tmp_path), **missing))
    return Model(plan=plan, sizes=Sizes(plan), rates=read_rates())


# Operations


@pytest.mark.parametrize(
    ("name", "lpips"),
    [("vqgan", 0.0), ("codeformer", 0.0), ("fusion", 0.0), ("dicface", 1.0), ("no_temporal", 0.0)],
)
def test_counted_operations_are_those_of_torch(name: str, lpips: float) -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from dicface.models import build
    from dicface.training import losses
    from dicface.training.lpips import PerceptualLoss, untrained_network
    from dicface.training.stages import STAGE_CLASSES

    plan = network(load(DEMO, HEAVY_NOISE), name)
    plan = replace(plan, train=replace(plan.train, lpips_weight=lpips))
    learns = build(plan.kind, **plan.settings())
    objective = losses.Objective(
        prior=1.0,
        kl_weight=0.0,
        lambda2=lpips,
        perceptual=PerceptualLoss(untrained_network()) if lpips else None,
    )
    prior = build("vqgan", **plan.settings("vqgan"))
    stage = STAGE_CLASSES[plan.stage](learns, plan.train, objective, prior).train()
    x = torch.rand(1, plan.frames, 3, plan.size, plan.size)
    with FlopCounterMode(display=False) as counter:
        stage(x, x).total.backward()

    # Counted a little high: gradients to the first layer's input, and before the first skip.
    assert flops.training(plan) == pytest.approx(counter.get_total_flops() / plan.frames, rel=0.06)
    parameters = sum(p.numel() for p in learns.parameters())
    assert flops.parts_of(plan.kind, plan.settings()).parameters == pytest.approx(
        parameters, rel=0.04
    )


def test_the_papers_networks() -> None:
    config = load(DEMO, PAPER)
    plan = network(config, "dicface")
    parts = flops.parts_of("dicface", plan.settings())

    assert parts.parameters == pytest.approx(116.2e6, rel=0.01)
    # Ten frames with LPIPS: 29.4 TFLOP by torch's counter on tensors without values.
    assert 10 * flops.training(plan) == pytest.approx(29.4e12, rel=0.01)
    # docs/restoration.md: 412 billion multiplications a frame.
    assert flops.restoring(parts) / 2 == pytest.approx(412e9, rel=0.01)


def test_the_discriminator_counts_from_its_first_step_on() -> None:
    plan = network(load(DEMO, PAPER), "vqgan")
    without = flops.training(replace(plan, train=replace(plan.train, gan_weight=0.0)))
    late = flops.training(replace(plan, train=replace(plan.train, gan_start=plan.train.steps)))
    whole = flops.training(replace(plan, train=replace(plan.train, gan_start=0)))
    assert late == without
    assert whole - without == pytest.approx(8 * flops.discriminator(512).flops)


# Rates


def test_every_rate_says_where_it_is_from() -> None:
    rates = read_rates()
    assert len({(row.what, row.device, row.size_px) for row in rates.rows}) == len(rates.rows)
    for row in rates.rows:
        assert row.source
        assert bool(row.machine) == (row.kind == "measured"), row
    # What a GPU reaches of its peak was measured nowhere.
    assert all(row.is_estimate for row in rates.rows if row.what.startswith("gpu.share."))


def test_a_rate_of_another_size_is_scaled_and_called_an_estimate() -> None:
    rates = read_rates()
    known = rates.find("score", "cpu", 64)
    scaled = rates.find("score", "cpu", 128)
    assert not known.is_estimate
    assert scaled.is_estimate
    assert scaled.value == pytest.approx(4 * known.value)
    speed = rates.find("train.vqgan", "cpu", 128)
    assert speed.is_estimate
    assert speed.value == rates.find("train.vqgan", "cpu", 64).value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "guess"}, "found kind 'guess'"),
        ({"value": "fast"}, "expected numbers"),
        ({"source": ""}, "expected a source"),
        ({"machine": ""}, "names the machine"),
        ({"value": "-1"}, "0 or more"),
    ],
)
def test_a_bad_row_is_refused(tmp_path: Path, change: dict, message: str) -> None:
    row = dict.fromkeys(COLUMNS, "x")
    row |= {"size_px": "0", "value": "2", "kind": "measured", "date": "2026-11-23"}
    path = tmp_path / "rates.csv"
    path.write_text(f"{','.join(COLUMNS)}\n{','.join((row | change).values())}\n")
    with pytest.raises(ConfigError, match=re.escape(message)):
        read_rates(path)


def test_constants_are_those_of_their_owners() -> None:
    from dicface.data.datasets.check import LANDMARK_BYTES_A_FRAME, LOSSLESS_SHARE

    rates = read_rates()
    assert rates.find("disk.lossless", size_px=512).value == LOSSLESS_SHARE
    assert rates.find("disk.training_landmarks").value == LANDMARK_BYTES_A_FRAME


# One job


def test_every_job_has_a_rate() -> None:
    assert set(_RULES) == set(JOBS)


def test_an_unknown_rule_is_not_free_of_charge(demo: Model) -> None:
    assert not demo.cost(Job(rule="new_rule", wildcards={})).known


def test_a_kind_of_work_without_a_rate_is_not_free_of_charge(demo: Model) -> None:
    rates = Rates(tuple(row for row in demo.rates.rows if row.what != "score"), demo.rates.path)
    job = Job(rule="score", wildcards={"task": "bfr", "method": "input"})
    assert demo.cost(job).known
    assert not replace(demo, rates=rates).cost(job).known


def test_a_training_on_a_cpu(demo: Model, tmp_path: Path) -> None:
    of_64_px = Plan.of(settings(DEMO, HEAVY_NOISE, results=str(tmp_path)))
    demo = replace(demo, plan=of_64_px, sizes=Sizes(of_64_px))
    plan = network(of_64_px.config, "fusion")
    cost = demo.cost(Job(rule="train", wildcards={"network": "fusion"}))
    operations = plan.train.steps * plan.train.batch_size * flops.training(plan)
    expected = operations / demo.rates.find("train.fusion", "cpu", 64).value / 1e9
    starts = sum(demo.rates.find(what, "cpu").value for what in ("start", "train.start"))
    assert cost.core_seconds == pytest.approx(expected + starts)
    assert cost.gpu_seconds == 0
    assert not cost.estimate
    assert cost.scratch == pytest.approx(4 * cost.disk)


def test_a_training_on_gpus_is_an_estimate(paper: Model) -> None:
    job = Job(rule="train", wildcards={"network": "dicface"}, threads=16, gpus=1)
    one, eight = paper.cost(job), paper.cost(replace(job, gpus=8))
    steps = 100_000 * 16 * 5 * flops.training(network(paper.plan.config, "dicface"))
    assert one.estimate
    assert one.gpu_seconds == pytest.approx(steps / (156e12 * 0.45), rel=1e-3)
    assert eight.gpu_seconds == pytest.approx(one.gpu_seconds, rel=1e-3)
    assert eight.seconds == pytest.approx(one.seconds / 8, rel=1e-3)
    assert replace(paper, gpu="h100").cost(job).seconds < one.seconds


def test_what_was_measured_on_a_gpu_takes_the_place_of_assumptions(paper: Model) -> None:
    train = Job(rule="train", wildcards={"network": "dicface"}, threads=16, gpus=1)
    restore = Job(rule="restore", wildcards={"task": "bfr", "method": "gpen"}, gpus=1)
    like = paper.rates.find("gpu.peak.tf32", "a100")
    card = {"device": "nvidia-l4", "kind": "measured", "machine": "NVIDIA L4"}
    measured = tuple(
        replace(like, what=what, value=value, unit=unit, size_px=size, **card)
        for what, value, unit, size in (
            ("gpu.speed.train.tf32", 50, "TFLOP/s", 0),
            ("gpu.speed.restore.tf32", 20, "TFLOP/s", 0),
            ("restore.gpen.seconds", 0.03, "s/frame", 512),
        )
    )
    rates = Rates(paper.rates.rows + measured, paper.rates.path)
    assert rates.gpus()[-1] == "nvidia-l4"
    assumed, known = paper.cost(train), replace(paper, rates=rates, gpu="nvidia-l4").cost(train)
    start = sum(rates.find(what, "cpu").value for what in ("start", "train.start"))
    assert known.seconds - start == pytest.approx(
        (assumed.seconds - start) * 156 * 0.45 / 50, rel=1e-6
    )
    assert assumed.estimate
    assert not known.estimate
    restored = replace(paper, rates=rates, gpu="nvidia-l4").cost(restore)
    frames = 50 * FRAMES_OF_A_VFHQ_CLIP
    other = rates.find("start", "cpu").value + frames * rates.find("restore.io", "cpu", 512).value
    assert restored.seconds - other == pytest.approx(frames * 0.03)
    # A system that was not measured there: its operations at the speed of restoring.
    keep = replace(restore, wildcards={"task": "bfr", "method": "keep"})
    said = replace(paper, rates=rates, gpu="nvidia-l4").cost(keep)
    operations = rates.find("restore.keep.operations", "nvidia-l4", 512).value
    assert said.seconds - other == pytest.approx(frames * operations / 20)


def test_released_weights_are_not_trained(paper: Model) -> None:
    job = Job(rule="train", wildcards={"network": "fusion"}, gpus=1)
    assert paper.cost(job).seconds < 60
    assert downloads(paper.plan, [job], paper.rates)[0].name == "codeformer"


def test_restored_clips_take_their_share_of_raw_bytes(paper: Model) -> None:
    job = Job(rule="restore", wildcards={"task": "bfr", "method": "dicface_trained"}, gpus=1)
    assert paper.cost(job).disk == 50 * FRAMES_OF_A_VFHQ_CLIP * 3 * 512**2 * 0.25


def test_processes_share_a_job_out(demo: Model) -> None:
    job = Job(rule="analyse_truth", wildcards={}, threads=8)
    one, two = demo.cost(job), replace(demo, cores=2).cost(job)
    assert two.seconds == pytest.approx(one.seconds / 2)
    assert two.core_seconds == one.core_seconds


def test_sets_that_are_not_here_are_assumed(demo: Model, paper: Model) -> None:
    assert not demo.sizes.test.assumed
    assert (demo.sizes.test.clips, demo.sizes.test.frames) == (21, 504)
    assert paper.sizes.test.assumed
    assert paper.sizes.test.clips == 50
    assert paper.sizes.train.clips == 16_000
    assert len(paper.sizes.missing_shards) == 160


def test_frames_of_a_folder_are_counted(tmp_path: Path) -> None:
    import numpy as np

    from dicface.video.clips import write_clip

    write_clip(tmp_path / "own" / "a.mkv", np.zeros((7, 16, 16, 3), np.uint8), fps=25)
    plan = Plan.of(settings(DEMO, test_clips=str(tmp_path / "own"), results=str(tmp_path)))
    assert Sizes(plan).test.frames == 7


# All jobs


def test_wall_time_heeds_cores_gpus_and_order() -> None:
    free = Job(rule="a", wildcards={})
    jobs = [free, free, replace(free, needs=(0, 1)), replace(free, gpus=1), replace(free, gpus=1)]
    seconds = {0: 10.0, 1: 20.0, 2: 5.0, 3: 30.0, 4: 30.0}
    assert wall_seconds(jobs, seconds, cores=9, gpus=2) == 30
    assert wall_seconds(jobs, seconds, cores=9, gpus=1) == 60
    assert wall_seconds(jobs[:3], {0: 10.0, 1: 20.0, 2: 5.0}, cores=1, gpus=0) == 35
    # What is done already holds nobody up.
    assert wall_seconds(jobs, {2: 5.0}, cores=1, gpus=0) == 5
    wide = [replace(free, threads=16)] * 2
    assert wall_seconds(wide, {0: 1.0, 1: 1.0}, cores=8, gpus=0) == 2


def test_shared_jobs_count_once_in_the_total(demo: Model) -> None:
    shared = Job(rule="degrade", wildcards={"task": "bfr"}, outputs=("degraded",))
    scores = [
        Job(
            rule="score", wildcards={"task": "bfr", "method": method}, needs=(0,), outputs=(method,)
        )
        for method in ("input", "dicface_trained")
    ]
    graph = Graph((shared, *scores, Job(rule="new_rule", wildcards={}, outputs=("x",))), {})
    answer = cost_of_targets(graph, demo, ["input", "dicface_trained", "x", "done"], gpus=0)
    assert [each.jobs for each in answer.targets] == [2, 2, 1, 0]
    assert answer.total.jobs == 4
    each, both = answer.targets[0].core_seconds, answer.total.core_seconds
    assert both == pytest.approx(2 * each - demo.cost(shared).core_seconds)
    assert answer.unknown == {"new_rule": 1}
    assert answer.total.unknown == 1


def test_landmarks_of_a_set_that_is_not_here_are_added(paper: Model) -> None:
    index = Job(rule="training_index", wildcards={"split": "train"})
    graph = with_missing_shards(Graph((index,), {}), paper)
    assert len(graph.jobs) == 161
    assert len(graph.jobs[0].needs) == 160
    assert all(paper.cost(job).known for job in graph.jobs)


def test_a_finished_run_corrects_the_rates(demo: Model, tmp_path: Path) -> None:
    run = tmp_path / "demo"
    (run / "benchmarks").mkdir(parents=True)
    (run / "run_config.yaml").write_text(yaml.safe_dump(settings(DEMO)))
    job = Job(rule="train", wildcards={"network": "fusion"})
    said = demo.cost(job).seconds
    (run / "benchmarks" / "train_fusion.tsv").write_text(f"s\tcpu_time\n{3 * said}\t1\n")
    corrections = corrections_from(run, demo)
    assert corrections["train_fusion"] == pytest.approx(3)
    graph = Graph((replace(job, outputs=("w",)),), {})
    answer = cost_of_targets(graph, demo, ["w"], gpus=0, corrections=corrections)
    assert answer.total.core_seconds == pytest.approx(3 * said)
    with pytest.raises(ConfigError, match="--measured takes the folder"):
        corrections_from(tmp_path / "nothing", demo)


def test_benchmarks_name_their_jobs() -> None:
    names = ["train_prior_1e-4", "restore_bfr_dicface_trained", "analyse_truth"]
    names.append("training_landmarks_train_00003")
    assert [benchmark_of(job_of(name)) for name in names] == names
    assert job_of("restore_bfr_dicface_trained").wildcards["method"] == "dicface_trained"
    assert job_of("report") is None
    assert job_of("analyse_truth_more") is None


# The command; each call asks Snakemake once.


def test_the_papers_run_is_planned_without_data(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("DICFACE_WEIGHTS", str(tmp_path / "no weights"))
    status = main(["plan", "--config", str(PAPER), "--set", f"results={tmp_path}", "--json"])
    said = json.loads(capsys.readouterr().out)
    targets = {each["name"]: each for each in said["targets"]}
    assert status == 0
    assert list(targets) == [
        *(
            "table1",
            "over_time",
            "table2",
            "table3",
            "table4",
            "ablations",
            "figures",
            "report",
            "all",
        )
    ]
    assert said["total"]["jobs"] == targets["all"]["jobs"] > targets["table1"]["jobs"]
    assert 50 < targets["table1"]["gpu_seconds"] / 3600 < 1000
    assert said["unknown"] == {}
    # Table 1's released systems are planned although no file is here, and told apart.
    assert targets["table1"]["waiting"] == 18
    assert {"vgg16", "gpen_bfr_512"} <= {each["name"] for each in said["downloads"]}


def test_a_demo_half_done_is_planned_and_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    index = tmp_path / "demo-quick" / "clips" / "train" / "index.parquet"
    index.parent.mkdir(parents=True)
    index.touch()
    wanted = ["--target", "table1", "--set", f"results={tmp_path}", "budget=quick"]
    assert main(["plan", *wanted, "--cores", "2"]) == 0
    said = capsys.readouterr().out
    rules = dict(re.findall(r"^(\w+) +(\d+) ", said, flags=re.MULTILINE))
    assert rules["render_clips"] == "1"  # the test split alone
    assert rules["train"] == "5"  # four stages and CodeFormer trained longer
    assert "GPU-hours" in said
    assert "ESTIMATE" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "table9"], "table9"),
        (["--set", "scale"], "expected KEY=VALUE"),
        (["--gpu", "abacus"], "a100"),
        (["--config", "nowhere.yaml"], "no such file"),
    ],
)
def test_what_cannot_be_planned_is_said(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture, monkeypatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["plan", *arguments]) == 2
    assert message in capsys.readouterr().err
