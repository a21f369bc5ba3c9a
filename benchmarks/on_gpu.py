"""Measures one GPU in seven minutes: parity with the CPU, speed and memory of all networks.

    python benchmarks/on_gpu.py --commit $(git rev-parse --short HEAD)    # writes results/<card>.json
    python benchmarks/on_gpu.py --device cpu --tiny                       # the same, small, no card
    python benchmarks/gpu_results.py                                      # the docs and rates of it

The first needs torch, torchvision and numpy beside this checkout, nothing else; the last one runs
where the project is installed. Weights and inputs are seeded. What comes first matters most: a part
that the time does not suffice for is skipped and named, one that fails is a line of its table.

Precisions: "float32" on CUDA cores alone; "tf32" lets convolutions and matrix products round to
TensorFloat-32; "bf16" is that under autocast to bfloat16.
"""

from __future__ import annotations

import argparse
import copy
import functools
import gc
import importlib
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

HERE = Path(__file__).resolve().parent
# The script's own folder comes second: `baselines` would be another file there.
sys.path[:0] = [str(HERE.parent), str(HERE)]

from demo_weights_gpu import Degradation, batches, stage_loss
from gpu_results import slug, tables

from dicface.base.errors import WeightsError
from dicface.methods.codeformer import SMALL
from dicface.methods.network import NetworkMethod
from dicface.methods.seeded import seeded
from dicface.models import DicFace, build
from dicface.models.fast import prepare_for_inference
from dicface.models.streaming import StreamSettings, stream
from dicface.training import losses
from dicface.training.lpips import PerceptualLoss, lite_distance, untrained_network

PRECISIONS = ("float32", "tf32", "bf16")
SETTINGS = json.loads((HERE / "on_gpu.json").read_text())
"""Of trainings, as `gpu_results.py` takes them from config/, since YAML cannot be read here."""


def faces(num: int, side: int, device: str = "cpu") -> Tensor:
    """Seeded frames (num, 3, side, side) in [0, 1]."""
    return torch.rand(num, 3, side, side, generator=torch.Generator().manual_seed(0)).to(device)


@contextmanager
def computing(precision: str, device: str) -> Iterator[None]:
    """Lets torch compute in one of `PRECISIONS`."""
    rounds = precision != "float32"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = rounds
    with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
        yield


