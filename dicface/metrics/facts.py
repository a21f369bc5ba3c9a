"""What metrics and their backbones say about themselves, as data, and how inputs are checked.

Loads no torch: tables, configuration and planning read it.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import MetricError

FACE_SIZE = 512
"""Pixel-valued metrics are in px of a face frame of this side, whatever the clip's own size."""

NUM_POINTS = 68
"""Landmarks of a face, in iBUG's order."""


@dataclass(frozen=True, kw_only=True)
class BackboneFacts:
    """One kind of network that metrics are computed with.

    Attributes:
        kind: Short name, for example "landmarks".
        offline: The class that needs no download, "module:Class"; it is called with a torch device
            and the reason why it was chosen. Empty where there is none: what needs it is measured
            only where its file is.
        random: A class on random features, called likewise, for who asks for it; empty where
            `offline` stands for it.
        another_metric: Whether a metric is another one without the official network, so that its
            column says by which.
        official: The class of the paper's kind of network, called with the path of its file and a
            torch device; empty where there is none, so that the offline one always measures.
        file: Name of the official one's file in the weights registry.
    """

    kind: str
    offline: str
    random: str = ""
    another_metric: bool = False
    official: str = ""
    file: str = ""


LANDMARKS = BackboneFacts(
    kind="landmarks",
    offline="dicface.metrics.backbones.landmarks:DlibLandmarks",
    official="dicface.metrics.backbones.landmarks:FanLandmarks",
    file="fan_2dfan4",
)
"""Finds 68 points of a face; a metric that needs it has values only where there is a face."""

IDENTITY = BackboneFacts(
    kind="identity",
    offline="dicface.metrics.backbones.identity:DlibIdentity",
    official="dicface.metrics.backbones.identity:ArcFaceIdentity",
    file="arcface_w600k_r50",
)
"""Embeds a face, so that faces of one person lie close together."""

VIDEO = BackboneFacts(
    kind="video",
    offline="dicface.metrics.backbones.lite:LiteVideoFeatures",
    random="dicface.metrics.backbones.video:RandomVideoFeatures",
    another_metric=True,
    official="dicface.metrics.backbones.video:I3DFeatures",
    file="i3d_torchscript",
)
"""Gives features of a window of frames."""


@dataclass(frozen=True, kw_only=True)
class MetricFacts:
    """One metric, as data: tables take their arrows, units and digits from here.

    Attributes:
        id: Short name in files and on the command line.
        name: Name in column headers.
        unit: Unit of the value; empty for a pure number.
        higher_is_better: Direction.
        level: "frame": one value a frame, averaged over the clip, then over clips; "clip": needs
            neighbouring frames, averaged over clips; "set": one value for all clips together.
        digits: Digits after the point in tables.
        in_noise_floor: Whether its value is also measured where nothing is wrong.
        min_windows: Windows below which a set-level value depends on their number and ranks
            nothing.
    """

    id: str
    name: str
    unit: str
    higher_is_better: bool
    level: Literal["frame", "clip", "set"]
    digits: int
    in_noise_floor: bool = False
    min_windows: int = 0


def load_class(reference: str) -> Any:  # noqa: ANN401 - any class
    """Imports a class by its "module:Class"."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


def check_frames(restored: NDArray[np.uint8], truth: NDArray[np.uint8]) -> None:
    """Raises MetricError unless both are uint8 RGB images (H, W, 3) of one size."""
    for name, frame in (("restored", restored), ("truth", truth)):
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise MetricError(
                f"{name} frame: found {frame.dtype} of shape {frame.shape}, expected uint8 "
                "(H, W, 3) RGB in 0..255; convert it before scoring."
            )
    if restored.shape != truth.shape:
        raise MetricError(
            f"restored frame is {restored.shape[1]}×{restored.shape[0]} px, its truth "
            f"{truth.shape[1]}×{truth.shape[0]} px; restore at the size of the truth."
        )


def check_landmarks(restored: NDArray[np.floating], truth: NDArray[np.floating]) -> None:
    """Raises MetricError unless both are arrays (..., points, 2) of one shape."""
    if restored.shape != truth.shape or restored.ndim < 2 or restored.shape[-1] != 2:
        raise MetricError(
            f"landmarks: found shapes {restored.shape} (restored) and {truth.shape} (truth), "
            "expected the same shape ending in (points, 2)."
        )
