"""What every metric says of changes whose answer is known, on clips that are rendered here.

    python benchmarks/known_answers.py [--clips 20] [--frames 24] [--size 128] [--write]
    python benchmarks/known_answers.py --without-truth …

Prints a table of docs/metrics/known_answers.md; `--write` puts it there. Without a truth the
unchanged clip is the input that a metric may look at.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from dicface.base.files import atomic_path
from dicface.base.seeds import numpy_rng
from dicface.data.render import render_set
from dicface.metrics import METRICS, WITHOUT_TRUTH, MetricFacts, features_of, metric_class
from dicface.metrics.analysis import analyse_truth
from dicface.metrics.backbones import unmeasured
from dicface.metrics.clip_score import ClipScore
from dicface.metrics.clip_scorer import score_frames
from dicface.metrics.protocol import EvaluationProtocol
from dicface.video.clips import list_clips, read_frames

PAGE = Path(__file__).resolve().parents[1] / "docs" / "metrics" / "known_answers.md"
MARKS = ("<!-- written by benchmarks/known_answers.py -->", "<!-- end -->")
MARKS_WITHOUT_TRUTH = (
    "<!-- written by benchmarks/known_answers.py --without-truth -->",
    "<!-- end without truth -->",
)

Frames = np.ndarray
Change = Callable[[Frames, np.random.Generator], Frames]


def _rounded(frames: Frames) -> Frames:
    return np.clip(np.round(frames), 0, 255).astype(np.uint8)


def blur(sigma: float) -> Change:
    """Gaussian, px of the frame."""
    return lambda frames, rng: np.stack([cv2.GaussianBlur(f, (0, 0), sigma) for f in frames])


def noise(sigma: float) -> Change:
    """Gaussian in every frame, levels."""
    return lambda frames, rng: _rounded(frames + rng.normal(0, sigma, frames.shape))


def flicker(sigma: float) -> Change:
    """Brightness that changes from frame to frame, levels."""
    return lambda frames, rng: _rounded(frames + rng.normal(0, sigma, (len(frames), 1, 1, 1)))


def brighter(levels: float) -> Change:
    """All frames alike."""
    return lambda frames, rng: _rounded(frames + levels)


def mean_of_5(frames: Frames, rng: np.random.Generator) -> Frames:
    """Of each frame and two neighbours on either side, repeated at the ends."""
    padded = np.pad(frames.astype(np.float64), ((2, 2), (0, 0), (0, 0), (0, 0)), "edge")
    return _rounded(np.mean([padded[i : i + len(frames)] for i in range(5)], axis=0))


CHANGES: dict[str, Change] = {
    "the truth itself": lambda frames, rng: frames,
    "blur, σ 0.5 px": blur(0.5),
    "blur, σ 1 px": blur(1),
    "blur, σ 2 px": blur(2),
    "noise, σ 5": noise(5),
    "noise, σ 10": noise(10),
    "noise, σ 30": noise(30),
    "mean of 5 frames": mean_of_5,
    "first frame, frozen": lambda frames, rng: np.repeat(frames[:1], len(frames), axis=0),
    "frames shuffled": lambda frames, rng: frames[rng.permutation(len(frames))],
    "flicker, σ 2": flicker(2),
    "flicker, σ 8": flicker(8),
    "8 levels brighter": brighter(8),
}


def value(facts: MetricFacts, scores: list[ClipScore]) -> float:
    """Of all clips: the mean over frames, then clips; or one value for the set."""
    if facts.level != "set":
        return float(np.nanmean([np.nanmean(score.values[facts.id]) for score in scores]))
    sides = [score.features[features_of(facts.id)] for score in scores]
    return metric_class(facts.id).distance(
        np.concatenate([each.restored for each in sides]),
        np.concatenate([each.truth for each in sides]),
    )


def measure(num_clips: int, num_frames: int, size: int, metrics: Sequence[str]) -> list[str]:
    """The lines of a table."""
    protocol = EvaluationProtocol.resolve("offline", metrics=metrics)
    with tempfile.TemporaryDirectory() as folder:
        names = [(f"clip_{i:02d}", f"known-answers-{i:02d}") for i in range(num_clips)]
        render_set(folder, clips=names, num_frames=num_frames, size=size, fps=25, workers=2)
        truths = {name: np.stack(list(read_frames(p))) for name, p in list_clips(folder).items()}
        analyses = {name: analyse_truth(p, protocol) for name, p in list_clips(folder).items()}
    backbones = {name: protocol.backbones.of(name).name for name in metrics}
    measured = [metric_class(name).facts for name in metrics]
    heads = [f"{facts.name} ({backbones[facts.id]})" for facts in measured]
    lines = [
        f"{num_clips} rendered clips of {num_frames} frames, {size} px, offline backbones.",
        "",
        f"| change | {' | '.join(heads)} |",
        "|---" * (1 + len(heads)) + "|",
    ]
    for change, apply in CHANGES.items():
        scores = []
        for clip, truth in truths.items():
            changed = apply(truth, numpy_rng("known answers", change, clip))
            score = score_frames(clip, changed, truth, analyses[clip], protocol, metrics=metrics)
            scores.append(score)
        values = (f"{value(facts, scores):.4g}" for facts in measured)
        lines.append(f"| {change} | {' | '.join(values)} |")
        print(lines[-1], file=sys.stderr)
    return lines


def main() -> None:
    """Measures and prints, or writes the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument(
        "--without-truth", action="store_true", help="of the metrics that need no truth"
    )
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.name}")
    options = parser.parse_args()
    metrics, marks = list(METRICS), MARKS
    if options.without_truth:
        absent = unmeasured(WITHOUT_TRUTH, "offline")
        metrics = [name for name in WITHOUT_TRUTH if name not in absent]
        marks = MARKS_WITHOUT_TRUTH
    text = "\n".join(measure(options.clips, options.frames, options.size, metrics))
    if not options.write:
        print(text)
        return
    page = PAGE.read_text(encoding="utf-8")
    between = re.compile(f"(?<={re.escape(marks[0])}\n).*(?={re.escape(marks[1])})", re.DOTALL)
    with atomic_path(PAGE) as temporary:
        temporary.write_text(between.sub(lambda _: f"{text}\n", page), encoding="utf-8")


if __name__ == "__main__":
    main()
