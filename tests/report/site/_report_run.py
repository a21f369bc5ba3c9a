"""A small finished run to write a report of: two tasks, awkward names, things that are missing."""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dicface.base.files import write_json
from dicface.base.seeds import numpy_rng
from dicface.config.load import load
from dicface.metrics import METRICS
from dicface.provenance.manifest import FORMAT
from dicface.report.render.write import write_table
from dicface.report.tables.build import Conditions, build_table
from dicface.report.tables.rows import Row
from dicface.report.tables.spec import TableSpec
from dicface.runs.folder import Run
from dicface.video.clips import write_clip

SIDE, NUM_FRAMES, FPS = 32, 8, 25
CLIPS = ("a <b> & 50% #1", "head_1", "head_2")
LABELS = {"input": "Degraded input", "alpha": "Alpha <i>& Co.</i>", "beta": "Beta"}
METRIC_IDS = ("psnr", "lpips", "tlme")
WEIGHTS = b"weights of alpha"
MANIFEST = {
    "format": FORMAT,
    "artefact": {"file": "a", "sha256": "", "bytes": 0},
    "root": ".",
    "command": [],
    "inputs": {},
    "outside": {},
    "outputs": {},
}
REASON = "weights file not on this machine, from https://example.org/gone.pth"


def grey(frame: int) -> int:
    """Level of every pixel but a corner: the frame can be read from any pane."""
    return 20 + 28 * frame


