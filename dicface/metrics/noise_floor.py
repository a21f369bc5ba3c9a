"""What the face metrics read where nothing is wrong: the floor under every table.

Two kinds: landmarks detected on true frames against the exact ones (rendered clips have them), and
the truth against its own H.264 copy, which no viewer tells from it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from dicface.base.errors import MetricError
from dicface.base.files import atomic_path
from dicface.base.reading import is_there
from dicface.metrics import METRICS, metric_class
from dicface.metrics.analysis import truth_analysis
from dicface.metrics.clip_scorer import score_frames
from dicface.metrics.facts import LANDMARKS, NUM_POINTS
from dicface.metrics.metric import FrameMetric
from dicface.metrics.protocol import EvaluationProtocol
from dicface.metrics.tracks import to_face_px
from dicface.metrics.truth import TruthAnalysis
from dicface.metrics.view import LandmarkView
from dicface.runs.files import read_drawn_landmarks
from dicface.video.clips import frame_rate, list_clips, read_frames
from dicface.video.h264 import h264_roundtrip

CRF = 18
EXACT_KIND = "detector_on_true_frames_against_exact_landmarks"
CODED_KIND = f"truth_against_its_own_H.264_copy_(crf_{CRF})"
INNER_POINTS = slice(17, NUM_POINTS)
"""Without the jaw: detectors draw it where the face turns away, not at fixed points of it."""


def measure_noise_floor(
    truth_folder: str | Path,
    analysis_folder: str | Path,
    out_file: str | Path,
    protocol: EvaluationProtocol,
    *,
    max_clips: int | None = None,
) -> pd.DataFrame:
    """Measures both kinds of noise floor on a set and writes them as parquet.

    Args:
        truth_folder: True clips; `landmarks.parquet` beside them, if there, holds exact landmarks
            (clip, frame, point, x, y in px of the stored frame).
        analysis_folder: Analyses of the truth; missing ones are made.
        out_file: Parquet with kind, metric, value (mean over clips), clips, backbone.
        protocol: How clips are measured.
        max_clips: Copies at most this many clips, the first by name; None: all.

    Returns:
        What was written.

    Raises:
        ClipError: The folder holds no clip, or one cannot be read or coded.
        MetricError: The exact landmarks do not fit their clips.
    """
    clips = list_clips(truth_folder)
    exact = _read_exact(Path(truth_folder) / "landmarks.parquet")
    values: dict[tuple[str, str], list[float]] = {}
    coded = list(clips)[:max_clips]
    for clip, path in tqdm(clips.items(), desc="noise floor", unit="clip"):
        analysis = truth_analysis(clip, path, analysis_folder, protocol)
        found = {}
        if clip in exact:
            found[EXACT_KIND] = against_exact(clip, analysis, exact[clip], protocol)
        if clip in coded:
            found[CODED_KIND] = against_copy(clip, path, analysis, protocol)
        for kind, by_metric in found.items():
            for metric, of_frames in by_metric.items():
                values.setdefault((kind, metric), []).append(_mean(of_frames))
    rows = []
    for (kind, metric), of_clips in values.items():
        known = [value for value in of_clips if not math.isnan(value)]
        rows.append(
            {
                "kind": kind,
                "metric": metric,
                "value": float(np.mean(known)) if known else math.nan,
                "clips": len(known),
                "backbone": protocol.backbones.of(metric).name
                + (", 51 points without the jaw" if kind == EXACT_KIND else ""),
            }
        )
    table = pd.DataFrame(rows, columns=["kind", "metric", "value", "clips", "backbone"])
    with atomic_path(out_file) as temporary:
        table.to_parquet(temporary, index=False)
    return table


def against_exact(
    clip: str, analysis: TruthAnalysis, exact: NDArray[np.float64], protocol: EvaluationProtocol
) -> dict[str, NDArray[np.float64]]:
    """Values of metrics of landmarks alone: detected against exact ones, without the jaw.

    Args:
        clip: Its name, for messages.
        analysis: Of the true clip.
        exact: (T, 68, 2) x and y in px of the stored frame.
        protocol: How clips are measured.

    Raises:
        MetricError: The clip has another number of frames.
    """
    if len(exact) != analysis.num_frames:
        raise MetricError(
            f"landmarks.parquet: clip '{clip}' has {len(exact)} frames of landmarks and "
            f"{analysis.num_frames} frames; expected the same number. Render the clips again."
        )
    truth = to_face_px(exact, analysis.size)[:, INNER_POINTS]
    detected = analysis.landmarks[:, INNER_POINTS]
    found = {}
    for name in _measured():
        metric = metric_class(name)(analysis, protocol)
        if isinstance(metric, FrameMetric) and metric.needs == (LANDMARKS,):
            for ours, true in zip(detected, truth, strict=True):
                metric.update(LandmarkView(landmarks=ours, true_landmarks=true))
            found[name] = metric.values()
    return found


def against_copy(
    clip: str, path: Path, analysis: TruthAnalysis, protocol: EvaluationProtocol
) -> Mapping[str, NDArray[np.float64]]:
    """Values of a clip coded with libx264 at `CRF` against itself."""
    copy = h264_roundtrip(
        read_frames(path), CRF, channel_order="rgb", fps=max(round(frame_rate(path)), 1)
    )
    truth = read_frames(path)
    return score_frames(clip, copy, truth, analysis, protocol, metrics=_measured()).values


def _measured() -> list[str]:
    return [name for name, facts in METRICS.items() if facts.in_noise_floor]


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan


def _read_exact(path: Path) -> dict[str, NDArray[np.float64]]:
    """Clip -> exact landmarks (T, 68, 2), px of the stored frame; empty without the file."""
    if not is_there(path):
        return {}
    table = read_drawn_landmarks(path)
    exact = {}
    for clip, rows in table.groupby("clip"):
        ordered = rows.sort_values(["frame", "point"])
        num_frames, left_over = divmod(len(ordered), NUM_POINTS)
        expected = np.tile(np.arange(NUM_POINTS), num_frames)
        if left_over or not np.array_equal(ordered["point"], expected):
            raise MetricError(
                f"{path}: clip '{clip}' has {len(ordered)} points that are not points 0 to "
                f"{NUM_POINTS - 1} of each frame. Render the clips again."
            )
        exact[str(clip)] = ordered[["x", "y"]].to_numpy(np.float64).reshape(-1, NUM_POINTS, 2)
    return exact
