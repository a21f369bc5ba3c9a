"""Table 1 and the picture of a run, from the folders that the workflow leaves."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dicface.clips import write_clip
from dicface.config import load
from dicface.metrics import METRICS
from dicface.report.table1 import draw_demo_picture, write_table1
from dicface.seeds import numpy_rng

REPOSITORY = Path(__file__).resolve().parents[1]
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
        scores.assign(protocol="dicface-1").to_parquet(folder / "bfr" / method / "metrics.parquet")
    for stage, start in STAGES.items():
        path = folder / "train" / stage / "training.json"
        path.parent.mkdir(parents=True)
        facts = {"starts_from": start, "steps": 11, "frames_seen": 88, "seconds": 2.3}
        path.write_text(json.dumps({**facts, "threads": 2, "parameters_trained": 1234567}))
    return folder


def test_table1_of_a_run_says_what_every_row_is(run):
    config = load(REPOSITORY / "config" / "config.yaml")
    text = write_table1(config, run, run, run / "tables")
    assert "22.000" in text
    assert "KEEP" in text
    flat = " ".join(text.split())
    assert "vqgan 11 steps, 88 frames, 2 s, 1,234,567 parameters trained; then codeformer" in flat
    lines = pd.read_csv(run / "tables" / "table1.csv").query("metric == 'psnr'")
    assert sorted(lines["method"].unique()) == sorted(config.table1)
    assert lines[lines["clips"] == 0]["note"].str.startswith("Not run: ").all()
    assert (lines["clips"] == len(CLIPS)).sum() == len(METHODS)
    differences = pd.read_csv(run / "tables" / "table1_differences.csv")
    assert (differences[differences["metric"] == "psnr"]["mean"] == 0).all()


def test_rows_without_any_record_of_their_training_say_so(run):
    (run / "train" / "codeformer" / "training.json").unlink()
    config = load(REPOSITORY / "config" / "config.yaml")
    assert "no record of its training" in write_table1(config, run, run, run / "tables")


def test_picture_of_a_run_finds_its_clips(run):
    config = load(REPOSITORY / "config" / "config.yaml")
    picture = draw_demo_picture(config, run, run / "figures" / "demo.png")
    assert picture.path.is_file()
    assert [clip for clip, _ in picture.frames] == ["test_000", "test_001", "test_003", "test_004"]
