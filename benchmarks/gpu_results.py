"""What is written from `benchmarks/results/*.json`, and what `on_gpu.py` is given.

    python benchmarks/gpu_results.py

writes, where the project is installed,

- the tables between the marks in docs/performance.md,
- rows of the table of rates that `dicface plan` reads: operations a second of trainings and of
  restoring, seconds a frame of the paper's systems,
- benchmarks/on_gpu.json: what `on_gpu.py` must know of config/, its trainings' sizes and settings.

All three are made again from their sources each time; a test compares.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SETTINGS = HERE / "on_gpu.json"
PAGE = ROOT / "docs" / "performance.md"
MARKS = ("<!-- gpu -->\n", "<!-- end of gpu -->\n")
NOT_MEASURED = """Not measured: no card was available. `dicface plan` therefore marks GPU-hours as \
estimates and says how
they were made ([cost](cost.md)).
"""
SCRIPT = "benchmarks/on_gpu.py"

PARTS = {
    "parity": "The same seeded networks on this card and in float32 on a CPU: differences of "
    "output pixels in [0, 1]. Networks with hard codes take another where two are nearly as good.",
    "dicface": "DicFace at its released size, milliseconds a frame, from and to the CPU's memory; "
    '"times" compares with whole windows in the same precision, batch and mode.',
    "training_step": "A training step of the paper's objective on two windows of five frames of "
    "512 px.",
    "stages": "Training steps of stages I to III of the demo's weights (config/demo_weights.yaml), "
    "degradation included.",
    "baselines": "The other systems, milliseconds a frame at their own size; of frames at once, "
    "the first number is the suite's. PGDiff: one step, times 1000.",
}
HEADS = {
    "largest": "largest difference",
    "mean": "mean difference",
    "psnr": "PSNR, dB",
    "gb": "peak, GB",
    "lpips": "LPIPS",
    "frames": "frames at once",
    "images_a_second": "images a second",
    "channels_last": "channels last",
}


def slug(card: str) -> str:
    """A card's name as a file's.

    >>> slug("NVIDIA H100 80GB HBM3")
    'nvidia-h100-80gb-hbm3'
    """
    return re.sub(r"[^a-z0-9]+", "-", card.lower()).strip("-")


def tables(result: dict[str, Any]) -> str:
    """Markdown of what `on_gpu.py` found on one machine."""
    facts = result["facts"]
    about = [f"**{facts['card']}**", f"torch {facts['torch']}"]
    about += [f"{name} {facts[name]}" for name in ("cuda", "driver") if name in facts]
    about += [facts["date"], f"commit {facts['commit']}", *["small networks"] * facts["tiny"]]
    blocks = [", ".join(about) + ". Medians of five runs, the fastest and the slowest beside them."]
    for part, says in PARTS.items():
        if rows := result.get(part):
            blocks += [says, _table(rows)]
    if result["skipped"]:
        counts = Counter(name.partition(":")[0] for name in result["skipped"])
        listed = ", ".join(f"{count} of {part}" for part, count in counts.items())
        blocks.append(f"Skipped, as the time was spent: {listed}.")
    return "\n\n".join(blocks) + "\n"


def _table(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [[HEADS.get(name, name) for name in names], ["---"] * len(names)]
    lines += [[_said(row.get(name)) for name in names] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if value and abs(value) < 0.01:
            return f"{value:.1e}"
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return "–" if value is None else str(value).replace("|", "/")


def results() -> list[dict[str, Any]]:
    """What was found on all machines, the newest last."""
    found = [json.loads(path.read_text()) for path in sorted((HERE / "results").glob("*.json"))]
    return sorted(found, key=lambda result: result["facts"]["date"])


def page(found: Iterable[dict[str, Any]]) -> str:
    """docs/performance.md with its tables as they have to be."""
    before, _, rest = PAGE.read_text().partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    inside = "\n".join(map(tables, found)) or NOT_MEASURED
    return f"{before}{MARKS[0]}\n{inside}\n{MARKS[1]}{after}"


def rates(found: Iterable[dict[str, Any]]) -> str:
    """The table of rates with the rows of all machines; of two equal cards, the newest counts."""
    from dicface.cost.rates import COLUMNS, TABLE

    kept = [line for line in TABLE.read_text().splitlines() if SCRIPT not in line]
    rows = {(row["what"], row["device"]): row for result in found for row in rates_of(result)}
    text = io.StringIO()
    csv.DictWriter(text, COLUMNS, lineterminator="\n").writerows(rows.values())
    return "\n".join(kept) + "\n" + text.getvalue()


def rates_of(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of the table of rates: what a card reached in eager mode, as the suite runs."""
    facts = result["facts"]
    per_frame = _operations()
    rows = []

    def add(what: str, value: float, unit: str, size: int, how: str) -> None:
        about = {"device": _device(facts["card"]), "size_px": size, "value": f"{value:.4g}"}
        about |= {"unit": unit, "kind": "measured", "machine": facts["card"]}
        source = f"{SCRIPT} at commit {facts['commit']}: {how}"
        rows.append({"what": what, **about, "date": facts["date"], "source": source})

    def wanted(part: str, **of: object) -> dict[str, dict[str, Any]]:
        """Rows of a part that were measured, by precision, the first one of each."""
        fits = [row for row in result.get(part, []) if "ms" in row and row | of == row]
        return {row["precision"]: row for row in reversed(fits)}

    steps = wanted("training_step", mode="eager", channels_last=False)
    streams = wanted("dicface", computation="streaming", mode="eager", batch=1)
    for precision in ("tf32", "bf16"):
        if row := steps.get(precision):
            operations = 10 * per_frame["training with LPIPS" if row["lpips"] else "training"]
            how = "counted operations of a training step by its seconds"
            add(f"gpu.speed.train.{precision}", operations / row["ms"] / 1e9, "TFLOP/s", 0, how)
        if row := streams.get(precision):
            how = "counted operations of streaming DicFace by its seconds"
            speed = per_frame["restoring"] / row["ms"] / 1e9
            add(f"gpu.speed.restore.{precision}", speed, "TFLOP/s", 0, how)
    for name in dict.fromkeys(row["method"] for row in result.get("baselines", [])):
        if row := wanted("baselines", method=name).get("tf32"):
            what = "pgdiff.bfr" if name == "pgdiff" else name
            how = f"{row['frames']} frames at once, TF32"
            add(f"restore.{what}.seconds", row["ms"] / 1000, "s/frame", 512, how)
    return rows


