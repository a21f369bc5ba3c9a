"""LPIPS: learned perceptual distance of frames. Card: docs/metrics/lpips.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import MetricError
from dicface.metrics.facts import BackboneFacts, MetricFacts, check_frames
from dicface.metrics.metric import FrameMetric
from dicface.metrics.protocol import EvaluationProtocol
from dicface.metrics.truth import TruthAnalysis
from dicface.metrics.view import FrameView

if TYPE_CHECKING:
    import torch

PERCEPTUAL = BackboneFacts(
    kind="perceptual",
    offline="dicface.metrics.backbones.lite:LitePerceptual",
    random="dicface.metrics.backbones.perceptual:RandomPerceptual",
    another_metric=True,
    official="dicface.metrics.backbones.perceptual:OfficialPerceptual",
    file="vgg16",
)
"""Compares two images."""

ALEXNET = replace(
    PERCEPTUAL, official="dicface.metrics.backbones.perceptual:AlexPerceptual", file="alexnet"
)
"""The variant on AlexNet, `Backbones.resolve(instead=[ALEXNET])`; no column of the tables."""

MIN_SIZE = 32
"""Smallest side: the deepest features of VGG-16 are at 1/16 of it."""


BATCH_PX = 4 * 64 * 64
"""So many pixels are compared at once: four frames of 64 px, or one of 128 px and more."""


class PerceptualNetwork(Protocol):
    """A network that compares two batches of images, like `lpips.LPIPS`."""

    def __call__(self, restored: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) RGB in [-1, 1], twice -> (N, 1, 1, 1)."""


def lpips_distance(
    restored: NDArray[np.uint8], truth: NDArray[np.uint8], network: PerceptualNetwork
) -> NDArray[np.float64]:
    """LPIPS of frames (Zhang et al., CVPR 2018) at their own size.

    uint8 is mapped to [-1, 1] exactly once, as the network expects.

    Args:
        restored: (N, H, W, 3) uint8 RGB, H and W at least 32.
        truth: (N, H, W, 3) uint8 RGB.
        network: What measures, on the device of its parameters, see `PERCEPTUAL`.

    Returns:
        (N,) numbers from 0 (identical frames).

    Raises:
        MetricError: The frames are not uint8 RGB, differ in size or are too small.
    """
    # Here and below: tables read the facts of all metrics without loading torch.
    import torch

    check_pairs(restored, truth)
    with torch.inference_mode():
        found = network(_to_unit_range(restored), _to_unit_range(truth))
        return found.cpu().double().numpy().reshape(len(truth))


def check_pairs(restored: NDArray[np.uint8], truth: NDArray[np.uint8]) -> None:
    """Raises MetricError where frames are no (N, H, W, 3) uint8 RGB, of two sizes, or small."""
    for ours, true in zip(restored, truth, strict=True):
        check_frames(ours, true)
    height, width = truth.shape[1:3]
    if min(height, width) < MIN_SIZE:
        raise MetricError(
            f"frames are {width}×{height} px; LPIPS needs at least {MIN_SIZE}×{MIN_SIZE}. Score "
            "larger frames."
        )


class PairBuffer:
    """Compares small frames a few pairs at a time, large ones one by one.

    A pair of 64-px frames alone leaves the processor waiting for the network's weights.
    """

    def __init__(self, distance: Callable[[NDArray, NDArray], NDArray[np.float64]]) -> None:
        """Takes what compares (N, H, W, 3) with (N, H, W, 3)."""
        self._distance = distance
        self._pairs: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]] = []

    def push(self, restored: NDArray[np.uint8], truth: NDArray[np.uint8]) -> list[float]:
        """Adds a pair of frames (H, W, 3); returns the values of those that are ready, in order."""
        self._pairs.append((restored, truth))
        enough = len(self._pairs) * truth.shape[0] * truth.shape[1] >= BATCH_PX
        return self.flush() if enough else []

    def flush(self) -> list[float]:
        """Returns the values of all pairs that have none yet."""
        if not self._pairs:
            return []
        restored, truth = (np.stack(frames) for frames in zip(*self._pairs, strict=True))
        self._pairs.clear()
        return self._distance(restored, truth).tolist()


def _to_unit_range(frames: NDArray[np.uint8]) -> torch.Tensor:
    import torch

    images = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2)
    return images.float() / 127.5 - 1


class Lpips(FrameMetric):
    """LPIPS of every frame, a few small frames at a time."""

    facts = MetricFacts(
        id="lpips",
        name="LPIPS",
        unit="",
        higher_is_better=False,
        level="frame",
        digits=3,
    )
    needs = (PERCEPTUAL,)

    def __init__(self, analysis: TruthAnalysis, protocol: EvaluationProtocol) -> None:
        super().__init__(analysis, protocol)
        self._values: list[float] = []
        self._pairs = PairBuffer(protocol.backbones[PERCEPTUAL].distance)

    def update(self, view: FrameView) -> None:
        """Looks at the clip's next frame."""
        self._values += self._pairs.push(view.restored, view.truth)

    def values(self) -> NDArray[np.float64]:
        """Numbers from 0."""
        self._values += self._pairs.flush()
        return np.array(self._values, np.float64)
