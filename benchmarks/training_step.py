"""Seconds, memory and loss of a DicFace training step, setting by setting.

    python benchmarks/training_step.py [--device cuda] [--size 512] [--batch 2] [--steps 20]
    python benchmarks/training_step.py --size 64 --batch 1 --steps 3 [SETTING …]    # on a CPU

The network, objective and optimiser are those of the paper's stage IV (config/paper.yaml) with
random weights, on random windows of five frames; LPIPS takes part where its weights are at hand.
Every setting starts from the same weights, in a process of its own; the first two steps warm up.
The loss is that of the first step, whose deviation from float32 is what the setting alone does.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil
import torch

from dicface.base.errors import WeightsError
from dicface.config.load import load
from dicface.config.networks import network
from dicface.models import build
from dicface.training import losses
from dicface.training.distributed import launch
from dicface.training.lpips import PerceptualLoss, perceptual_network
from dicface.training.stages import DicFaceStage
from dicface.training.state import Learner

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = {
    "float32": {},
    "bf16": {"precision": "bf16-mixed"},
    "channels_last": {"channels_last": True},
    "bf16 + channels_last": {"precision": "bf16-mixed", "channels_last": True},
    "compile": {"compile": True},
    "bf16 + compile": {"precision": "bf16-mixed", "compile": True},
}
WARM_UP = 2


def objective(settings) -> losses.Objective:  # noqa: ANN001 - TrainSettings
    """The paper's objective; without LPIPS where its weights are missing."""
    try:
        perceptual = PerceptualLoss(perceptual_network(), normalise=settings.lpips_normalise)
    except WeightsError:
        perceptual = None
    return losses.Objective(
        prior=settings.prior_alpha,
        kl_weight=1.0,
        lambda2=settings.lpips_weight if perceptual else 0.0,
        perceptual=perceptual,
    )


def measure(options: argparse.Namespace, setting: str) -> dict[str, float | bool]:
    """Trains a few steps with one setting."""
    chosen = SETTINGS[setting]
    config = load(ROOT / "config" / "config.yaml", ROOT / "config" / "paper.yaml")
    config = dataclasses.replace(config, device=options.device)
    plan = dataclasses.replace(network(config, "dicface"), size=options.size)
    train = dataclasses.replace(plan.train, precision=chosen.get("precision", "32-true"))
    model = plan.settings()
    # Features are named by their side; a smaller face has smaller ones.
    scale = 512 // options.size
    model["connect_list"] = [str(int(side) // scale) for side in model["connect_list"]]
    model["attn_resolutions"] = [side // scale for side in model["attn_resolutions"]]
    fabric = launch(config, train)
    torch.manual_seed(0)
    stage = DicFaceStage(build("dicface", **model), train, objective(train))
    if chosen.get("channels_last"):
        stage.network.to(memory_format=torch.channels_last)
    learner = Learner(stage.network, train)
    if chosen.get("compile"):
        stage.network.compile()
    module, optimizer = fabric.setup(stage, learner.optimizer)
    module.train()
    shape = (options.batch, plan.frames, 3, options.size, options.size)
    clips = [torch.rand(shape).mul(2).sub(1).to(fabric.device) for _ in range(2)]
    cuda = options.device.startswith("cuda")
    seconds, first = [], 0.0
    for step in range(options.steps + WARM_UP):
        start = time.perf_counter()
        torch.manual_seed(step)
        optimizer.zero_grad(set_to_none=True)
        loss = module(*clips)
        fabric.backward(loss.total)
        optimizer.step()
        first = first or float(loss.total.detach())
        if cuda:
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    peak = torch.cuda.max_memory_allocated() if cuda else psutil.Process().memory_info().rss
    return {
        "seconds": statistics.median(seconds[WARM_UP:]),
        "first_step": seconds[0],
        "loss": first,
        "memory_gb": peak / 1e9,
        "lpips": stage.objective.perceptual is not None,
    }


def main() -> None:
    """Runs every setting in a process of its own and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("settings", nargs="*", help=f"any of {', '.join(SETTINGS)} (default all)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--size", type=int, default=512, help="side of the faces, px")
    parser.add_argument("--batch", type=int, default=2, help="windows a step")
    parser.add_argument("--steps", type=int, default=20, help="timed steps; the median counts")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    chosen = options.settings or list(SETTINGS)
    if options.child:
        print(json.dumps(measure(options, chosen[0])))
        return
    where = torch.cuda.get_device_name() if options.device.startswith("cuda") else "CPU"
    print(f"{where}, torch {torch.__version__}, {options.batch} × 5 × {options.size} px a step, ")
    print(f"median of {options.steps} steps\n")
    print("| setting | s a step | ratio | first step, s | loss at the first step | GB |")
    print("|---|---|---|---|---|---|", flush=True)
    reference = None
    for setting in chosen:
        command = [sys.executable, __file__, setting, "--child"]
        for name in ("device", "size", "batch", "steps"):
            command += [f"--{name}", str(getattr(options, name))]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        reference = reference or found["seconds"]
        loss = f"{found['loss']:.4f}{'' if found['lpips'] else ' (without LPIPS)'}"
        print(
            f"| {setting} | {found['seconds']:.2f} | {reference / found['seconds']:.2f} | "
            f"{found['first_step']:.1f} | {loss} | {found['memory_gb']:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