class Bench:
    """Measures within a time, and keeps what was found.

    Args:
        device: "cuda" or "cpu".
        tiny: Small networks and few runs, to see that everything works.
        seconds: What does not fit into these is skipped.
        facts: Of the machine.
        file: Written after every measurement; None for none.
    """

    def __init__(self, device: str, tiny: bool, seconds: float, facts: dict, file: Path | None):
        self.device, self.tiny, self.seconds, self.file = device, tiny, seconds, file
        self.cuda, self.began = device == "cuda", time.monotonic()
        self.result: dict = {"facts": facts, "skipped": []}

    def measure(self, part: str, row: dict, work: Callable[[], dict], needs: float = 3) -> dict:
        """Adds a row to a part's table, unless it would take longer than is left.

        Args:
            part: Of the result.
            row: What is measured.
            work: Measures; what it raises goes into the row.
            needs: Seconds that it takes, at most.

        Returns:
            The row.
        """
        named = f"{part}: {', '.join(map(str, row.values()))}"
        if time.monotonic() - self.began + needs > self.seconds:
            self.result["skipped"].append(named)
            return row
        try:
            row = row | work()
        except Exception as error:  # noqa: BLE001 - out of memory, no compiler, and so on
            row = row | {"failed": f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"}
        self.free()
        self.result.setdefault(part, []).append(row)
        sys.stdout.write(f"{time.monotonic() - self.began:5.0f} s  {part}: {row}\n")
        sys.stdout.flush()
        if self.file:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.file.write_text(json.dumps(self.result, indent=1) + "\n")
        return row

    def timed(self, run: Callable[[], object], count: int = 1) -> dict:
        """Milliseconds of one of the `count` things that `run` does, and the peak memory."""
        warm, runs = (1, 2) if self.tiny else (2, 5)
        for _ in range(warm):
            run()
        if self.cuda:
            torch.cuda.reset_peak_memory_stats()
        ms: list[float] = []
        # Long ones vary less.
        while len(ms) < runs and (len(ms) < 2 or sum(ms) * count < 4000):
            self.wait()
            start = time.perf_counter()
            run()
            self.wait()
            ms.append((time.perf_counter() - start) * 1000 / count)
        found = {"ms": statistics.median(ms), "fastest": min(ms), "slowest": max(ms)}
        return found | ({"gb": torch.cuda.max_memory_allocated() / 1e9} if self.cuda else {})

    def wait(self) -> None:
        """Lets the GPU finish what it was given."""
        if self.cuda:
            torch.cuda.synchronize()

    def free(self) -> None:
        """Gives back what nobody holds any more."""
        gc.collect()
        if self.cuda:
            torch.cuda.empty_cache()


# The systems of the paper


def _pgtformer(nets: tuple, x: Tensor) -> Tensor:
    n = range(len(x))
    around = [min(max(i, 0), len(x) - 1) for k in n for i in (k - 1, k, k + 1)]
    features = [each[around] for each in nets[0].frame_features(x)]
    return nets[0].window(features, centre=True)[0]


def _pgdiff(nets: tuple, x: Tensor) -> Tensor:
    """One of its thousand steps from a sample and with noise that any picture stands in for."""
    from baselines.networks import diffusion, guidance

    known = guidance.Restoration(known=x * 2 - 1, scale=0.05, restorer=nets[1])
    sample, noise = x.flip(-1) * 2 - 1, x.flip(-2) * 2 - 1
    schedule = diffusion.Schedule()
    return (diffusion.guided_step(nets[0], schedule, known, sample, 500, noise).sample + 1) / 2


SYSTEMS: dict[str, tuple[str, tuple[int, int], Callable[[tuple, Tensor], Tensor]]] = {
    "gpen": ("gpen:Gpen", (1, 8), lambda nets, x: (nets[0](x * 2 - 1) + 1) / 2),
    "gfpgan": ("gfpgan:Gfpgan", (1, 8), lambda nets, x: (nets[0](x * 2 - 1) + 1) / 2),
    "codeformer": (
        "codeformer:ReleasedCodeFormer",
        (1, 8),
        lambda nets, x: (nets[0](x * 2 - 1, w=0.5, adain=True)[0] + 1) / 2,
    ),
    "realbasicvsr": ("realbasicvsr:RealBasicVsr", (20, 5), lambda nets, x: nets[0](x[None])[0]),
    "basicvsrpp": ("basicvsrpp:BasicVsrPp", (20, 5), lambda nets, x: nets[0](x[None])[0]),
    "pgtformer": ("pgtformer:PgtFormer", (1, 8), _pgtformer),
    "keep": ("keep:Keep", (20, 5), lambda nets, x: (nets[0](x * 2 - 1) + 1) / 2),
    "pgdiff": ("pgdiff:PgDiff", (1, 4), _pgdiff),
}
"""Name -> its class, frames at once (as the suite gives them; others), one pass (n, 3, H, W) in
[0, 1] → the same."""
STEPS = {"pgdiff": 1000}
"""Passes a frame, where these are many."""


@functools.cache
def system(name: str, tiny: bool) -> tuple[tuple[nn.Module, ...], int]:
    """Networks with seeded weights, as the method prepares them, on the CPU; side of the input."""
    module, _, method = SYSTEMS[name][0].partition(":")
    kind = getattr(importlib.import_module(f"baselines.{module}"), method)
    if tiny:
        small = kind.example()
        nets = small.networks if hasattr(small, "networks") else (small.network,)
        return tuple(nets), small.facts.size or 16
    full = kind()
    nets = seeded(full.build, name, "bfr")
    if isinstance(full, NetworkMethod):
        nets = map(prepare_for_inference, nets)
    return tuple(nets), (full.facts.size or 512) // full.facts.scale


@functools.cache
def dicface(tiny: bool) -> DicFace:
    """DicFace of the released size with seeded weights, on the CPU."""
    return seeded(lambda: build("dicface", **(SMALL if tiny else {})), "dicface", "bfr")[0]


def moved(nets: tuple[nn.Module, ...], device: str) -> tuple[nn.Module, ...]:
    """Copies on the device."""
    return tuple(copy.deepcopy(net).to(device) for net in nets)


def parity(bench: Bench) -> None:
    """Outputs on the device against float32 on the CPU."""

    @functools.cache
    def on_cpu(name: str) -> tuple[tuple, Callable, Tensor, Tensor]:
        if name == "dicface":
            net = dicface(bench.tiny)
            nets, x = (net,), faces(5, net.settings.resolution)
            passes = lambda nets, x: (nets[0](x * 2 - 1)[0] + 1) / 2  # noqa: E731
        else:
            (nets, side), (_, counts, passes) = system(name, bench.tiny), SYSTEMS[name]
            x = faces(min(2, *counts), side)
        return nets, passes, x, passes(nets, x)

    def compare(name: str, precision: str) -> dict:
        nets, passes, x, expected = on_cpu(name)
        nets = moved(nets, bench.device)
        with computing(precision, bench.device):
            found = passes(nets, x.to(bench.device)).float().cpu()
        if not found.isfinite().all():
            raise ValueError("the output is not finite")
        off = (found - expected).abs()
        error = off.square().mean().item()
        return {
            "largest": off.max().item(),
            "mean": off.mean().item(),
            "psnr": -10 * torch.tensor(error).log10().item() if error else None,
        }

    for name in ("dicface", *SYSTEMS):
        for precision in PRECISIONS:
            row = {"network": name, "precision": precision}
            with torch.inference_mode():
                bench.measure("parity", row, functools.partial(compare, name, precision), 15)


# DicFace at its released size


@torch.inference_mode()
def by_windows(net: DicFace, frames: list[Tensor], batch: int, output: str) -> None:
    """Restores a clip window by window, `batch` windows at once."""
    t, device = net.settings.frame_length, next(net.parameters()).device
    for first in range(0, len(frames), batch):
        kept = range(first, min(first + batch, len(frames)))
        around = (range(n - t // 2, n + t // 2 + 1) for n in kept)
        numbers = [min(max(i, 0), len(frames) - 1) for window in around for i in window]
        image, _, _ = net(torch.stack([frames[i] for i in numbers]).to(device) * 2 - 1, output=output)
        image = net.centre(image) if output == "all" else image
        image.clamp(-1, 1).add(1).div(2).cpu()


class Graphed:
    """A function whose kernels are captured once for each shape and replayed: a CUDA graph."""

    def __init__(self, function: Callable) -> None:
        self.function, self.captured = function, {}

    def __call__(self, *args):
        """Calls it; other arguments than tensors are part of what was captured."""
        leaves, form = pytree.tree_flatten(args)
        given = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        key = str(form), *(x.shape if isinstance(x, Tensor) else x for x in leaves)
        if key not in self.captured:
            held = [tensor.clone() for tensor in given]
            tensors = iter(held)
            fixed = [next(tensors) if isinstance(x, Tensor) else x for x in leaves]
            args = pytree.tree_unflatten(fixed, form)
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(2):
                    self.function(*args)
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                result = self.function(*args)
            self.captured[key] = graph, held, result
        graph, held, result = self.captured[key]
        for into, tensor in zip(held, given, strict=True):
            into.copy_(tensor)
        graph.replay()
        return pytree.tree_map(lambda x: x.clone() if isinstance(x, Tensor) else x, result)


def as_mode(net: DicFace, mode: str) -> DicFace:
    """The network with its parts replayed as CUDA graphs, or its autoencoder compiled."""
    net = copy.copy(net)
    if mode == "graph":
        for name in ("encode", "spatial", "temporal", "decode"):
            setattr(net, name, Graphed(getattr(net, name)))
    if mode == "compiled":
        for name in ("encode", "decode"):
            setattr(net, name, torch.compile(getattr(net, name), dynamic=False))
    return net


def dicface_speed(bench: Bench, mode: str, grid: tuple[tuple[str, int], ...]) -> None:
    """Milliseconds a frame: streaming against the same network window by window."""
    for precision, batch in grid:
        base = None
        for computation in ("windows", "centre decoded", "streaming"):

            def work(computation: str = computation, precision=precision, batch=batch) -> dict:
                plain = moved((dicface(bench.tiny),), bench.device)[0]
                streams = computation == "streaming"
                net = as_mode(prepare_for_inference(plain) if streams else plain, mode)
                frames = list(faces(24 if streams else 8, net.settings.resolution))
                frames = frames[:4] if bench.tiny else frames
                output = "all" if computation == "windows" else "centre"

                def run() -> None:
                    with computing(precision, bench.device):
                        if streams:
                            list(stream(net, frames, settings=StreamSettings(batch=batch)))
                        else:
                            by_windows(net, frames, batch, output)

                return bench.timed(run, len(frames))

            row = {"computation": computation, "mode": mode, "precision": precision, "batch": batch}
            found = bench.measure("dicface", row, work, 60 if mode == "compiled" else 8)
            base = base or found.get("ms")
            if base and "ms" in found:
                found["times"] = base / found["ms"]


# Trainings


def stepping(
    net: nn.Module, s: SimpleNamespace, loss: Callable[[], Tensor], precision: str, device: str
) -> Callable[[], float]:
    """A training step of a network, which returns its loss."""
    learning = [p for p in net.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(learning, lr=s.learning_rate, betas=s.betas)
    net.train()

    def step() -> float:
        torch.manual_seed(0)
        optimizer.zero_grad(set_to_none=True)
        with computing(precision, device):
            total = loss()
            total.backward()
        optimizer.step()
        return total.item()

    return step


def dicface_loss(
    net: DicFace, s: SimpleNamespace, objective: losses.Objective, clips: tuple[Tensor, Tensor]
) -> Tensor:
    """As `dicface.training.stages.DicFaceStage` computes it, of (degraded, true) windows."""
    degraded, truth = (clip.flatten(0, 1) for clip in clips)
    image, _, alpha = net(degraded, w=s.fidelity_w, output=s.loss_frames)
    target = net.centre(truth) if s.loss_frames == "centre" else truth
    return objective(image, target, alpha)["total"]


def training_step(bench: Bench, compiled: bool) -> None:
    """Milliseconds and memory of a step on two windows of five frames, setting by setting."""

    def work(precision: str, channels_last: bool) -> dict:
        about = SETTINGS["dicface"]
        s = SimpleNamespace(**about["train"])
        try:
            distance = None if bench.tiny else PerceptualLoss(untrained_network())
        except ImportError:
            distance = None
        objective = losses.Objective(
            prior=s.prior_alpha,
            kl_weight=s.kl_weight,
            lambda2=s.lpips_weight if distance else 0,
            perceptual=distance,
        ).to(bench.device)
        torch.manual_seed(0)
        net = build("dicface", **(SMALL if bench.tiny else about["settings"])).to(bench.device)
        if channels_last:
            net.to(memory_format=torch.channels_last)
        if compiled:
            net.compile()
        t, side = net.settings.frame_length, net.settings.resolution
        clips = (faces(4 * t, side) * 2 - 1).view(2, 2, t, 3, side, side).to(bench.device)
        step = stepping(
            net, s, lambda: dicface_loss(net, s, objective, clips), precision, bench.device
        )
        first = step()
        return bench.timed(step) | {"loss": first, "lpips": distance is not None}

    for precision in PRECISIONS[1:] if compiled else PRECISIONS:
        for channels_last in (False,) if compiled else (False, True):
            kinds = ("compiled" if compiled else "eager", channels_last)
            row = {"precision": precision, "mode": kinds[0], "channels_last": kinds[1]}
            needs = 100 if compiled else 12
            run = functools.partial(work, precision, channels_last)
            bench.measure("training_step", row, run, needs)


def stages(bench: Bench) -> None:
    """Images a second of stages I to III of the demo's weights."""

    def work(stage: str, precision: str, batch: int) -> dict:
        about = SETTINGS[stage]
        s = SimpleNamespace(**about["train"])
        try:
            distance = PerceptualLoss(lite_distance("efficientnet_lite0"))
        except WeightsError:
            distance = None
        objective = losses.Objective(
            kl_weight=0, lambda2=s.lpips_weight if distance else 0, perceptual=distance
        ).to(bench.device)
        torch.manual_seed(0)
        net = build(about["kind"], **about["settings"]).to(bench.device)
        prior = build("vqgan", **SETTINGS["vqgan"]["settings"]).to(bench.device).eval()
        for name in s.freeze:
            net.get_submodule(name).requires_grad_(False)
        degrade = Degradation(SETTINGS["degradation"], bench.device)
        loss = stage_loss(stage, net, prior, objective, s.fidelity_w, degrade)
        levels = (faces(batch, about["settings"]["resolution"], bench.device) * 255).byte()
        data = batches(levels, s, batch)
        step = stepping(net, s, lambda: loss(next(data), True)[0], precision, bench.device)
        found = bench.timed(step)
        return {
            "images_a_second": batch * 1000 / found["ms"],
            **found,
            "perceptual": distance is not None,
        }

    for stage in ("vqgan", "codeformer", "fusion"):
        for precision in PRECISIONS:
            batch = 1 if bench.tiny else 64
            row = {"stage": stage, "precision": precision, "batch": batch}
            bench.measure("stages", row, functools.partial(work, stage, precision, batch), 10)


def baselines(bench: Bench) -> None:
    """Milliseconds a frame of every other system at its own size."""

    def work(name: str, count: int, precision: str) -> dict:
        (nets, side), passes = system(name, bench.tiny), SYSTEMS[name][2]
        nets, x = moved(nets, bench.device), faces(count, side, bench.device)

        def run() -> None:
            with torch.inference_mode(), computing(precision, bench.device):
                passes(nets, x)

        found = bench.timed(run, count)
        return {k: v * STEPS.get(name, 1) if k != "gb" else v for k, v in found.items()}

    for name, (_, counts, _) in SYSTEMS.items():
        for precision in PRECISIONS:
            for count in (min(3, each) for each in counts) if bench.tiny else counts:
                row = {"method": name, "frames": count, "precision": precision}
                run = functools.partial(work, name, count, precision)
                bench.measure("baselines", row, run, 8)


def facts(options: argparse.Namespace) -> dict:
    """What the numbers depend on."""
    found = {
        "card": "CPU",
        "torch": torch.__version__,
        "date": time.strftime("%Y-%m-%d"),
        "commit": options.commit,
        "tiny": options.tiny,
    }
    if options.device == "cuda":
        asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        try:
            driver = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):
            driver = "unknown\n"
        found |= {
            "card": torch.cuda.get_device_name(),
            "memory_gb": torch.cuda.get_device_properties(0).total_memory / 1e9,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "driver": driver.splitlines()[0],
        }
    return found


def main() -> None:
    """Reads the command line, measures and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--seconds", type=float, default=400, help="for all of it (default 400)")
    parser.add_argument("--commit", default="not given", help="of this checkout, for the record")
    parser.add_argument("--tiny", action="store_true", help="small networks, to see that it works")
    parser.add_argument(
        "--to", type=Path, help="folder of the JSON (default: benchmarks/results; none on a CPU)"
    )
    options = parser.parse_args()
    cuda = options.device == "cuda"
    if cuda and not torch.cuda.is_available():
        raise SystemExit("torch sees no GPU; give --device cpu --tiny to try this without one.")
    about, folder = facts(options), options.to or (HERE / "results" if cuda else None)
    file = folder and folder / f"{slug(about['card'])}.json"
    bench = Bench(options.device, options.tiny, options.seconds, about, file)
    some = tuple((precision, batch) for precision in PRECISIONS for batch in (1, 4, 8))
    # What matters most comes first; what takes a compiler comes last.
    parity(bench)
    dicface_speed(bench, "eager", some[:1] + some[-1:] if options.tiny else some)
    training_step(bench, compiled=False)
    stages(bench)
    baselines(bench)
    if cuda:
        dicface_speed(bench, "graph", some)
        dicface_speed(bench, "compiled", (("bf16", 1), ("tf32", 1)))
        training_step(bench, compiled=True)
    sys.stdout.write("\n" + tables(bench.result))
    if file:
        file.write_text(json.dumps(bench.result, indent=1) + "\n")
        sys.stdout.write(f"\n{file}\n")


if __name__ == "__main__":
    main()
