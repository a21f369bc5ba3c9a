"""Times every method at 512 × 512 with seeded weights, beside the plain passes of its network.

    python benchmarks/baselines.py                         # all methods: about ten minutes
    python benchmarks/baselines.py gpen keep --frames 5 --device cuda

Prints a Markdown table: milliseconds a frame through `Method.restore`, the part of it that the
network's passes take, their ratio, and the peak resident memory above the loaded network. Each
method runs in a process of its own. Weights are seeded and have the released size; speed does not
depend on their values.

On a CPU, time is processor time summed over threads, which other processes on the machine change
little; with one thread it is what an idle core would take. On a GPU it is wall time, and each pass
is waited for. DicFace streams instead of calling its network's `forward`: its reference is that
forward pass over one window, by the frame. PGDiff is timed with `--steps` of its 1000 steps, and
the number is scaled to all.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import torch

# Python looks into a script's own folder first, where `baselines` would be this file.
HERE = Path(__file__).resolve().parent
sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != HERE]

import dicface.methods  # noqa: E402
from dicface.base.seeds import torch_generator  # noqa: E402
from dicface.methods.seeded import write_seeded_weights  # noqa: E402

SIDE = 512
ALL_STEPS = 1000


def clip(num_frames: int, side: int) -> Iterator[torch.Tensor]:
    """Seeded frames (3, side, side) in [0, 1], made one by one so that none is held."""
    for index in range(num_frames):
        yield torch.rand(3, side, side, generator=torch_generator("benchmark", "frame", index))


def wait(device: str) -> None:
    """Lets a GPU finish what it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def now(device: str) -> float:
    """Seconds on a clock of which differences count."""
    wait(device)
    return time.perf_counter() if device.startswith("cuda") else time.process_time()


class Stopwatch:
    """Sums the time that a function takes, over all of its calls."""

    def __init__(self, function, device: str) -> None:
        self.function, self.device, self.seconds = function, device, 0.0

    def __call__(self, *args, **kwargs):
        """Calls the function."""
        start = now(self.device)
        result = self.function(*args, **kwargs)
        self.seconds += now(self.device) - start
        return result


def peak_bytes(device: str) -> int:
    """Peak memory of the process (Linux) or of the GPU since it was last reset."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated()
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def reset_peak(device: str) -> int:
    """Forgets the peak, and returns what is in use."""
    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
    Path("/proc/self/clear_refs").write_text("5")
    return psutil.Process().memory_info().rss


def measure(name: str, options: argparse.Namespace) -> dict[str, float]:
    """Loads one method with seeded weights, and times whole clips."""
    settings = {"steps": options.steps} if name == "pgdiff" else {}
    method = dicface.methods.create(name, device=options.device, **settings)
    write_seeded_weights(method, os.environ["DICFACE_WEIGHTS"])
    side = SIDE // method.facts.scale
    for _ in method.restore(clip(1, side)):  # loads the network and sets the kernels up
        pass
    networks = getattr(method, "networks", None) or (getattr(method, "network", None),)
    watches = []
    for network in filter(None, networks):
        # The entry points that methods use; none of them calls another.
        for entry in ("forward", "frame_features", "window"):
            if hasattr(network, entry) and (entry != "forward" or not hasattr(network, "window")):
                watches.append(Stopwatch(getattr(network, entry), options.device))
                setattr(network, entry, watches[-1])
    loaded = reset_peak(options.device)
    whole, inside = [], []
    for _ in range(options.rounds):
        for watch in watches:
            watch.seconds = 0.0
        start = now(options.device)
        for _ in method.restore(clip(options.frames, side)):
            pass
        whole.append(now(options.device) - start)
        inside.append(sum(watch.seconds for watch in watches))
    peak = peak_bytes(options.device) - loaded
    if watches and not any(inside):
        inside = [window_seconds(method, options) for _ in range(options.rounds)]
    scale = ALL_STEPS / options.steps if name == "pgdiff" else 1
    each = 1000 * scale / options.frames
    return {
        "whole_ms": statistics.median(whole) * each,
        "inside_ms": statistics.median(inside) * each,
        "peak_mb": peak / 1e6,
    }


@torch.inference_mode()
def window_seconds(method: dicface.methods.Method, options: argparse.Namespace) -> float:
    """Seconds of `options.frames` frames in plain passes over windows that do not overlap."""
    length = method.facts.window
    x = torch.stack(list(clip(length, SIDE))).to(options.device) * 2 - 1
    start = now(options.device)
    method.network(x)
    return (now(options.device) - start) * options.frames / length


def in_a_process(name: str, options: argparse.Namespace) -> dict[str, float]:
    """Runs `measure` in a process of its own, with a weights folder of its own."""
    command = [sys.executable, __file__, name, "--child"]
    for option in ("frames", "rounds", "threads", "steps", "device"):
        command += [f"--{option}", str(getattr(options, option))]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "DICFACE_WEIGHTS": folder}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def machine(options: argparse.Namespace) -> str:
    """Processor, threads, load and versions, in one line."""
    model = "unknown CPU"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    if options.device.startswith("cuda"):
        model = torch.cuda.get_device_name()
    return (
        f"{model}, {options.threads} threads, torch {torch.__version__}, float32, {SIDE}×{SIDE}, "
        f"{options.frames} frames, median of {options.rounds}; load average before the run "
        f"{os.getloadavg()[0]:.1f}"
    )


def main() -> None:
    """Parses the command line and prints the table."""
    known = [
        name for name in dicface.methods.names() if not dicface.methods.method(name).facts.trained
    ]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("methods", nargs="*", help=f"any of {', '.join(known)} (default: all)")
    parser.add_argument("--frames", type=int, default=4, help="frames of a clip")
    parser.add_argument("--rounds", type=int, default=3, help="timed clips; the median counts")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--steps", type=int, default=2, help="steps of PGDiff that are timed")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.child:
        print(json.dumps(measure(options.methods[0], options)))
        return
    print(f"{machine(options)}\n")
    print("| method | ms a frame | of it network | ratio | peak above the network, MB |")
    print("|---|---|---|---|---|", flush=True)
    for name in options.methods or known:
        found = in_a_process(name, options)
        whole, inside = found["whole_ms"], found["inside_ms"]
        network = f"{inside:.0f} | {whole / inside:.2f}" if inside else "– | –"
        print(f"| {name} | {whole:.0f} | {network} | {found['peak_mb']:.0f} |", flush=True)


if __name__ == "__main__":
    main()
