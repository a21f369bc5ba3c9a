"""Can the data side of a training at 512 × 512 feed a step of half a second on 16 cores?

    python benchmarks/training_data.py [--windows 24] [--workers 2]

Makes a miniature training set in VFHQ's layout from the photograph that comes with scikit-image,
once as extracted frames (512-px PNG) and once as raw clips (1080p H.264, key frames ten seconds
apart), and draws windows of five frames from it as the paper's training does: read, degrade, align
by landmarks. Nothing learns, so that only the loader is measured.

CPU seconds a window are those of one process with one thread. Windows a second are measured with
one loader process and with `--workers`; what is lost from one to several is taken as lost at every
doubling up to 16 cores: rate(16) = rate(1) · 16 · efficiency^(log 16 / log workers). The step of
the paper takes two windows a GPU.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import av
import cv2
import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader

from dicface.config.load import load
from dicface.data.datasets.layouts import read_layout
from dicface.data.datasets.layouts.text import write_landmarks
from dicface.data.datasets.shard_landmarks import landmarks_of_shard
from dicface.data.datasets.shards import clips_of_shard, landmarks_path
from dicface.data.datasets.training_index import write_index
from dicface.data.degradation.tasks import task_input
from dicface.data.photo import astronaut_clip
from dicface.faces.align import template
from dicface.faces.detect import default_detector
from dicface.training.clips import open_clips
from dicface.training.samples import TrainingWindows

ROOT = Path(__file__).resolve().parent.parent
SIDE, WINDOW, NUM_FRAMES, NUM_CLIPS = 512, 5, 250, 2
CORES, STEP_SECONDS, WINDOWS_A_STEP = 16, 0.5, 2


def make_set(root: Path, kind: str) -> Path:
    """A set in VFHQ's layout whose faces are where the landmark files say."""
    frames = astronaut_clip(NUM_FRAMES, SIDE, aligned=False)
    points = np.repeat((template(SIDE) * 0.7 + 80)[None], NUM_FRAMES, axis=0)
    for number in range(NUM_CLIPS):
        name = f"Clip+{number:011d}+P0+C0+F0-{NUM_FRAMES - 1}"
        write_landmarks(root / "landmarks" / f"{name}.txt", points)
        if kind == "frames":
            folder = root / "frames" / name
            folder.mkdir(parents=True)
            for index, frame in enumerate(frames):
                Image.fromarray(frame).save(folder / f"{index:08d}.png")
            continue
        (root / "meta_info").mkdir(exist_ok=True)
        meta = f"CLIP: {name}\nH: 1080\nW: 1920\nFPS: 25.0\nCROP: 600 200 1112 712\n"
        (root / "meta_info" / f"{name}.txt").write_text(
            meta + (" ".join(["1.0"] * 10) + "\n") * NUM_FRAMES
        )
        write_video(root / "clips" / f"{name}.mp4", frames)
    return root


def write_video(path: Path, frames: np.ndarray) -> None:
    """A 1080p H.264 clip with the frames in its crop."""
    path.parent.mkdir(exist_ok=True)
    around = cv2.resize(frames[0], (1920, 1080))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25))
        stream.height, stream.width, stream.pix_fmt = 1080, 1920, "yuv420p"
        stream.options = {"crf": "18", "g": "250", "preset": "fast"}
        for frame in frames:
            whole = around.copy()
            whole[200:712, 600:1112] = frame
            container.mux(stream.encode(av.VideoFrame.from_ndarray(whole, "rgb24")))
        container.mux(stream.encode(None))


def training_windows(root: Path, out: Path, num_windows: int) -> TrainingWindows:
    """The paper's samples, drawn from the set."""
    config = load(ROOT / "config" / "config.yaml", ROOT / "config" / "paper.yaml")
    layout = read_layout("vfhq_train", root)
    clips = clips_of_shard(layout, "00000", NUM_CLIPS)
    # Every clip has a landmark file, so that the detector finds nothing and costs nothing.
    landmarks_of_shard(
        clips, landmarks_path(out, "00000"), detector=default_detector("dlib"), progress=False
    )
    write_index(layout, out, shard_size=NUM_CLIPS)
    source = open_clips(out, size=SIDE, window=WINDOW, order="release", cache=False)
    return TrainingWindows(
        source,
        window=WINDOW,
        task=task_input(config, "bfr"),
        seed_names=("benchmark",),
        num_samples=num_windows,
    )


def cpu_seconds(data: TrainingWindows) -> float:
    """Median CPU seconds of one window in this process."""
    times = []
    for index in range(len(data)):
        start = time.process_time()
        data[index]
        times.append(time.process_time() - start)
    return statistics.median(times[1:])


def windows_a_second(data: TrainingWindows, workers: int) -> float:
    """Wall rate of a loader, without the time that its processes take to start."""
    loader = iter(DataLoader(data, batch_size=1, num_workers=workers))
    for _ in range(workers):
        next(loader)
    start = time.perf_counter()
    count = sum(1 for _ in loader)
    return count / (time.perf_counter() - start)


def main() -> int:
    """Measures and prints; exits with 1 if 16 cores would not keep up."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--windows", type=int, default=24, help="windows drawn a measurement")
    parser.add_argument("--workers", type=int, default=2, help="loader processes, one a core")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    needed = WINDOWS_A_STEP / STEP_SECONDS
    doublings = math.log(CORES) / math.log(options.workers)
    print(f"{WINDOW} × {SIDE} px a window; load average {os.getloadavg()[0]:.1f}; needed: ", end="")
    print(f"{needed:.0f} windows/s for a step of {STEP_SECONDS} s with {WINDOWS_A_STEP} windows\n")
    print(f"| source | CPU s a window | windows/s, 1 | {options.workers} | efficiency | {CORES} |")
    print("|---|---|---|---|---|---|")
    enough = True
    for kind in ("frames", "raw clips"):
        with tempfile.TemporaryDirectory() as folder:
            root = make_set(Path(folder) / "set", kind)
            data = training_windows(root, Path(folder) / "out", options.windows)
            seconds = cpu_seconds(data)
            one, several = (windows_a_second(data, count) for count in (1, options.workers))
        efficiency = min(several / (one * options.workers), 1.0)
        all_cores = one * CORES * efficiency**doublings
        enough &= all_cores >= needed
        print(
            f"| {kind} | {seconds:.2f} | {one:.2f} | {several:.2f} | {efficiency:.0%} | "
            f"{all_cores:.1f} (extrapolated) |"
        )
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