def _operations() -> dict[str, float]:
    """Of a frame of the paper's DicFace, by what is done with it."""
    from dicface.config.load import load
    from dicface.config.networks import network
    from dicface.cost import flops

    paper = network(load(ROOT / "config/config.yaml", ROOT / "config/paper.yaml"), "dicface")
    without = dataclasses.replace(paper, train=dataclasses.replace(paper.train, lpips_weight=0.0))
    return {
        "training": flops.training(without),
        "training with LPIPS": flops.training(paper),
        "restoring": flops.restoring(flops.parts_of(paper.kind, paper.settings())),
    }


def _device(card: str) -> str:
    """The card as the table of rates names it: "h100" where its maker's peak is known, or in full.

    >>> _device("NVIDIA H100 80GB HBM3"), _device("NVIDIA L4")
    ('h100', 'nvidia-l4')
    """
    from dicface.cost.rates import read_rates

    peaks = {row.device for row in read_rates().rows if row.what.startswith("gpu.peak.")}
    return next((part for part in slug(card).split("-") if part in peaks), slug(card))


def settings() -> str:
    """JSON of the trainings that `on_gpu.py` measures."""
    from dicface.config.load import load
    from dicface.config.networks import network

    config = ROOT / "config"
    paper = load(config / "config.yaml", config / "paper.yaml")
    demo = load(config / "config.yaml", config / "demo_weights.yaml")
    of_all = ("learning_rate", "betas", "freeze", "fidelity_w", "fidelity_w_drawn", "lpips_weight")
    trained = {
        "dicface": (network(paper, "dicface"), ("prior_alpha", "kl_scale", "loss_frames")),
        **{
            stage: (network(demo, stage), ("flip_prob", "colour_jitter"))
            for stage in ("vqgan", "codeformer", "fusion")
        },
    }
    found: dict[str, Any] = {"degradation": demo.degradation}
    for name, (resolved, own) in trained.items():
        train = {key: getattr(resolved.train, key) for key in (*of_all, *own)}
        found[name] = {"kind": resolved.kind, "settings": resolved.settings(), "train": train}
    lines = [
        f'"{name}": {json.dumps(each, sort_keys=True, default=dataclasses.asdict)}'
        for name, each in found.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> None:
    """Writes all three."""
    from dicface.cost.rates import TABLE

    found = results()
    SETTINGS.write_text(settings())
    PAGE.write_text(page(found))
    TABLE.write_text(rates(found))


if __name__ == "__main__":
    main()
