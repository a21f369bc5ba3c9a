"""Times DicFace's streaming runner against the same network run window by window.

    python benchmarks/restore.py                       # 512 px, float32: about five minutes
    python benchmarks/restore.py --size 128 --frames 8 # a quick look

Prints a Markdown table. Weights are random and seeded; speed does not depend on them. Both sides
run in one process, in turns, so that what else the machine does weighs on both.
"""

from __future__ import annotations

import argparse
import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import torch
from torch import Tensor

from dicface.base.counts import how_many
from dicface.base.seeds import torch_generator
from dicface.models import DicFace, build
from dicface.restoring.runner import StreamSettings, prepare_for_inference, stream

LEVELS = 6


def released_at(size: int) -> DicFace:
    """The released network, all widths unchanged, for frames of `size` px (512: as released)."""
    latent = size >> (LEVELS - 1)
    connect_list = tuple(str(latent << i) for i in range(1, LEVELS - 1))
    network = build(
        "dicface", resolution=size, attn_resolutions=(latent,), connect_list=connect_list
    )
    generator = torch_generator("benchmark", "restore")
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim > 1:
                parameter.copy_(noise / parameter[0].numel() ** 0.5)
            else:
                parameter.copy_(0.05 * noise + ("norm" in name and name.endswith("weight")))
    return network.eval()


def clip(num_frames: int, size: int) -> Iterator[Tensor]:
    """Seeded frames (3, size, size) in [0, 1], made one by one so that none is held."""
    for index in range(num_frames):
        yield torch.rand(3, size, size, generator=torch_generator("benchmark", "frame", index))


@torch.inference_mode()
def window_by_window(network: DicFace, frames: list[Tensor], n: int, output: str) -> Tensor:
    """Frame n by the plain computation: its whole window through the network."""
    reach = network.settings.frame_length // 2
    indices = [min(max(i, 0), len(frames) - 1) for i in range(n - reach, n + reach + 1)]
    image, _, _ = network(torch.stack([frames[i] for i in indices]).mul(2).sub(1), output=output)
    image = network.centre(image) if output == "all" else image
    return image[0].clamp(-1, 1).add(1).div(2)


def timed(function: Callable[[], Tensor]) -> tuple[float, Tensor]:
    """Returns seconds of wall time and the result."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def compare(size: int, num_frames: int, num_windows: int, batch: int | None) -> list[str]:
    """Runs both sides and returns rows of the table."""
    network = released_at(size)
    frames = list(clip(num_frames, size))
    fast, settings = prepare_for_inference(network), StreamSettings(batch=batch)
    list(stream(fast, frames[:1], settings=settings))  # the first call sets the kernels up
    plain, centre, ours, deviation = [], [], [], 0.0
    # First window, last window, and those between, with a whole streaming run before each.
    for k in range(num_windows):
        n = k * (num_frames - 1) // max(1, num_windows - 1)
        seconds, restored = timed(
            lambda: torch.stack(list(stream(fast, iter(frames), settings=settings)))
        )
        ours.append(seconds / num_frames)
        seconds, expected = timed(lambda n=n: window_by_window(network, frames, n, "all"))
        plain.append(seconds)
        deviation = max(deviation, (restored[n] - expected).abs().max().item())
        seconds, _ = timed(lambda n=n: window_by_window(network, frames, n, "centre"))
        centre.append(seconds)
    base, ours_s, centre_s = sum(plain), sum(ours), sum(centre)
    each = [seconds / num_windows for seconds in (base, centre_s, ours_s)]
    return [
        "| computation | s a frame | ratio |",
        "|---|---|---|",
        f"| window by window | {each[0]:.2f} | 1.00× |",
        f"| window by window, only the centre decoded | {each[1]:.2f} | {base / centre_s:.2f}× |",
        f"| streaming | {each[2]:.2f} | **{base / ours_s:.2f}×** |",
        "",
        f"Largest difference between streaming and windows, in [0, 1]: {deviation:.1e} "
        f"({num_windows} windows of a clip of {num_frames} frames).",
    ]


def peak_memory_mb(size: int, num_frames: int, threads: int, batch: int | None) -> float:
    """Peak resident memory above the loaded network, MB, measured in a process of its own."""
    command = [sys.executable, __file__, "--memory-child", "--size", str(size)]
    command += ["--frames", str(num_frames), "--threads", str(threads)]
    command += ["--batch", str(batch)] if batch else []
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(finished.stdout)


def memory_child(size: int, num_frames: int, batch: int | None) -> float:
    """Streams a clip and returns the peak resident memory above the loaded network, MB (Linux)."""
    network = prepare_for_inference(released_at(size))
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # resets the high-water mark
    loaded = psutil.Process().memory_info().rss
    for _ in stream(network, clip(num_frames, size), settings=StreamSettings(batch=batch)):
        pass
    status = Path("/proc/self/status").read_text()
    peak_kb = int(status.partition("VmHWM:")[2].split()[0])
    return (peak_kb * 1024 - loaded) / 1e6


def machine(threads: int) -> str:
    """CPU model, threads, load and versions, in one line."""
    model = "unknown CPU"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    load = os.getloadavg()[0]
    return (
        f"{model}, {os.cpu_count()} cores, {how_many(threads, 'thread')}, "
        f"torch {torch.__version__}, float32; load average before the run {load:.1f}"
    )


def main() -> None:
    """Parses the command line and prints the report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=512, help="side of the frames, px")
    parser.add_argument("--frames", type=int, default=6, help="frames of the clip")
    parser.add_argument("--windows", type=int, default=2, help="windows computed plainly")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--batch", type=int, default=None, help="frames at once (default: by size)")
    parser.add_argument("--no-memory", action="store_true", help="leave the memory part out")
    parser.add_argument("--memory-child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.memory_child:
        print(memory_child(options.size, options.frames, options.batch))
        return
    print(f"DicFace at {options.size}×{options.size}, window 5. {machine(options.threads)}.\n")
    lines = compare(options.size, options.frames, options.windows, options.batch)
    print("\n".join(lines), flush=True)
    if options.no_memory:
        return
    print("\n| frames | peak memory above the loaded network, MB |\n|---|---|", flush=True)
    for num_frames in (8, 16):
        peak = peak_memory_mb(options.size, num_frames, options.threads, options.batch)
        print(f"| {num_frames} | {peak:.0f} |", flush=True)


if __name__ == "__main__":
    main()
