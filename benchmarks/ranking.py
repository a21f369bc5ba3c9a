"""Times `dicface score` with three results beside one: true frames are looked at once for all.

    python benchmarks/ranking.py                          # 3 clips of 24 frames at 512 px
    python benchmarks/ranking.py --size 128 --frames 8    # some seconds

Each is the whole command as one types it, its start, page and pictures included, in CPU seconds of
its process and their children, one thread each. Prints a Markdown table and exits with 1 above
2.2 times. Metrics stand on the offline networks.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
from restore import machine

from dicface.data.photo import astronaut_clip
from dicface.video.clips import write_clip

MOST = 2.2
RESULTS = {"sharp": 0.6, "middle": 1.2, "soft": 2.4}
"""Result -> σ of its blur, px at 512."""


def write_sets(folder: Path, clips: int, frames: int, size: int) -> None:
    """Writes true clips, which differ, and three results of each."""
    true = astronaut_clip(clips * frames, size)
    for number in range(clips):
        own = true[number * frames : (number + 1) * frames]
        write_clip(folder / "truth" / f"clip_{number}.mkv", own, 25)
        for result, sigma in RESULTS.items():
            blurred = [cv2.GaussianBlur(frame, (0, 0), sigma * size / 512) for frame in own]
            write_clip(folder / result / f"clip_{number}.mkv", blurred, 25)


def seconds_of(folder: Path, results: list[str], rounds: int) -> float:
    """CPU seconds of scoring some results, the least of some rounds."""
    words = ["--truth", "truth", "--set", "metrics.backbones=offline", "--device", "cpu"]
    command = [sys.executable, "-m", "dicface.cli", "score", "--restored", *results, *words]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    took = []
    for number in range(rounds):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        out = ["--out", f"scores_{len(results)}_{number}"]
        subprocess.run(
            [*command, *out],
            cwd=folder,
            env={**os.environ, **threads},
            check=True,
            capture_output=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime - before.ru_utime)
    return min(took)


def main() -> int:
    """Parses the command line and prints the report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clips", type=int, default=3)
    parser.add_argument("--frames", type=int, default=24, help="frames of a clip")
    parser.add_argument("--size", type=int, default=512, help="side of the frames, px")
    parser.add_argument("--rounds", type=int, default=1, help="the least of so many counts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_sets(folder, options.clips, options.frames, options.size)
        one = seconds_of(folder, ["sharp"], options.rounds)
        three = seconds_of(folder, list(RESULTS), options.rounds)
    ratio = three / one
    size = f"{options.size}×{options.size}"
    print(f"{options.clips} clips of {options.frames} frames at {size}. {machine(1)}.\n")
    print("| results | user CPU s | ratio |\n|---|---|---|")
    print(f"| one | {one:.1f} | 1.00× |\n| three | {three:.1f} | **{ratio:.2f}×** |")
    return 0 if ratio <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
