"""Scores one clip frame by frame: one result of it, or several side by side.

Memory stays bounded, and one decode of a clip serves every metric.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dicface.base.counts import how_many
from dicface.base.errors import MetricError
from dicface.metrics import METRICS, features_of, metric_class, needed_backbones
from dicface.metrics.analysis import analyse_frames
from dicface.metrics.clip_score import ClipScore
from dicface.metrics.facts import LANDMARKS
from dicface.metrics.metric import FrameMetric, SetMetric, Sides
from dicface.metrics.protocol import EvaluationProtocol
from dicface.metrics.truth import TruthAnalysis
from dicface.metrics.view import FrameView
from dicface.video.clips import read_frames


def score_clip(
    restored: Path,
    truth: Path,
    analysis: TruthAnalysis,
    protocol: EvaluationProtocol,
    metrics: Collection[str] = METRICS,
) -> ClipScore:
    """Scores a restored clip against its truth.

    Args:
        restored: Restored clip, frames of the truth's size and number.
        truth: True clip.
        analysis: Of the truth, by the same protocol.
        protocol: How it is measured.
        metrics: What is measured.

    Raises:
        ClipError: A clip cannot be read.
        MetricError: Frame counts or sizes differ; the message names the clip and both values.
    """
    return score_frames(
        restored.stem,
        read_frames(restored),
        read_frames(truth),
        analysis,
        protocol,
        metrics=metrics,
    )


def score_frames(
    clip: str,
    restored: Iterable[NDArray[np.uint8]],
    truth: Iterable[NDArray[np.uint8]],
    analysis: TruthAnalysis,
    protocol: EvaluationProtocol,
    *,
    metrics: Collection[str] = METRICS,
) -> ClipScore:
    """Scores streams of frames (S, S, 3) uint8 RGB, see `score_clip`; `clip` names them."""
    return score_beside(clip, [restored], truth, analysis, protocol, metrics=metrics)[0]


def score_beside(
    clip: str,
    results: Sequence[Iterable[NDArray[np.uint8]]],
    truth: Iterable[NDArray[np.uint8]],
    analysis: TruthAnalysis,
    protocol: EvaluationProtocol,
    *,
    metrics: Collection[str] = METRICS,
    masks: Iterable[NDArray[np.bool_]] | None = None,
) -> list[ClipScore]:
    """Scores several results of a clip frame by frame, side by side, otherwise as `score_frames`.

    Each true frame is read, and looked at by the networks, once for all of them. `masks`, (S, S)
    each, say which pixels the input lacked, for metrics that ask; as many as frames, or more.
    """
    scorers = [_Scorer(analysis, protocol, metrics) for _ in results]
    of_frames = None if masks is None else iter(masks)
    for true, *several in _together(clip, truth, results):
        mask = None if of_frames is None else next(of_frames, None)
        if of_frames is not None and mask is None:
            raise MetricError(
                f"clip '{clip}': has fewer masks than frames; expected one for each, or one for "
                "all. Make its input again."
            )
        for scorer, ours in zip(scorers, several, strict=True):
            scorer.update(ours, true, mask)
    return [scorer.score() for scorer in scorers]


class _Scorer:
    """All metrics of one result of a clip."""

    def __init__(
        self, analysis: TruthAnalysis, protocol: EvaluationProtocol, metrics: Collection[str]
    ) -> None:
        sets = of_sets(metrics)
        looked_at = (features_of(name) if name in sets else name for name in metrics)
        self._metrics = {
            name: metric_class(name)(analysis, protocol) for name in dict.fromkeys(looked_at)
        }
        needed = (facts for metric in self._metrics.values() for facts in metric.needs)
        self._looks_at_faces = LANDMARKS in needed
        self._analysis, self._protocol = analysis, protocol
        self._landmarks: list[NDArray[np.float64]] = []
        self._num_frames = 0

    def update(
        self,
        ours: NDArray[np.uint8],
        true: NDArray[np.uint8],
        mask: NDArray[np.bool_] | None,
    ) -> None:
        """Looks at the next pair of frames."""
        view = FrameView(
            number=self._num_frames,
            restored=ours,
            truth=true,
            analysis=self._analysis,
            protocol=self._protocol,
            mask=mask,
        )
        for metric in self._metrics.values():
            metric.update(view)
        if self._looks_at_faces:
            self._landmarks.append(view.landmarks)
        self._num_frames += 1

    def score(self) -> ClipScore:
        """The scores, once all frames were looked at."""
        frames = {n: m for n, m in self._metrics.items() if isinstance(m, FrameMetric)}
        sets = {n: m for n, m in self._metrics.items() if isinstance(m, SetMetric)}
        true_landmarks = self._analysis.landmarks[: len(self._landmarks)]
        return ClipScore(
            values={name: metric.values() for name, metric in frames.items()},
            features={name: metric.features() for name, metric in sets.items()},
            landmarks=Sides(
                restored=np.array(self._landmarks, np.float32).reshape(true_landmarks.shape),
                truth=true_landmarks.astype(np.float32),
            ),
            num_frames=self._num_frames,
            num_filled=self._analysis.num_filled,
            num_template=self._analysis.num_template,
        )


def measure(
    clip: str,
    restored: Path | NDArray[np.uint8],
    truth: Path | NDArray[np.uint8],
    protocol: EvaluationProtocol,
    *,
    metrics: Collection[str] = METRICS,
) -> ClipScore:
    """Analyses a true clip and scores a restored one, of files or frames; keeps nothing on disk.

    Args:
        clip: Its name, for messages.
        restored: A video, a folder of frames, or frames (T, S, S, 3) uint8 RGB.
        truth: Likewise.
        protocol: How they are measured.
        metrics: What is measured; nothing that no metric needs is looked for.

    Raises:
        ClipError: A clip cannot be read.
        MetricError: Frame counts or sizes differ, or frames are no faces that can be measured.
    """
    needed = needed_backbones(metrics).values()
    analysis = analyse_frames(clip, _frames_of(truth), protocol, needed=needed)
    ours, true = _frames_of(restored), _frames_of(truth)
    return score_frames(clip, ours, true, analysis, protocol, metrics=metrics)


def _frames_of(clip: Path | NDArray[np.uint8]) -> Iterable[NDArray[np.uint8]]:
    return read_frames(clip) if isinstance(clip, Path) else clip


def _together(
    clip: str,
    truth: Iterable[NDArray[np.uint8]],
    results: Sequence[Iterable[NDArray[np.uint8]]],
) -> Iterator[tuple[NDArray[np.uint8], ...]]:
    """Each true frame and its results.

    Raises:
        MetricError: Sizes differ or, at the end, counts.
    """
    counts = [0] * (1 + len(results))
    for frames in itertools.zip_longest(truth, *results):
        counts = [n + (frame is not None) for n, frame in zip(counts, frames, strict=True)]
        if len(set(counts)) > 1:
            continue
        true = frames[0]
        for ours in frames[1:]:
            if ours.shape != true.shape:
                raise MetricError(
                    f"clip '{clip}': restored frames are {ours.shape[1]}×{ours.shape[0]} px, those "
                    f"of the truth {true.shape[1]}×{true.shape[0]} px. Restore it again at that "
                    "size."
                )
        yield frames
    for count in counts[1:]:
        if count != counts[0]:
            raise MetricError(
                f"clip '{clip}': restored has {how_many(count, 'frame')}, the truth {counts[0]}; "
                "expected the same number. Delete the restored clip and restore it again."
            )


def of_sets(metrics: Iterable[str]) -> list[str]:
    """Those metrics that have one value for all clips together."""
    return [name for name in metrics if metric_class(name).facts.level == "set"]
