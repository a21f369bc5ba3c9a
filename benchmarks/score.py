"""Times the scorer against each metric's library on its own over the same frames.

    python benchmarks/score.py                            # 64 px, 32 frames: about a minute
    python benchmarks/score.py --size 512 --frames 4      # LPIPS weighs most there

Prints a Markdown table and exits with 1 if a value differs. "On its own" is what a script for that
one metric does: decode both clips, find what it needs in every frame, call the library
(scikit-image, lpips, dlib, torchvision with SciPy's matrix root for FVD). Such a script looks for
the face in restored and true frames alike; our protocol takes the box of the truth for both, and so
does the first round, which is not timed and whose values must agree. "One decode" is
`dicface.metrics.scorer`, the analysis of the truth included; "the next method" finds that analysis
made already. Backbones are the offline ones, so that nothing is downloaded. Both sides run in one
process, in turns, and the median round counts, in CPU seconds, so that what else the machine does
weighs little.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import dlib
import numpy as np
import torch
from restore import machine
from scipy.linalg import sqrtm
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchvision.models.video import r3d_18

from dicface.data.photo import astronaut_clip
from dicface.faces.dlib_models import IDENTITY_FILE, LANDMARKS_68_FILE, model_path
from dicface.metrics import METRICS
from dicface.metrics.analysis import analyse_truth
from dicface.metrics.backbones import Backbones
from dicface.metrics.backbones.random_weights import draw_weights
from dicface.metrics.backbones.video import RANDOM_NAME
from dicface.metrics.clip_scorer import score_clip
from dicface.metrics.facts import VIDEO
from dicface.metrics.fvd import WINDOW, frechet_distance, window_starts
from dicface.metrics.lpips import PERCEPTUAL
from dicface.metrics.protocol import EvaluationProtocol
from dicface.metrics.truth import TruthAnalysis
from dicface.video.clips import read_frames, write_clip

FACE = 512
TOLERANCE = {"fvd": 1e-3}
"""Relative; SciPy's matrix root of singular covariances is only roughly right. Others: 1e-5."""