def frames(method: str, num_frames: int = NUM_FRAMES, side: int = SIDE) -> list[np.ndarray]:
    found = []
    for index in range(num_frames):
        frame = np.full((side, side, 3), grey(index), np.uint8)
        frame[: side // 4, : side // 4] = numpy_rng("report run", method).integers(0, 256, 3)
        found.append(frame)
    return found


def scores(folder: Path, task: str, method: str, *, worse_by: float) -> None:
    rows, by_frame = [], []
    for place, clip in enumerate(CLIPS):
        for metric in METRIC_IDS:
            value = 20 + place - worse_by if metric == "psnr" else 0.1 * (1 + place) + worse_by
            failed = metric == "tlme" and clip == "head_2"
            row = {"clip": clip, "metric": metric, "value": float("nan") if failed else value}
            rows.append({**row, "note": "no face found" if failed else ""})
            for frame in range(NUM_FRAMES):
                missing = failed or (metric == "tlme" and frame == 0)
                if not missing:
                    by_frame.append({**row, "frame": frame, "value": value + 0.01 * frame})
    facts = {"task": task, "method": method, "protocol": "test-1", "backbone": "pixels"}
    facts |= {"backbone_sha256": "", "official": True, "num_frames": NUM_FRAMES, "num_missing": 0}
    pd.DataFrame(rows).assign(**facts).to_parquet(folder / "metrics.parquet")
    pd.DataFrame(by_frame).assign(task=task, method=method).to_parquet(folder / "frames.parquet")


def run_in(folder: Path, remark: str = "") -> Run:
    """The run in a folder, whatever the settings that lie there."""
    config = load(Path(__file__).resolve().parents[3] / "config" / "config.yaml")
    settings = replace(config, remark=remark)
    return Run(config=settings, raw={}, folder=folder, train_folder=folder)


def make_run(run: Path) -> Path:
    """Writes the run; `gamma` has no scores, one clip too few and one of other size and length."""
    truth = run / "clips" / "test"
    for clip in CLIPS:
        write_clip(truth / f"{clip}.mkv", frames("truth"), FPS)
    for task, methods in (("bfr", LABELS), ("inpainting", ("input", "beta"))):
        for place, method in enumerate(methods):
            folder = run / task / method
            for clip in CLIPS:
                write_clip(folder / f"{clip}.mkv", frames(method), FPS)
            scores(folder, task, method, worse_by=0.5 * place)
            digest = sha256(WEIGHTS).hexdigest() if method == "alpha" else "0" * 64
            write_json(folder / "index.json", {"method": method, "weights": {"weights": digest}})
    for clip, options in ((CLIPS[0], {}), (CLIPS[1], {"num_frames": 5, "side": 48})):
        write_clip(run / "bfr" / "gamma" / f"{clip}.mkv", frames("gamma", **options), FPS)
    _tables(run)
    _train(run / "train")
    picture = Figure(figsize=(2, 1))
    (run / "figures").mkdir()
    for name in ("figure3.png", "figure3.pdf", "figure10.png"):
        picture.savefig(run / "figures" / name, metadata={})
    (run / "figures" / "figure3.txt").write_text("Rows by a rule, 1 < 2.\n")
    (run / "benchmarks").mkdir()
    (run / "benchmarks" / "restore_bfr_alpha.tsv").write_text(
        "s\th:m:s\tmax_rss\tmean_load\n4.8\t0:00:04\t512.25\t90\n"
    )
    took = {CLIPS[0]: (8, 0.7), CLIPS[1]: (16, 0.5), "of another test set": (8, 100.0)}
    clips = {clip: {"frames": count, "seconds": s} for clip, (count, s) in took.items()}
    write_json(run / "bfr" / "alpha" / "cost.json", {"clips": clips, "parameters": 7})
    write_json(run / "bfr" / "beta" / "cost.json", {"clips": {}, "parameters": 2_250_000})
    (run / "run_config.yaml").write_text("scale: demo\nnote: <none>\n")
    return run


def _tables(run: Path) -> None:
    facts = [METRICS[metric] for metric in METRIC_IDS]

    def row(method: str, task: str, **more) -> Row:
        metrics = run / task / method / "metrics.parquet"
        block = task if more.pop("several", False) else ""
        return Row(
            method=method, label=LABELS[method], group="All", metrics=metrics, block=block, **more
        )

    gone = Row(method="gone", label="Gone", group="All", reason=REASON)
    first = [row("input", "bfr"), row("alpha", "bfr", notes=("trained here",)), row("beta", "bfr")]
    second = [row(m, t, several=True) for t in ("bfr", "inpainting") for m in ("input", "beta")]
    for name, rows in (("table1", [*first, gone]), ("table2", second)):
        title, pairs = f"Table {name[-1]}. A test", (("beta", "input"),)
        reference = ("alpha",) if name == "table1" else ()
        spec = TableSpec(name=name, title=title, rows=(), pairs=pairs, references=reference)
        conditions = Conditions(metrics=facts, distance=lambda a, b: 0.0)
        write_table(build_table(spec, rows, conditions), run / "tables")
    manifest = MANIFEST | {
        "artefact": {"file": "table1.md", "sha256": "ab" * 32, "bytes": 9},
        "code": {"commit": "c0ffee", "changed": True},
        "command": ["snakemake", "table1"],
        "weights": {"alpha": {"file": "weights.safetensors", "sha256": "cd" * 32}},
        "machine": {"cpu": "Test <CPU>", "gpus": []},
        "packages": {"torch": "0.0"},
        "python": "3.11",
    }
    write_json(run / "tables" / "table1.md.manifest.json", manifest)


def _train(train: Path) -> None:
    for name, start, seconds in (("first", "", 10.0), ("second", "first", 32.0)):
        folder = train / name
        folder.mkdir(parents=True)
        (folder / "weights.safetensors").write_bytes(WEIGHTS if start else b"other")
        lines = [
            {"step": s, "l1": 1 / s, "learning_rate": 0.1, "vq": float("nan")} for s in (1, 50, 100)
        ]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / "stats.jsonl").write_text(text)
        if not start:
            looks = [
                {"step": s, "seconds": s, "psnr": 20 + s / 50, "input_psnr": 21, "sharpness": 0.5}
                for s in (50, 100)
            ]
            text = "".join(json.dumps(line) + "\n" for line in looks)
            (folder / "validation.jsonl").write_text(text)
        facts = {"starts_from": start, "seconds": seconds, "steps": 100, "parameters": 1_500_000}
        write_json(folder / "training.json", facts)
