"""CPU seconds that Snakemake takes to plan the paper's scale: no job is run, no clip is read.

    python benchmarks/dag.py [TARGET …] [--clips 16000]

Builds empty folders for the training clips and VFHQ-Test's 50, then plans the targets (a dry run).
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
NUM_TEST_CLIPS = 50


def make_sets(folder: Path, num_clips: int) -> Path:
    """A training set and a test set of empty clips, and the configuration that names them."""
    frame = Image.fromarray(np.zeros((8, 8, 3), np.uint8))
    train = folder / "vfhq_train" / "frames"
    test = folder / "vfhq_test" / "GT" / "Interval1_512x512_LANCZOS4"
    images = folder / "ffhq"
    images.mkdir()
    frame.save(images / "00000.png")
    for number in range(num_clips):
        (train / f"Clip+{number:011d}+P0+C0+F0-101").mkdir(parents=True)
    for number in range(NUM_TEST_CLIPS):
        clip = test / f"Clip+{number:011d}+P0+C0+F0-101"
        clip.mkdir(parents=True)
        frame.save(clip / "00000000.png")
    overlay = {
        "results": str(folder / "results"),
        "data": {
            "train": {"folder": str(train.parent)},
            "images": {"folder": str(images)},
            "test": {"folder": str(folder / "vfhq_test")},
        },
    }
    path = folder / "overlay.yaml"
    path.write_text(yaml.safe_dump(overlay))
    return path


def main() -> None:
    """Plans and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", default=["all"])
    parser.add_argument("--clips", type=int, default=16_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        overlay = make_sets(Path(folder), options.clips)
        files = ["--configfile", str(ROOT / "config" / "paper.yaml"), str(overlay)]
        command = [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "1"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [*command, *options.targets, *files, "--quiet", "all"],
            cwd=ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    sys.stdout.write(
        f"{options.clips} training clips, {NUM_TEST_CLIPS} test clips, targets "
        f"{' '.join(options.targets)}: planned in {seconds:.1f} s of CPU\n"
    )


if __name__ == "__main__":
    main()
