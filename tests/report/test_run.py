"""Tables and the comparison of a run, from the folders that the workflow leaves."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from dicface.base.errors import ConfigError, MetricError
from dicface.base.seeds import numpy_rng
from dicface.config.load import load
from dicface.config.settings import Variant
from dicface.faces.misfits import Misfit, write_left_out
from dicface.metrics import METRICS
from dicface.provenance.manifest import sidecar
from dicface.report.run import (
    declare,
    is_papers_protocol,
    table_inputs,
    write_run_table,
    write_tables_at_hand,
)
from dicface.report.run_figures import draw_figure, figure_inputs
from dicface.report.run_rows import failure
from dicface.runs.folder import Run
from dicface.video.clips import write_clip
from dicface.workflow.plan import Plan

REPOSITORY = Path(__file__).resolve().parents[2]
CONFIG = load(REPOSITORY / "config" / "config.yaml")
CLIPS = [f"test_{i:03d}" for i in range(5)]
METHODS = ("input", "codeformer_trained", "dicface_trained")
STAGES = {"vqgan": "", "codeformer": "vqgan", "fusion": "codeformer", "dicface": "codeformer"}


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "results" / "demo"
    truths = {
        clip: numpy_rng("test run", clip).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
        for clip in CLIPS
    }
    for clip, truth in truths.items():
        write_clip(folder / "clips" / "test" / f"{clip}.mkv", truth, 25)
    for method in METHODS:
        rows = []
        for i, (clip, truth) in enumerate(truths.items()):
            write_clip(folder / "bfr" / method / f"{clip}.mkv", truth // 2, 25)
            rows += [{"clip": clip, "metric": metric, "value": 20.0 + i} for metric in METRICS]
        scores = pd.DataFrame(rows).assign(task="bfr", method=method, num_frames=3, num_missing=0)
        scores = scores.assign(backbone="dlib-68", backbone_sha256="", official=False, note="")
        scores.assign(protocol="dicface-2").to_parquet(folder / "bfr" / method / "metrics.parquet")
    for stage, start in STAGES.items():
        path = folder / "train" / stage / "training.json"
        path.parent.mkdir(parents=True)
        path.with_name("weights.safetensors").write_bytes(b"weights")
        facts = {"name": stage, "starts_from": start, "steps": 11, "seconds": 2.3, "threads": 2}
        path.write_text(json.dumps({**facts, "parameters": 1234567}))
    floor = {"kind": ["re-encoded"], "metric": ["psnr"], "value": [40.0], "clips": [2]}
    pd.DataFrame(floor).assign(backbone="pixels").to_parquet(folder / "noise_floor.parquet")
    return Run(config=CONFIG, raw={}, folder=folder, train_folder=folder)


def test_table1_of_a_run_says_what_every_row_is(run):
    text = write_run_table(run, "table1")
    assert "22.000" in text
    assert "KEEP" in text
    assert "vqgan 11 steps (2 s), codeformer 11 steps (2 s)" in " ".join(text.split())
    assert CONFIG.remark in " ".join(text.split())
    lines = pd.read_csv(run.tables / "table1.csv").query("metric == 'psnr'")
    assert sorted(lines["method"].unique()) == sorted(CONFIG.table1)
    assert lines[lines["clips"] == 0]["note"].str.startswith("Not run: ").all()
    assert (lines["clips"] == len(CLIPS)).sum() == len(METHODS)
    (keep,) = lines[lines["method"] == "keep"]["note"]
    for part in ("512×512", "KEEP-a1a14d46.pth", "size unknown", "dicface weights fetch keep_v0_1"):
        assert part in keep
    differences = pd.read_csv(run.tables / "table1_differences.csv")
    assert (differences[differences["metric"] == "psnr"]["mean"] == 0).all()
    made_from = table_inputs(run, "table1")
    inputs = {path.relative_to(run.folder).as_posix() for path in made_from if path.is_file()}
    scores = {f"bfr/{method}/metrics.parquet" for method in METHODS}
    trained = {f"train/{stage}/training.json" for stage in STAGES}
    assert inputs == {"noise_floor.parquet"} | scores | trained


def test_a_table_says_how_many_of_the_clips_are_used(run):
    misfit = Misfit(clip="toon", kind="faceless", why="toon.mp4: no face found")
    write_left_out(run.truth, [misfit])
    text = write_run_table(run, "table1")
    assert "5 of 6 test clips are used; the others are left out (faceless: toon)." in text


def test_a_method_of_another_package_stands_under_its_own_label(register_methods):
    register_methods(negative="tests.methods.another_package:Negative")
    config = load(REPOSITORY / "config" / "config.yaml")
    row = declare(replace(config, table1=[*config.table1, "negative"]), "table1").rows[-1]
    assert (row.method, row.label, row.group) == ("negative", "Negative image", "Added methods")
    assert row.paper_name is None


def test_a_variant_that_failed_says_why_and_the_others_stand(run):
    logs = run.folder / "logs"
    logs.mkdir()
    message = "prior_10, step 3: the loss is not finite (kl nan)."
    (logs / "train_prior_10.log").write_text(f"going on\ndicface train: {message}\n")
    (logs / "restore_bfr_prior_none.log").write_text("Traceback …\nMemoryError: no room\n")
    shutil.copytree(run.folder / "bfr" / "dicface_trained", run.folder / "bfr" / "prior_1e-4")
    shutil.copytree(run.folder / "train" / "dicface", run.folder / "train" / "prior_1e-4")
    write_run_table(run, "table3")
    lines = pd.read_csv(run.tables / "table3.csv").query("metric == 'psnr'")
    lines = lines.set_index("method")
    assert message in lines.loc["prior_10", "note"]
    assert "no room" in lines.loc["prior_none", "note"]
    assert lines.loc["prior_1e-4", "mean"] == lines.loc["dicface_trained", "mean"] == 22
    assert np.isnan(lines.loc["prior_10", "mean"])


def test_tables_are_partial_when_something_was_done_for_a_row_of_their_own(run):
    raw = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())
    planned = Plan.of(raw | {"results": str(run.folder.parent)})
    of_table3 = {("bfr", method) for method in ("prior_none", "prior_1e-4", "prior_10")}
    assert planned.partial_tables({*of_table3, ("bfr", "no_temporal")}) == []
    shutil.copytree(run.folder / "bfr" / "dicface_trained", run.folder / "bfr" / "prior_1e-4")
    assert planned.partial_tables(of_table3 - {("bfr", "prior_1e-4")}) == ["table3"]
    # Scores that lie there are of earlier settings.
    assert planned.partial_tables(of_table3) == []
    # A table of one variant has nothing but the headline to show, and why the variant failed.
    (run.folder / "logs").mkdir()
    (run.folder / "logs" / "train_no_temporal.log").write_text(
        "dicface job train: the loss is not finite\n"
    )
    assert planned.partial_tables({("bfr", "no_temporal")}) == ["appendix_temporal"]


def test_tables_at_hand_are_those_with_scores_that_are_not_written_yet(run):
    (run.folder / "logs").mkdir()
    (run.folder / "logs" / "restore_bfr_prior_10.log").write_text("half way\n")
    assert write_tables_at_hand(run) == ["table1"]
    lines = pd.read_csv(run.partial_tables / "table1.csv").query("metric == 'psnr'")
    assert (lines["clips"] == len(CLIPS)).sum() == len(METHODS)
    shutil.copytree(run.folder / "bfr" / "dicface_trained", run.folder / "bfr" / "prior_1e-4")
    shutil.copytree(run.folder / "train" / "dicface", run.folder / "train" / "prior_1e-4")
    write_run_table(run, "table1")
    assert write_tables_at_hand(run) == ["table3"]
    lines = pd.read_csv(run.partial_tables / "table3.csv").set_index("method")
    assert lines.loc["prior_10", "note"].str.contains("have not ended").all()


def test_a_table_in_part_shows_no_score_of_earlier_settings_and_gives_way_to_the_whole_one(run):
    shutil.copytree(run.folder / "bfr" / "dicface_trained", run.folder / "bfr" / "prior_1e-4")
    shutil.copytree(run.folder / "train" / "dicface", run.folder / "train" / "prior_1e-4")
    undone = {("bfr", method) for method in ("prior_none", "prior_1e-4", "prior_10")}
    made_from = table_inputs(run, "table3", undone=undone)
    assert not any("prior_1e-4" in path.parts for path in made_from)
    said = write_run_table(run, "table3", undone=undone)
    assert "Written to " + str(run.partial_tables / "table3.md") in said
    lines = pd.read_csv(run.partial_tables / "table3.csv").set_index("method")
    assert lines.loc["prior_1e-4", "mean"].isna().all()
    assert lines.loc["prior_1e-4", "note"].str.contains("were not started").all()
    # The workflow looks for the whole table, and finds none.
    assert not list(run.tables.glob("table3*"))
    sidecar(run.partial_tables / "table3.md").touch()
    (run.partial_tables / "table30.md").touch()
    write_run_table(run, "table3")
    assert [path.name for path in run.partial_tables.iterdir()] == ["table30.md"]


def test_the_reason_is_that_of_the_job_that_failed_wherever_it_stands(run):
    logs = run.folder / "logs"
    logs.mkdir()

    def reason(method):
        return failure(run, method, "bfr")

    (logs / "train_vqgan_codes_half.log").write_text("dicface job train: the loss is not finite\n")
    assert reason("codes_half") == "train vqgan codes half: the loss is not finite"
    (logs / "import_results_bfr_mine.log").write_text(
        "dicface job import_results: no such folder\n"
    )
    assert reason("mine") == "import results bfr mine: no such folder"
    (logs / "train_frozen.log").write_text("1 of 9 steps\n")
    assert reason("frozen").endswith("their last log is train_frozen.log")


def test_a_gap_to_the_paper_is_for_the_papers_clips_alone(run):
    config = load(REPOSITORY / "config" / "config.yaml", REPOSITORY / "config" / "paper.yaml")
    assert is_papers_protocol(config)
    assert not is_papers_protocol(replace(config, test_clips="mine"))
    assert not is_papers_protocol(replace(config, budget="quick"))


def test_tables_that_are_declared(run):
    table2 = declare(CONFIG, "table2")
    assert [row.method for row in table2.rows if row.block == "inpainting"][-1] == (
        "dicface_inpainting"
    )
    names = {row.method: row for row in declare(CONFIG, "table3").rows}
    assert names["dicface_trained"].label == "α = 1"
    assert names["dicface_trained"].paper_name == "1.0"
    assert declare(CONFIG, "codebook").name == "appendix_codebook"
    with pytest.raises(ConfigError, match="no table is named 'table5'"):
        declare(CONFIG, "table5")


def test_the_comparison_is_figure_3_with_three_columns_and_a_small_file(run):
    points = np.full((3 * len(CLIPS), 68, 2), 256.0, np.float32)
    owner = np.repeat(np.arange(len(CLIPS)), 3)
    landmarks = run.results("bfr", "input").landmarks
    np.savez(landmarks, clips=CLIPS, restored=points, truth=points, frame_clip=owner)
    drawn = draw_figure(run, "comparison")
    assert drawn.png == run.figures / "comparison.png"
    assert 0 < drawn.png.stat().st_size <= 600_000
    assert "middle of 3 equal shares of all 5 test clips" in drawn.caption
    assert (run.figures / "comparison.txt").read_text() == drawn.caption + "\n"
    shown = [path.parent.name for path in figure_inputs(run, "comparison")]
    assert shown == ["input", "input", *(name for name in (*METHODS, "test") for _ in CLIPS)]
    raw = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())
    assert Plan.of(raw).methods_shown("comparison") == list(METHODS)


def replicated(run, *failed):
    """The run with DicFace trained three times; those of `failed` have no scores."""
    config = replace(CONFIG, replicates={"dicface_trained": 3})
    variants = dict(config.variants)
    for number in (2, 3):
        name = f"dicface_trained_rep{number}"
        train = {"seed": number - 1}
        variants[name] = Variant(of="dicface", label=f"training {number}", train=train)
        shutil.copytree(run.folder / "train" / "dicface", run.folder / "train" / name)
        if name not in failed:
            shutil.copytree(run.folder / "bfr" / "dicface_trained", run.folder / "bfr" / name)
    for number, folder in enumerate(
        ("dicface", *(v for v in variants if v.startswith("dicface_trained_rep")))
    ):
        settings = {"stage": "dicface", "train": {"seed": number, "steps": 11}, "seed": str(number)}
        (run.folder / "train" / folder / "settings.json").write_text(json.dumps(settings))
    return replace(run, config=replace(config, variants=variants))


def test_a_row_of_several_trainings_is_their_mean(run):
    run = replicated(run)
    path = run.folder / "bfr" / "dicface_trained_rep3" / "metrics.parquet"
    scores = pd.read_parquet(path)
    scores.assign(value=scores["value"] + 3).to_parquet(path)
    text = " ".join(write_run_table(run, "table1").split())
    assert "DicFace (trained) (3 trainings)" in text
    assert "between 3 trainings / rest: PSNR 1.581 / 1.732 / 0.000 dB" in text
    lines = pd.read_csv(run.tables / "table1.csv").query("metric == 'psnr'").set_index("method")
    assert lines.loc["dicface_trained", "mean"] == pytest.approx(23.0)
    assert not any("_rep" in method for method in lines.index)
    assert path in table_inputs(run, "table1")


def test_a_training_that_failed_is_counted_in_the_row(run):
    run = replicated(run, "dicface_trained_rep2")
    log = run.folder / "logs" / "train_dicface_trained_rep2.log"
    log.parent.mkdir(exist_ok=True)
    log.write_text("dicface job train: loss is not finite\n")
    undone = {("bfr", "dicface_trained_rep2")}
    text = " ".join(write_run_table(run, "table1", undone=undone).split())
    assert "DicFace (trained) (2 of 3 trainings)" in text
    assert "training 2: train dicface trained rep2: loss is not finite" in text
    assert (run.partial_tables / "table1.md").is_file()


def test_trainings_with_other_settings_are_refused(run):
    run = replicated(run)
    path = run.folder / "train" / "dicface_trained_rep2" / "settings.json"
    path.write_text(json.dumps({"stage": "dicface", "train": {"seed": 1, "steps": 12}}))
    with pytest.raises(MetricError, match=r"rep2/settings.json: was trained with another train"):
        write_run_table(run, "table1")


def test_scores_that_are_a_link_to_nothing_are_no_row_that_was_not_started(run):
    scores = run.results("bfr", "dicface_trained").metrics
    scores.rename(scores.with_suffix(".away"))
    scores.symlink_to("nowhere.parquet")
    with pytest.raises(MetricError, match="metrics.parquet: is a link to a file that is gone"):
        write_run_table(run, "table1")
