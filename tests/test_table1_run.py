"""Table 1 and the picture of a run, from the folders that the workflow leaves."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dicface.clips import write_clip
from dicface.config import load
from dicface.metrics import METRICS
from dicface.report.run import draw_comparison, write_table1
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
        path.with_name("weights.safetensors").write_bytes(b"weights")
        facts = {"stage": stage, "starts_from": start, "steps": 11, "seconds": 2.3, "threads": 2}
        path.write_text(json.dumps({**facts, "parameters": 1234567}))
    floor = pd.DataFrame(columns=["kind", "metric", "value", "clips", "backbone"])
    floor.to_parquet(folder / "noise_floor.parquet")
    return folder


def test_table1_of_a_run_says_what_every_row_is(run):
    config = load(REPOSITORY / "config" / "config.yaml")
    text = write_table1(config, run, run / "train", run / "tables")
    assert "22.000" in text
    assert "KEEP" in text
    assert "vqgan 11 steps (2 s), codeformer 11 steps (2 s)" in " ".join(text.split())
    lines = pd.read_csv(run / "tables" / "table1.csv").query("metric == 'psnr'")
    assert sorted(lines["method"].unique()) == sorted(config.table1)
    assert lines[lines["clips"] == 0]["note"].str.startswith("Not run: ").all()
    assert (lines["clips"] == len(CLIPS)).sum() == len(METHODS)
    differences = pd.read_csv(run / "tables" / "table1_differences.csv")
    assert (differences[differences["metric"] == "psnr"]["mean"] == 0).all()
    manifest = json.loads((run / "tables" / "table1.md.manifest.json").read_text())
    assert sorted(manifest["inputs"]) == [f"bfr/{m}/metrics.parquet" for m in sorted(METHODS)]
    assert str(run.parent) not in json.dumps(manifest)


def test_picture_of_a_run_finds_its_clips(run):
    out = run / "figures" / "demo.png"
    draw_comparison(run, run / "clips" / "test", out)
    assert 0 < out.stat().st_size <= 600_000
