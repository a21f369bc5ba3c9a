"""The table and the pages of a run without a truth."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dicface.config.load import load
from dicface.faces.misfits import Misfit, write_left_out
from dicface.metrics import WITHOUT_TRUTH
from dicface.report.run import measured, table_inputs, write_run_table
from dicface.report.site import write_report
from dicface.report.tables.table import read_table
from dicface.runs.folder import Run
from dicface.video.clips import write_clip
from tests.report.site._page import Page

CONFIG = load(Path(__file__).resolve().parents[2] / "config" / "config.yaml")
CLIPS = ("a", "b", "c")
#: The frozen frame is best of everything that is lower where it is better.
LEVELS = {
    "input": 3.0,
    "codeformer_trained": 2.0,
    "dicface_trained": 1.0,
    "input_mean5": 0.5,
    "input_frozen": 0.1,
}
LEFT_OUT = Misfit(clip="d", kind="faceless", why="films/d.mp4: no face found in any of 9 frames")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("DICFACE_WEIGHTS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    config = replace(CONFIG, wild_clips="films", table1=tuple(LEVELS)[:4])
    folder = tmp_path / "demo-wild-films"
    run = Run(config=config, raw={}, folder=folder, train_folder=tmp_path / "demo")
    metrics = [facts.id for facts in measured(config)]
    for method, level in LEVELS.items():
        results = run.results("bfr", method)
        for number, clip in enumerate(CLIPS):
            frames = np.full((6, 32, 32, 3), int(40 * level) + number, np.uint8)
            write_clip(results.folder / f"{clip}.mkv", frames, 25)
        rows = [
            {"clip": clip, "metric": metric, "value": level + 0.01 * number}
            for number, clip in enumerate(CLIPS)
            for metric in metrics
        ]
        scores = pd.DataFrame(rows).assign(task="bfr", method=method, num_frames=6, num_missing=0)
        scores = scores.assign(backbone="pixels", backbone_sha256="", official=True, note="")
        scores.assign(protocol="dicface-2").to_parquet(results.metrics)
        if method != "input":
            results.index.write_text(json.dumps({"method": method, "clips": CLIPS}))
    write_left_out(run.inputs("bfr"), [LEFT_OUT])
    stages = {"vqgan": "", "codeformer": "vqgan", "fusion": "codeformer", "dicface": "codeformer"}
    for name, start in stages.items():
        path = run.network(name).training
        path.parent.mkdir(parents=True)
        facts = {"name": name, "starts_from": start, "steps": 1, "seconds": 1.0}
        path.write_text(json.dumps({**facts, "parameters": 1}))
    return run


def test_controls_take_no_rank_and_notes_say_what_each_number_is_and_is_not(run: Run) -> None:
    text = write_run_table(run, "wild")
    table = read_table(run.tables / "wild.json")
    assert [facts.id for facts in table.metrics] == [
        "jitter",
        "shape_flicker",
        "warping_error",
        "flicker_fast",
        "identity_steps",
        "identity_input",
    ]
    best = table.cells[table.cells["rank"] == 1].groupby("metric")["method"].first()
    assert best["jitter"] == "dicface_trained"
    assert best["identity_input"] == "codeformer_trained"
    ranked = table.cells[table.cells["rank"] > 0]["method"].unique()
    assert set(ranked) == {"codeformer_trained", "dicface_trained"}
    words = " ".join(text.split())
    assert "no number here says that a face is right" in words
    assert "Jitter: how far 68 landmarks tremble" in words
    assert "MUSIQ is not measured: weights file musiq_koniq" in words
    assert "clip 'd' is left out: films/d.mp4: no face" in words
    assert "Degraded input, first frame" in words
    assert "128-px faces in degraded videos of the user" in words
    assert "Noise floor" not in words
    csv = pd.read_csv(run.tables / "wild.csv")
    assert set(csv["metric"]) == {facts.id for facts in measured(run.config)}
    assert set(csv["metric"]) > {"flicker_slow", "flicker_eyes"}
    assert run.inputs("bfr") / "left_out.json" in table_inputs(run, "wild")
    assert len(WITHOUT_TRUTH) == len(measured(run.config)) + 4


def test_pages_show_the_input_and_methods_and_no_truth(run: Run) -> None:
    write_run_table(run, "wild")
    index = write_report(run)
    page = Page(index.parent / "clips" / "bfr" / "a.html")
    data = page.player()
    assert sorted(tile["id"] for tile in data["tiles"]) == sorted(LEVELS)
    assert data["chosen"] == ["dicface_trained", "codeformer_trained"]
    assert {tile["frames"] for tile in data["tiles"]} == {6}
    assert "All at once" in page.text
    assert "Truth" not in page.text
    text = Page(index).text
    assert "the truth" not in text.split("Worst and best")[0].split("Clips")[-1]
    # The first sentence claims nothing; the numbers beside it are those of the table.
    assert "Which row is better cannot be told: without a truth" in text
    assert "DicFace (trained) minus Degraded input: Jitter −2.00" in text
    assert "(95 % intervals over 3 clips). Blur makes unsteadiness smaller too" in text
    assert "The clip whose difference in Jitter is nearest to the mean over all clips" in text
