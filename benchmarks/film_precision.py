"""Says what `dicface restore --precision` changes in the pictures.

    python benchmarks/film_precision.py --weights weights.safetensors
    python benchmarks/film_precision.py --method codeformer --frames 25

Restores a damaged face that moves, once in float32 and once in each other precision, and prints a
Markdown table of their differences in grey levels of 255, as they are pasted: rounded to 8 bits.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from skimage.data import astronaut

from dicface.faces.align import estimate_affine, warp
from dicface.faces.detect import DlibDetector
from dicface.methods import create
from dicface.restoring.film.plan import DEFAULT_SIDE
from dicface.restoring.film.segments import in_precision
from dicface.restoring.film.settings import Precision
from dicface.restoring.runner import Restorer, restore_frames, to_tensor, to_uint8


def damaged_faces(num_frames: int, side: int) -> list[NDArray[np.uint8]]:
    """Aligned faces of a photograph, (side, side, 3) uint8, reduced fourfold, with noise."""
    picture, rng = astronaut()[:288], np.random.default_rng(0)
    (face,) = DlibDetector().detect(picture)
    faces = []
    for number in range(num_frames):
        points = face.points + [4 * np.sin(number / 5), 2 * np.cos(number / 7)]
        clean = warp(picture, estimate_affine(points, side), side)
        small = cv2.resize(clean, (side // 4, side // 4), interpolation=cv2.INTER_AREA)
        noisy = np.clip(small + rng.normal(0, 5, small.shape), 0, 255).astype(np.uint8)
        faces.append(cv2.resize(noisy, (side, side), interpolation=cv2.INTER_LINEAR))
    return faces


def restored(
    method: Restorer, faces: list[NDArray[np.uint8]], precision: Precision
) -> NDArray[np.float64]:
    """(T, side, side, 3), what the film's restoration pastes, in grey levels."""

    def stream() -> object:
        return restore_frames(method, map(to_tensor, faces), clip="face", source="face")

    made = in_precision(stream, method.device, precision)
    return np.stack([to_uint8(frame) for frame in made]).astype(np.float64)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", help="default: dicface_trained with --weights, else dicface")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--frames", type=int, default=8)
    options = parser.parse_args()
    name = options.method or ("dicface_trained" if options.weights else "dicface")
    method = create(name, device=options.device, weights=options.weights)
    faces = damaged_faces(options.frames, method.side or DEFAULT_SIDE)
    exact = restored(method, faces, "float32")
    change = np.abs(exact - np.stack(faces)).mean()
    lines = [
        f"{options.frames} faces of {len(faces[0])} px by {method.facts.label}, {options.device}; "
        f"the restoration changes {change:.1f} levels on average.",
        "",
        "| against float32 | mean difference | 99.9 % below | largest | PSNR |",
        "|---|---|---|---|---|",
    ]
    for precision in ("bf16", "fp16"):
        apart = np.abs(restored(method, faces, precision) - exact)
        psnr = 10 * np.log10(255**2 / max((apart**2).mean(), 1e-12))
        lines.append(
            f"| {precision} | {apart.mean():.2f} | {np.quantile(apart, 0.999):.0f} "
            f"| {apart.max():.0f} | {psnr:.1f} dB |"
        )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
