"""Measures one GPU in seven minutes: parity with the CPU, speed and memory of all networks.

    python benchmarks/on_gpu.py --commit $(git rev-parse --short HEAD)   # results/<card>.json
    python benchmarks/on_gpu.py --device cpu --tiny                      # the same, small
    python benchmarks/gpu_results.py                                     # docs and rates of it

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
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor, nn

# The script's own folder comes second: `baselines` would be another file there.
sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from demo_weights_gpu import Degradation, batches, stage_loss
from gpu_bench import PRECISIONS, Bench, Graphed, computing
from gpu_networks import SYSTEMS, faces, networks, on_device, passes_of
from gpu_results import slug, tables

from dicface.base.errors import WeightsError
from dicface.methods.codeformer import SMALL
from dicface.models import DicFace, build
from dicface.models.fast import prepare_for_inference
from dicface.models.streaming import StreamSettings, stream
from dicface.training import losses
from dicface.training.lpips import PerceptualLoss, untrained_network
from dicface.weights.packages import lite_distance

HERE = Path(__file__).resolve().parent
SETTINGS = json.loads((HERE / "on_gpu.json").read_text())
"""Of trainings, as `gpu_results.py` takes them from config/, since YAML cannot be read here."""


def parity(bench: Bench) -> None:
    """Outputs on the device against float32 on the CPU."""

    @functools.cache
    def on_cpu(name: str) -> tuple[Tensor, Tensor]:
        nets, side = networks(name, bench.tiny)
        x = faces(5 if name == "dicface" else min(2, *SYSTEMS[name][1]), side)
        with torch.inference_mode():
            return x, passes_of(name)(nets, x)

    def compare(name: str, precision: str) -> dict:
        x, expected = on_cpu(name)
        nets = on_device(name, bench.tiny, bench.device)
        with torch.inference_mode(), computing(precision, bench.device):
            found = passes_of(name)(nets, x.to(bench.device)).float().cpu()
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
        for precision in bench.precisions:
            row = {"network": name, "precision": precision}
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
        x = torch.stack([frames[i] for i in numbers]).to(device) * 2 - 1
        image, _, _ = net(x, output=output)
        image = net.centre(image) if output == "all" else image
        image.clamp(-1, 1).add(1).div(2).cpu()


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
                (plain,) = on_device("dicface", bench.tiny, bench.device)
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
    on_device.cache_clear()

    def work(precision: str, channels_last: bool) -> dict:
        about = SETTINGS["dicface"]
        s = SimpleNamespace(**about["train"])
        try:
            distance = None if bench.tiny else PerceptualLoss(untrained_network())
        except ImportError:
            distance = None
        torch.manual_seed(0)
        net = build("dicface", **(SMALL if bench.tiny else about["settings"])).to(bench.device)
        t, side = net.settings.frame_length, net.settings.resolution
        objective = losses.Objective(
            prior=s.prior_alpha,
            kl_weight=losses.kl_weight(s.kl_scale, side, net.settings.latent_size),
            lambda2=s.lpips_weight if distance else 0,
            perceptual=distance,
        ).to(bench.device)
        if channels_last:
            net.to(memory_format=torch.channels_last)
        if compiled:
            net.compile()
        clips = (faces(4 * t, side) * 2 - 1).view(2, 2, t, 3, side, side).to(bench.device)
        step = stepping(
            net, s, lambda: dicface_loss(net, s, objective, clips), precision, bench.device
        )
        first = step()
        return bench.timed(step) | {"loss": first, "lpips": distance is not None}

    for precision in PRECISIONS[1:] if compiled else bench.precisions:
        for channels_last in (False,) if compiled else (False, True):
            kinds = ("compiled" if compiled else "eager", channels_last)
            row = {"precision": precision, "mode": kinds[0], "channels_last": kinds[1]}
            needs = 100 if compiled else 12
            run = functools.partial(work, precision, channels_last)
            bench.measure("training_step", row, run, needs)


def stages(bench: Bench) -> None:
    """Images a second of stages I to III of the demo's weights."""
    on_device.cache_clear()

    def net_of(stage: str) -> nn.Module:
        about = SETTINGS[stage]
        settings = dict(about["settings"])
        if bench.tiny:
            settings |= {"resolution": 32, "nf": 8}
            settings |= {"connect_list": ["8", "16"]} if "connect_list" in settings else {}
        return build(about["kind"], **settings).to(bench.device)

    def work(stage: str, precision: str, batch: int) -> dict:
        s = SimpleNamespace(**SETTINGS[stage]["train"])
        try:
            distance = PerceptualLoss(lite_distance("efficientnet_lite0"))
        except WeightsError:
            distance = None
        objective = losses.Objective(
            kl_weight=0, lambda2=s.lpips_weight if distance else 0, perceptual=distance
        ).to(bench.device)
        torch.manual_seed(0)
        net, prior = net_of(stage), net_of("vqgan").eval()
        for name in s.freeze:
            net.get_submodule(name).requires_grad_(False)
        degrade = Degradation(SETTINGS["degradation"], bench.device)
        loss = stage_loss(stage, net, prior, objective, s.fidelity_w, degrade)
        levels = (faces(batch, net.settings.resolution, bench.device) * 255).byte()
        data = batches(levels, s, batch)
        step = stepping(net, s, lambda: loss(next(data), True)[0], precision, bench.device)
        found = bench.timed(step)
        return {
            "images_a_second": batch * 1000 / found["ms"],
            **found,
            "perceptual": distance is not None,
        }

    for stage in ("vqgan", "codeformer", "fusion"):
        for precision in bench.precisions:
            batch = 1 if bench.tiny else 64
            row = {"stage": stage, "precision": precision, "batch": batch}
            bench.measure("stages", row, functools.partial(work, stage, precision, batch), 10)


def baselines(bench: Bench) -> None:
    """Milliseconds a frame of every other system at its own size."""

    def work(name: str, count: int, precision: str) -> dict:
        x = faces(count, networks(name, bench.tiny)[1], bench.device)
        nets, passes = on_device(name, bench.tiny, bench.device), passes_of(name)

        def run() -> None:
            with torch.inference_mode(), computing(precision, bench.device):
                passes(nets, x)

        found = bench.timed(run, count)
        return {k: v * (1000 if name == "pgdiff" and k != "gb" else 1) for k, v in found.items()}

    for name, (_, counts, _) in SYSTEMS.items():
        for precision in bench.precisions:
            for count in (min(3, *counts),) if bench.tiny else counts:
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
    some = tuple((precision, batch) for precision in bench.precisions for batch in (1, 4, 8))
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