def pairs(restored: Path, truth: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Decodes both clips."""
    return zip(read_frames(restored), read_frames(truth), strict=True)


def library_psnr(restored: Path, truth: Path) -> float:
    """scikit-image."""
    found = [peak_signal_noise_ratio(true, ours) for ours, true in pairs(restored, truth)]
    return float(np.mean(found))


def library_ssim(restored: Path, truth: Path) -> float:
    """scikit-image with Wang's Gaussian window."""
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    found = [
        structural_similarity(true, ours, channel_axis=2, data_range=255, **settings)
        for ours, true in pairs(restored, truth)
    ]
    return float(np.mean(found))


class Libraries:
    """The libraries with networks, loaded before anything is timed."""

    def __init__(self, backbones: Backbones) -> None:
        self._lpips = backbones[PERCEPTUAL].network
        self._prepare = backbones[VIDEO].prepare
        self._video = r3d_18(weights=None)
        self._video.fc = torch.nn.Identity()
        draw_weights(self._video, RANDOM_NAME)
        self._video.eval()
        self._detector = dlib.get_frontal_face_detector()
        self._predictor = dlib.shape_predictor(str(model_path(LANDMARKS_68_FILE)))
        self._identity = dlib.face_recognition_model_v1(str(model_path(IDENTITY_FILE)))
        self.own_boxes = False

    @torch.inference_mode()
    def lpips(self, restored: Path, truth: Path) -> float:
        """The lpips package."""

        def tensor(frame: np.ndarray) -> torch.Tensor:
            return torch.from_numpy(frame).permute(2, 0, 1)[None].float() / 127.5 - 1

        return float(np.mean([self._lpips(*map(tensor, pair)) for pair in pairs(restored, truth)]))

    def ids(self, restored: Path, truth: Path) -> float:
        """dlib: detector, landmarks and face descriptor."""
        found = []
        for ours, true in pairs(restored, truth):
            (face, points), (true_face, true_points) = self._located(ours, true)
            a = self._embedding(face, points if self.own_boxes else true_points)
            b = self._embedding(true_face, true_points)
            found.append(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        return float(np.mean(found))

    def akd(self, restored: Path, truth: Path) -> float:
        """dlib: detector and landmarks."""
        offsets = self._offsets(restored, truth)
        return float(np.linalg.norm(offsets, axis=-1).mean())

    def tlme(self, restored: Path, truth: Path) -> float:
        """dlib: detector and landmarks."""
        offsets = self._offsets(restored, truth)
        return float(np.linalg.norm(np.diff(offsets, axis=0), axis=-1).mean())

    @torch.inference_mode()
    def fvd(self, restored: Path, truth: Path) -> float:
        """Torchvision's video network, covariances and SciPy's matrix root."""
        means, covariances = [], []
        for path in (restored, truth):
            clip = torch.from_numpy(np.stack([*map(self._prepare, read_frames(path))]))
            clip = clip.permute(3, 0, 1, 2)[None].float() / 127.5 - 1
            starts = window_starts(clip.shape[2])
            found = [self._video(clip[:, :, start : start + WINDOW])[0] for start in starts]
            features = torch.stack(found).double().numpy()
            means.append(features.mean(axis=0))
            covariances.append(np.cov(features, rowvar=False))
        root = np.trace(sqrtm(covariances[0] @ covariances[1])).real
        traces = sum(map(np.trace, covariances))
        return float(np.square(means[0] - means[1]).sum() + traces - 2 * root)

    def _offsets(self, restored: Path, truth: Path) -> np.ndarray:
        offsets = []
        for ours, true in pairs(restored, truth):
            (_, points), (_, true_points) = self._located(ours, true)
            offsets.append(points - true_points)
        return np.stack(offsets)

    def detect(self, restored: Path, truth: Path) -> int:
        """Frames of one clip in which the detector finds a face."""
        return sum(self._box(enlarge(ours)) is not None for ours, _ in pairs(restored, truth))

    def _located(self, ours: np.ndarray, true: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """512-px face and landmarks of both frames."""
        ours, true = enlarge(ours), enlarge(true)
        box = self._box(true)
        own = self._box(ours) if self.own_boxes else box
        return [(ours, self._points(ours, own)), (true, self._points(true, box))]

    def _embedding(self, face: np.ndarray, points: np.ndarray) -> np.ndarray:
        return np.array(self._identity.compute_face_descriptor(face, self._as_detection(points)))

    def _box(self, face: np.ndarray) -> dlib.rectangle:
        return max(self._detector(face, 0), key=lambda box: box.area())

    def _points(self, face: np.ndarray, box: dlib.rectangle) -> np.ndarray:
        large = cv2.resize(face, (2 * FACE, 2 * FACE), interpolation=cv2.INTER_CUBIC)
        edges = (2 * edge for edge in (box.left(), box.top(), box.right(), box.bottom()))
        shape = self._predictor(large, dlib.rectangle(*edges))
        return (np.array([(p.x, p.y) for p in shape.parts()], np.float64) + 0.5) / 2 - 0.5

    def _as_detection(self, points: np.ndarray) -> dlib.full_object_detection:
        low, high = points.min(axis=0), points.max(axis=0)
        box = dlib.rectangle(*(round(float(edge)) for edge in (*low, *high)))
        return dlib.full_object_detection(
            box, [dlib.point(round(float(x)), round(float(y))) for x, y in points]
        )


def enlarge(frame: np.ndarray) -> np.ndarray:
    """The 512-px face."""
    if len(frame) == FACE:
        return frame
    return cv2.resize(frame, (FACE, FACE), interpolation=cv2.INTER_CUBIC)


def one_decode(
    restored: Path, truth: Path, analysis: TruthAnalysis, protocol: EvaluationProtocol
) -> dict[str, float]:
    """All seven by the scorer."""
    score = score_clip(restored, truth, analysis, protocol)
    values = {metric: float(np.nanmean(found)) for metric, found in score.values.items()}
    return values | {"fvd": frechet_distance(score.features["fvd"].restored, analysis.features)}


def timed(function: Callable, *arguments: object) -> tuple[float, object]:
    """CPU seconds of the process, and the result."""
    start = time.process_time()
    result = function(*arguments)
    return time.process_time() - start, result


def compare(restored: Path, truth: Path, rounds: int, num_frames: int) -> tuple[list[str], bool]:
    """Runs both sides in turns; returns the lines of the report and whether the values agree."""
    protocol = EvaluationProtocol.resolve("random")  # networks that the libraries have
    libraries = Libraries(protocol.backbones)
    alone = {"psnr": library_psnr, "ssim": library_ssim}
    networked = (metric for metric in METRICS if hasattr(libraries, metric))
    alone |= {metric: getattr(libraries, metric) for metric in networked}
    seconds: dict[str, list[float]] = {n: [] for n in (*alone, "detect", "truth", "score")}
    values: dict[str, float] = {}
    for index in range(rounds + 1):  # the first round loads networks and is not counted
        libraries.own_boxes = index > 0
        for metric in alone:
            taken, value = timed(alone[metric], restored, truth)
            values.setdefault(metric, value)
            seconds[metric].append(taken)
        seconds["detect"].append(timed(libraries.detect, restored, truth)[0])
        taken, analysis = timed(analyse_truth, truth, protocol)
        seconds["truth"].append(taken)
        taken, ours = timed(one_decode, restored, truth, analysis, protocol)
        seconds["score"].append(taken)
        if index == 0:
            seconds = {name: [] for name in seconds}
    median = {name: 1000 * statistics.median(taken) / num_frames for name, taken in seconds.items()}
    total = sum(median[metric] for metric in alone)
    first, following = median["truth"] + median["score"], median["score"]
    lines = ["| computation | ms a frame | ratio | value alone | value in one decode |"]
    lines += ["|---|---|---|---|---|"]
    lines += [
        f"| {METRICS[m].name} on its own | {median[m]:.1f} | | {values[m]:.5g} | {ours[m]:.5g} |"
        for m in alone
    ]
    given = total - 3 * median["detect"]
    lines += [
        f"| all seven on their own | {total:.1f} | 1.00× | | |",
        f"| one decode, the truth analysed too | {first:.1f} | **{total / first:.2f}×** | | |",
        f"| one decode, the next method | {following:.1f} | **{total / following:.2f}×** | | |",
        "",
        f"With the truth's box given, the seven on their own would take {given:.1f} ms: ratios "
        f"{given / first:.2f}× and {given / following:.2f}×.",
    ]
    agree = all(
        np.isclose(ours[m], values[m], rtol=TOLERANCE.get(m, 1e-5), atol=1e-6) for m in alone
    )
    return lines, agree


def main() -> int:
    """Parses the command line and prints the report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=64, help="side of the frames, px")
    parser.add_argument("--frames", type=int, default=32, help="frames of the clip")
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of torch and OpenCV")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    true = astronaut_clip(options.frames, options.size)
    blurred = [cv2.GaussianBlur(frame, (0, 0), options.size / 128) for frame in true]
    with tempfile.TemporaryDirectory() as folder:
        restored, truth = Path(folder) / "restored.mkv", Path(folder) / "truth.mkv"
        write_clip(truth, true, 25)
        write_clip(restored, blurred, 25)
        lines, agree = compare(restored, truth, options.rounds, options.frames)
    side = f"{options.size}×{options.size}"
    print(f"A clip of {options.frames} frames at {side}. {machine(options.threads)}.\n")
    print("\n".join(lines))
    if not agree:
        print("\nValues differ.")
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
