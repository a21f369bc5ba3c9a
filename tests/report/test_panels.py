"""The tables beside the paper's: their job, their rows, and what stands below them."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import yaml

from dicface.base.errors import MetricError
from dicface.base.names import CONTROLS, PANELS
from dicface.jobs import JOBS
from dicface.metrics import PANEL_METRICS, metric_class
from dicface.report.run import declare, table_inputs, write_run_table
from dicface.report.tables.table import read_table
from dicface.runs.folder import Run
from dicface.video.clips import read_clip, write_clip
from dicface.video.masks import as_picture
from dicface.workflow.plan import Plan
from tests.metrics import _scoring
from tests.report import test_run
from tests.report.test_run import CLIPS, METHODS, REPOSITORY

fake, run = _scoring.fake, test_run.run


@pytest.fixture
def plan() -> Plan:
    return Plan.of(yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text()))


def test_each_is_a_table_that_waits_for_its_own_job_alone(plan: Plan) -> None:
    assert set(PANELS) <= set(plan.tables())
    for panel in PANELS.values():
        table = JOBS["table"](run=plan.run, table=panel.id)
        assert table.waits_for() == JOBS["panel"](run=plan.run, panel=panel.id).writes()
        assert list(table.depends_on()["labels"])
    other = JOBS["table"](run=plan.run, table="table1")
    assert not any("panels" in str(path) for path in other.waits_for())


def test_its_job_waits_for_rows_and_inputs_and_depends_on_rows_and_metrics(plan: Plan) -> None:
    job = JOBS["panel"](run=plan.run, panel="by_region")
    assert plan.run.restored_index("inpainting", "input") in job.waits_for()
    assert plan.run.restored_index("inpainting", "dicface_inpainting") in job.waits_for()
    assert job.depends_on()["measured"][1] == "psnr_masked"
    rows = JOBS["panel"](run=plan.run, panel="over_time").depends_on()["rows"]
    assert rows[-5:] == ["truth", *(f"truth{kind}" for kind in CONTROLS)]
    without = Plan.of(plan.run.raw | {"table2": {"inpainting": ["input"]}})
    assert "in_colour" not in without.tables()


def test_a_part_of_a_broken_run_has_none_of_them(plan: Plan) -> None:
    undone = {("bfr", "dicface_trained"), ("inpainting", "dicface_inpainting")}
    assert not set(PANELS) & set(plan.partial_tables(undone))


@pytest.mark.parametrize("panel", PANELS)
def test_every_metric_is_listed_and_says_what_it_is(panel: str) -> None:
    for name in PANEL_METRICS[panel]:
        found = metric_class(name)
        assert found.facts.id == name
        assert "{" not in found.note("truth")


def _few_rows(run: Run) -> Run:
    for clip in CLIPS[2:]:
        for path in run.folder.rglob(f"{clip}.mkv"):
            path.unlink()
    config = dataclasses.replace(run.config, table1=METHODS, table2={"inpainting": ("input",)})
    return dataclasses.replace(run, config=config, raw={"metrics": {}})


def test_over_time_has_the_truth_and_controls_of_it_which_take_no_rank(run: Run, fake) -> None:
    run = _few_rows(run)
    job = JOBS["panel"](run=run, panel="over_time")
    job.work()
    rows = [*METHODS, "truth", *(f"truth{kind}" for kind in CONTROLS)]
    assert json.loads(job.writes()[0].read_text())["methods"] == rows
    text = write_run_table(run, "over_time")
    for said in (
        "Truth, shuffled",
        "Truth, first frame",
        "tOF: how far the motion",
        "take no rank",
    ):
        assert said in " ".join(text.split())
    assert "Noise floor" not in text
    table = pd.read_csv(run.tables / "over_time.csv")
    assert list(table["method"].unique()) == rows
    assert set(table["metric"]) == set(PANEL_METRICS["over_time"])
    values = table.set_index(["metric", "method"])["mean"]
    assert values["flow_error", "truth"] == values["tlme", "truth"] == 0
    assert values["flow_error", "truth_frozen"] > 0
    cells = read_table(run.tables / "over_time.json").cells
    ranked = set(cells[cells["rank"] > 0]["method"])
    assert ranked == {"codeformer_trained", "dicface_trained"}
    assert run.panel("over_time", "truth_frozen").metrics in table_inputs(run, "over_time")
    before = (run.folder / "bfr" / "input" / "metrics.parquet").stat().st_mtime_ns
    job.work()
    assert (run.folder / "bfr" / "input" / "metrics.parquet").stat().st_mtime_ns == before


def test_by_region_reads_the_masks_of_the_inputs(run: Run, fake) -> None:
    run = _few_rows(run)
    folder = run.folder / "inpainting" / "input"
    mask = np.zeros((32, 32), bool)
    mask[8:24, 8:24] = True
    for clip in CLIPS[:2]:
        truth, _ = read_clip(run.truth / f"{clip}.mkv")
        write_clip(folder / f"{clip}.mkv", np.where(mask[..., None], 255, truth), 25)
        write_clip(folder / "masks" / f"{clip}.mkv", [as_picture(mask)], 25)
    JOBS["panel"](run=run, panel="by_region").work()
    write_run_table(run, "by_region")
    values = pd.read_csv(run.tables / "by_region.csv").set_index("metric")["mean"]
    assert values["psnr_known"] == 100
    assert values["psnr_masked"] < values["psnr_composited"] == pytest.approx(values["psnr"])
    assert [row.block for row in declare(run.config, "by_region").rows] == ["inpainting"]
    write_clip(folder / "masks" / f"{CLIPS[0]}.mkv", [as_picture(mask)] * 2, 25)
    with pytest.raises(MetricError, match=f"clip '{CLIPS[0]}': has fewer masks than frames"):
        JOBS["panel"](run=run, panel="by_region").work()
