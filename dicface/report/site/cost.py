"""What each method costs: parameters, multiply-accumulates, time and memory, where recorded."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from dicface.base.files import sha256_of
from dicface.report.site.contents import TaskResults
from dicface.report.site.grids import Cell, Grid, Head, Line, text_cell
from dicface.report.site.training import read_facts
from dicface.runs.folder import Run
from dicface.runs.results import read_cost

HEADS = (
    Head(markup="Method"),
    Head(markup="Parameters, M", best="low"),
    Head(markup="MACs a frame, G", best="low"),
    Head(markup="Time a frame, ms", best="low"),
    Head(markup="Peak host memory, MiB", best="low"),
    Head(markup="Peak GPU memory, MiB", best="low"),
    Head(markup="Training, s", best="low"),
    Head(markup="Training, steps", best="low"),
)
GPU_MEMORY = 5
"""Column that is left out where no row has a value in it."""

MEBI = 2**20
UNKNOWN = Cell(markup="not recorded", value=None)


def trained_networks(train: Path) -> dict[str, Path]:
    """sha256 of the weights of each network of the run -> its folder."""
    return {sha256_of(path): path.parent for path in sorted(train.glob("*/weights.safetensors"))}


def cost_grid(task: TaskResults, networks: Mapping[str, Path], run: Run) -> Grid:
    """Costs of every method of a task but the input.

    Args:
        task: The task.
        networks: As `trained_networks` gives them; a method belongs to the network whose weights
            its index names.
        run: The run, with what its restoring jobs measured and Snakemake's `benchmarks/`.

    Raises:
        ClipError: What a job measured is damaged.
    """
    has_gpu = False
    lines = []
    for system in task.methods:
        folder = next((networks[sha] for sha in system.weights if sha in networks), None)
        spent = read_cost(run.results(task.id, system.id).folder)
        took = [each for clip, each in spent.get("clips", {}).items() if clip in system.clips]
        gpu = max((each["gpu_bytes"] for each in took if "gpu_bytes" in each), default=None)
        has_gpu |= gpu is not None
        cells = (
            text_cell(system.label),
            *_of_network(folder, spent.get("parameters")),
            _time_a_frame(took),
            _mebibytes(_host_memory(run.benchmark("restore", task.id, system.id))),
            _mebibytes(gpu),
            *_of_training(folder),
        )
        lines.append((system.id, cells))
    shown = [number for number in range(len(HEADS)) if has_gpu or number != GPU_MEMORY]
    return Grid(
        heads=tuple(HEADS[number] for number in shown),
        lines=tuple(
            Line(cells=tuple(cells[number] for number in shown), method=method)
            for method, cells in lines
        ),
    )


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


def _of_network(folder: Path | None, loaded: int | None) -> tuple[Cell, Cell]:
    """Parameters and operations of a trained network; of others the parameters that were loaded."""
    settings = read_facts(folder / "settings.json") if folder else {}
    facts = read_facts(folder / "training.json") if folder else {}
    parameters = facts.get("parameters", loaded)
    macs = macs_a_frame(settings["settings"], settings["network"]) if settings else None
    return (
        UNKNOWN if parameters is None else _number(parameters / 1e6, 2),
        UNKNOWN if macs is None else _number(macs / 1e9, 3),
    )


def _time_a_frame(took: Sequence[Mapping[str, float]]) -> Cell:
    num_frames = sum(each["frames"] for each in took)
    if not num_frames:
        return UNKNOWN
    milliseconds = 1000 * sum(each["seconds"] for each in took) / num_frames
    return _number(milliseconds, 0 if milliseconds >= 10 else 1)


def _mebibytes(num_bytes: float | None) -> Cell:
    return UNKNOWN if num_bytes is None else _number(num_bytes / MEBI, 0)


def _of_training(folder: Path | None) -> tuple[Cell, Cell]:
    """Seconds and steps of the whole line of networks, from the first to the last."""
    if folder is None:
        return (Cell(markup="–", value=None, note="not trained in this run"),) * 2
    seconds = steps = 0.0
    while folder is not None:
        facts = read_facts(folder / "training.json")
        if not {"seconds", "steps"} <= set(facts):
            return (UNKNOWN,) * 2
        seconds, steps = seconds + facts["seconds"], steps + facts["steps"]
        start = facts.get("starts_from")
        folder = folder.parent / str(start) if start else None
    return _number(seconds, 0), _number(steps, 0)


def _number(value: float, digits: int) -> Cell:
    return Cell(markup=f"{value:,.{digits}f}".replace(",", "\u202f"), value=float(value))


def _host_memory(benchmark: Path) -> float | None:
    """Most bytes that a job held, from its benchmark file; None where Snakemake left none."""
    if not benchmark.is_file():
        return None
    with benchmark.open(newline="") as file:
        found = next(csv.DictReader(file, delimiter="\t"), {}).get("max_rss")
    # Snakemake calls them MB and divides by 1024².
    return None if found in (None, "-", "", "NA") else float(found) * MEBI
