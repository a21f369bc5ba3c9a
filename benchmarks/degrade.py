"""Frames a second of the degradation against the same steps done one after the other.

    python benchmarks/degrade.py [--size 512] [--frames 5] [--rounds 7]

"Steps" is the straightforward implementation in float64: divide, filter2D with the 21 × 21 kernel,
resize, add noise, truncate, H.264, resize. "One pass" is the package's: blur and down-sampling are
one strided convolution in float32, and noise is drawn in float32. Both take the same uint8 frames,
use the same draws and the same encoder, and give uint8 frames; rounds alternate, the median round
counts, in CPU seconds of one thread. Exits with 1 if outputs differ.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import time
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from dicface.base.seeds import numpy_rng
from dicface.data.degradation.degrade import (
    BlindDegradation,
    DrawnDegradation,
    add_noise,
    draw_degradation,
    low_resolution_frames,
    to_codec_levels,
)
from dicface.data.degradation.kernels import (
    blur,
    blur_and_downsample,
    downsample,
    gaussian_kernel,
    upsample,
)
from dicface.video.h264 import h264_roundtrip

SETTINGS = BlindDegradation()


def talking_texture(num_frames: int, size: int) -> np.ndarray:
    """A smooth moving texture, (T, size, size, 3) uint8; x264's time depends on the content."""
    rng = np.random.default_rng(0)
    wide = cv2.resize(rng.random((24, 32, 3)), (size + 4 * num_frames, size), interpolation=2)
    fine = cv2.resize(rng.random((size // 4, size // 3)), wide.shape[1::-1])[..., None]
    wide = np.clip(0.8 * wide + 0.2 * fine, 0, 1)
    frames = [wide[:, 4 * t : 4 * t + size] for t in range(num_frames)]
    return (np.stack(frames) * 255).astype(np.uint8)


def before_codec(clip: np.ndarray, drawn: DrawnDegradation) -> Iterator[np.ndarray]:
    """Blur, resize, noise and truncation, step by step in float64."""
    kernel = gaussian_kernel(drawn.sigma_x_px, drawn.sigma_y_px, drawn.theta_rad)
    for index, frame in enumerate(clip):
        blurred = blur(frame / 255.0, kernel)
        small = downsample(blurred, SETTINGS.scale, drawn.interpolation)
        yield to_codec_levels(add_noise(small, numpy_rng(drawn.seed_names, "noise", index)))


def steps(clip: np.ndarray, drawn: DrawnDegradation) -> list[np.ndarray]:
    """The degradation, step by step."""
    decoded = h264_roundtrip(before_codec(clip, drawn), drawn.crf)
    return [upsample(frame, *clip.shape[1:3], drawn.interpolation) for frame in decoded]


def one_pass(clip: np.ndarray, drawn: DrawnDegradation) -> list[np.ndarray]:
    """The degradation as the package does it."""
    decoded = low_resolution_frames(clip, SETTINGS, drawn)
    return [upsample(frame, *clip.shape[1:3], drawn.interpolation) for frame in decoded]


def cpu_seconds(function: Callable[[], object]) -> float:
    """CPU time of one call, s."""
    start = time.process_time()
    function()
    return time.process_time() - start


def deviations(clip: np.ndarray, drawn: DrawnDegradation) -> tuple[float, float]:
    """Largest deviation before the codec, and mean grey levels after it, of the two paths."""
    kernel = gaussian_kernel(drawn.sigma_x_px, drawn.sigma_y_px, drawn.theta_rad)
    plain = downsample(blur(clip[0] / 255.0, kernel), SETTINGS.scale, drawn.interpolation)
    fast = blur_and_downsample(clip[0], kernel, SETTINGS.scale, drawn.interpolation)
    outputs = [np.stack(function(clip, drawn)).astype(float) for function in (steps, one_pass)]
    return float(np.abs(plain - fast).max()), float(np.abs(outputs[0] - outputs[1]).mean())


def main() -> int:
    """Runs the benchmark and prints its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512, help="side of the frames, px")
    parser.add_argument("--frames", type=int, default=5, help="frames of the clip")
    parser.add_argument("--rounds", type=int, default=7, help="timed rounds, alternating")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    clip = talking_texture(options.frames, options.size)
    base = draw_degradation(SETTINGS, "benchmark")
    base = dataclasses.replace(base, interpolation="cubic", crf=21)
    drawn = {
        "isotropic": dataclasses.replace(base, sigma_x_px=3.0, sigma_y_px=3.0, theta_rad=0.0),
        "anisotropic": dataclasses.replace(base, sigma_x_px=1.5, sigma_y_px=6.0, theta_rad=0.7),
    }
    times: dict[str, dict[str, float]] = {}
    worst_before, worst_after = 0.0, 0.0
    for kind, draw in drawn.items():
        before, after = deviations(clip, draw)
        worst_before, worst_after = max(worst_before, before), max(worst_after, after)
        rounds = [
            (
                cpu_seconds(lambda d=draw: steps(clip, d)),
                cpu_seconds(lambda d=draw: one_pass(clip, d)),
            )
            for _ in range(options.rounds)
        ]
        medians = [statistics.median(column) / len(clip) for column in zip(*rounds, strict=True)]
        times[kind] = dict(zip(("steps", "one pass"), medians, strict=True))
    iso, aniso = SETTINGS.iso_prob, 1 - SETTINGS.iso_prob
    times[f"mix {iso:.0%} / {aniso:.0%}"] = {
        name: iso * times["isotropic"][name] + aniso * times["anisotropic"][name]
        for name in ("steps", "one pass")
    }
    codec = list(before_codec(clip, drawn["isotropic"]))
    codec_time = statistics.median(
        cpu_seconds(lambda: list(h264_roundtrip(codec, base.crf))) / len(clip)
        for _ in range(options.rounds)
    )
    print(f"{options.size} px, {options.frames} frames a stream, CPU of one thread")
    print(f"{'kernel':<16}{'steps':>18}{'one pass':>18}{'ratio':>8}")
    for kind, pair in times.items():
        cells = "".join(f"{1e3 * t:8.2f} ms{1 / t:5.0f}/s" for t in pair.values())
        print(f"{kind:<16}{cells}{pair['steps'] / pair['one pass']:7.2f}×")
    print(f"H.264 alone, part of both: {1e3 * codec_time:.2f} ms a frame")
    print(
        f"largest difference before the codec {worst_before:.1e} (of 1), "
        f"mean after it {worst_after:.4f} grey levels"
    )
    return 0 if worst_before < 1e-5 and worst_after < 0.5 else 1


if __name__ == "__main__":
    sys.exit(main())
