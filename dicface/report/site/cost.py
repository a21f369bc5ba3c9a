"""What each method costs: parameters, multiply-accumulates, time and memory, where recorded."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from dicface.files import sha256_of
from dicface.report.site.contents import Task
from dicface.report.site.grids import Cell, Grid, Head, Line, text_cell
from dicface.report.site.training import read_json

HEADS = (
    Head(markup="Method"),
    Head(markup="Parameters, M", best="low"),
    Head(markup="MACs a frame, G", best="low"),
    Head(markup="Time a frame, ms", best="low"),
    Head(markup="Peak memory, MB", best="low"),
    Head(markup="Training, s", best="low"),
    Head(markup="Training, steps", best="low"),
)
UNKNOWN = Cell(markup="not at hand", value=None)


def trained_networks(train: Path) -> dict[str, Path]:
    """sha256 of the weights of each network of the run -> its folder."""
    return {sha256_of(path): path.parent for path in sorted(train.glob("*/weights.safetensors"))}


def cost_grid(task: Task, networks: Mapping[str, Path], benchmarks: Path, num_frames: int) -> Grid:
    """Costs of every method of a task but the input.

    Args:
        task: The task.
        networks: As `trained_networks` gives them; a method belongs to the network whose weights
            its index names.
        benchmarks: Snakemake's benchmark files of the run.
        num_frames: Frames of all clips together.
    """
    lines = []
    for system in task.methods:
        folder = next((networks[sha] for sha in system.weights if sha in networks), None)
        job = _benchmark(benchmarks, task.id, system.id)
        cells = (
            *_of_network(folder),
            *_of_job(job.get("s"), job.get("max_rss"), num_frames),
            *_of_training(folder),
        )
        lines.append(Line(cells=(text_cell(system.label), *cells), method=system.id))
    return Grid(heads=HEADS, lines=tuple(lines))


def macs_a_frame(settings: Mapping[str, object], network: str) -> float:
    """Multiply-accumulates of one forward pass that gives one frame.

    Convolutions, matrix products and attention are counted (two operations each), on tensors
    without values. DicFace takes a whole window for its centre frame; the streaming runner, which
    encodes each frame once, needs less.

    Args:
        settings: Of the network, as `settings.json` holds them.
        network: Its name in `dicface.models`.
    """
    # Imported here: torch takes seconds, and a report without trained networks does not need it.
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.utils.flop_counter import FlopCounterMode

    from dicface.models import build

    side = int(settings["resolution"])
    window = int(settings["frame_length"]) if network == "dicface" else 1
    with FakeTensorMode(), torch.no_grad(), FlopCounterMode(display=False) as counter:
        model = build(network, **settings).eval()
        frames = torch.empty(window, 3, side, side)
        if network == "dicface":
            model(frames, output="centre")
        else:
            model(frames)
    return counter.get_total_flops() / 2


def _of_network(folder: Path | None) -> tuple[Cell, Cell]:
    settings = read_json(folder / "settings.json") if folder else {}
    facts = read_json(folder / "training.json") if folder else {}
    parameters = facts.get("parameters")
    macs = macs_a_frame(settings["settings"], settings["network"]) if settings else None
    return (
        UNKNOWN if parameters is None else _number(parameters / 1e6, 2),
        UNKNOWN if macs is None else _number(macs / 1e9, 3),
    )


def _of_job(seconds: float | None, memory: float | None, num_frames: int) -> tuple[Cell, Cell]:
    has_time = seconds is not None and num_frames
    return (
        _number(1000 * seconds / num_frames, 0) if has_time else UNKNOWN,
        UNKNOWN if memory is None else _number(memory, 0),
    )


def _of_training(folder: Path | None) -> tuple[Cell, Cell]:
    """Seconds and steps of the whole line of networks, from the first to the last."""
    if folder is None:
        return (Cell(markup="–", value=None, note="not trained in this run"),) * 2
    seconds = steps = 0.0
    while folder is not None:
        facts = read_json(folder / "training.json")
        if not {"seconds", "steps"} <= set(facts):
            return (UNKNOWN,) * 2
        seconds, steps = seconds + facts["seconds"], steps + facts["steps"]
        start = facts.get("starts_from")
        folder = folder.parent / str(start) if start else None
    return _number(seconds, 0), _number(steps, 0)


def _number(value: float, digits: int) -> Cell:
    return Cell(markup=f"{value:,.{digits}f}".replace(",", "\u202f"), value=float(value))


def _benchmark(folder: Path, task: str, method: str) -> dict[str, float]:
    """The restoring job's measurements; empty where Snakemake left none."""
    path = folder / f"restore_{task}_{method}.tsv"
    if not path.is_file():
        return {}
    with path.open(newline="") as file:
        row = next(csv.DictReader(file, delimiter="\t"), {})
    return {key: float(row[key]) for key in ("s", "max_rss") if row.get(key) not in (None, "-", "")}
