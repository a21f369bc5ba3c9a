"""FVD: Fréchet distance between features of restored and true windows. Card: docs/metrics/fvd.md.

Shapes: n, m windows; D features.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import MetricError
from dicface.metrics.facts import VIDEO, MetricFacts
from dicface.metrics.metric import SetMetric, Sides
from dicface.metrics.protocol import EvaluationProtocol
from dicface.metrics.truth import TruthAnalysis
from dicface.metrics.view import FrameView

WINDOW = 16
STRIDE = 8


def frechet_distance(restored: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """Fréchet distance between Gaussians fitted to two sets of feature vectors.

    ‖μ₁ − μ₂‖² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁Σ₂)^½ with unbiased covariances (Dowson and Landau, 1982).
    With centred features A and B the last trace is the nuclear norm of A Bᵀ, divided by
    √((n−1)(m−1)): no matrix square root, hence exact also where covariances are singular because
    windows are few.

    Args:
        restored: (n, D) features, n ≥ 2.
        truth: (m, D) features of the same network, m ≥ 2.

    Returns:
        A number from 0 (the same features), squared units of the features.

    Raises:
        MetricError: Fewer than two windows, other lengths, or features that are not finite.
    """
    for name, features in (("restored", restored), ("truth", truth)):
        if features.ndim != 2 or len(features) < 2 or not np.isfinite(features).all():
            raise MetricError(
                f"FVD features ({name}): found shape {features.shape}"
                f"{'' if np.isfinite(features).all() else ' with values that are not finite'}; "
                "expected (windows, features), finite, of at least two windows. Score more clips."
            )
    if restored.shape[1] != truth.shape[1]:
        raise MetricError(
            f"FVD features: {restored.shape[1]} a window (restored) and {truth.shape[1]} (truth); "
            "both must come from the same network."
        )
    a, b = _triangular(restored), _triangular(truth)
    shift = restored.mean(axis=0, dtype=np.float64) - truth.mean(axis=0, dtype=np.float64)
    cross = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    value = shift @ shift + np.square(a).sum() + np.square(b).sum() - 2 * cross
    return max(float(value), 0.0)


def _triangular(features: NDArray[np.floating]) -> NDArray[np.float64]:
    """A matrix R of at most D rows with RᵀR the unbiased covariance of the features."""
    centred = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)
    centred /= np.sqrt(len(features) - 1)
    return np.linalg.qr(centred, mode="r") if len(centred) > centred.shape[1] else centred


def window_starts(num_frames: int) -> list[int]:
    """First frames of the windows of a clip: 0, 8, 16, …, and one that ends with the last frame.

    A clip shorter than a window is one window; its last frame is repeated.

    >>> window_starts(30), window_starts(32), window_starts(5)
    ([0, 8, 14], [0, 8, 16], [0])
    """
    last = max(num_frames - WINDOW, 0)
    starts = list(range(0, last + 1, STRIDE))
    return starts if starts[-1] == last else [*starts, last]


class WindowBuffer:
    """Cuts a stream of frames into the windows of `window_starts`, holding one window at most."""

    def __init__(self) -> None:
        self._frames: deque[NDArray] = deque(maxlen=WINDOW)
        self._num_seen = 0
        self._last_start = -1

    def push(self, frame: NDArray) -> Iterator[NDArray]:
        """Adds a frame (H, W, 3); yields the window (16, H, W, 3) that it completes, if any."""
        self._frames.append(frame)
        self._num_seen += 1
        start = self._num_seen - WINDOW
        if start >= 0 and start % STRIDE == 0:
            self._last_start = start
            yield np.stack(self._frames)

    def flush(self) -> Iterator[NDArray]:
        """Yields the window that ends with the last frame, if it has not been yielded."""
        if not self._num_seen or self._last_start == max(self._num_seen - WINDOW, 0):
            return
        frames = list(self._frames)
        yield np.stack(frames + [frames[-1]] * (WINDOW - len(frames)))


class Fvd(SetMetric):
    """Features of a clip's windows; those of the truth were found in its analysis."""

    facts = MetricFacts(
        id="fvd",
        name="FVD",
        unit="",
        higher_is_better=False,
        level="set",
        digits=1,
        min_windows=64,
    )
    needs = (VIDEO,)
    distance = staticmethod(frechet_distance)

    def __init__(self, analysis: TruthAnalysis, protocol: EvaluationProtocol) -> None:
        super().__init__(analysis, protocol)
        self._network = protocol.backbones[VIDEO]
        self._windows = WindowBuffer()
        self._found: list[NDArray[np.float32]] = []

    def update(self, view: FrameView) -> None:
        """Looks at the clip's next frame."""
        self._look_at(self._windows.push(self._network.prepare(view.restored)))

    def features(self) -> Sides:
        """Features of the windows of `window_starts`."""
        self._look_at(self._windows.flush())
        return Sides(
            restored=np.array(self._found, np.float32),
            truth=self.analysis.features,
        )

    def _look_at(self, windows: Iterator[NDArray]) -> None:
        self._found += [self._network.features(window) for window in windows]
