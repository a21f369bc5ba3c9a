"""How inputs of the tasks are made: the sections `degradation` and `brush`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from dicface.config.fields import (
    Checked,
    FrameRate,
    Int,
    NonNegative,
    Number,
    OddInt,
    PositiveInt,
    Probability,
    Rule,
    setting,
    within,
)

Interpolation = Literal["area", "linear", "cubic"]
INTERPOLATIONS: tuple[Interpolation, ...] = get_args(Interpolation)

ChannelOrder = Literal["bgr_as_rgb24", "rgb"]

Sigmas = Annotated[
    tuple[Number, Number], within("[low, high] with 0.001 ≤ low ≤ high ≤ 1000", 1e-3, 1e3)
]
GreyLevels = Annotated[
    tuple[Number, Number], within("[low, high] with 0 ≤ low ≤ high ≤ 255", 0, 255)
]
Widths = Annotated[tuple[Number, Number], within("[low, high] with 0 ≤ low ≤ high", 0)]
RateFactors = Annotated[tuple[Int, Int], within("[low, high] with 0 ≤ low ≤ high ≤ 51", 0, 51)]
Counts = Annotated[tuple[Int, Int], within("[first, end] with 1 ≤ first < end", 1, excluded=True)]


def _weighs(weights: dict[str, float]) -> bool:
    known = set(weights) <= set(INTERPOLATIONS)
    return known and min(weights.values(), default=0) >= 0 and sum(weights.values()) > 0


Weights = Annotated[
    dict[Interpolation, Number],
    Rule(f"weights ≥ 0 of {', '.join(INTERPOLATIONS)}, not all 0", _weighs),
]


@dataclass(frozen=True, kw_only=True)
class BlindDegradation(Checked):
    """Settings of the degradation; the defaults are the release's (docs/degradation.md).

    Ranges are [low, high].
    """

    kernel_size: OddInt = setting("Side of the blur kernel, px.", 21)
    blur_sigma: Sigmas = setting("Range of the blur's σx and σy, px.", (0.1, 10.0))
    iso_prob: Probability = setting("Probability of an isotropic kernel.", 0.7)
    scale: PositiveInt = setting("Down-sampling factor; sides become even numbers near 1/scale.", 4)
    interpolation_weights: Weights = setting(
        "Weights of the interpolations; the one drawn serves both directions.",
        factory=lambda: {"area": 0.2, "linear": 0.4, "cubic": 0.4},
    )
    noise_sigma: GreyLevels = setting(
        "Range of the noise's σ, drawn per frame, grey levels (0 to 255).", (0.0, 10.0)
    )
    grey_prob: Probability = setting(
        "Probability, per frame, of noise that is the same in the three channels.", 0.5
    )
    crf: RateFactors = setting(
        "Range of x264's rate factor, both ends drawn (the release's call excludes 25, its end).",
        (18, 24),
    )
    codec_channel_order: ChannelOrder = setting(
        "`bgr_as_rgb24` (release: red and blue swapped inside the codec) or `rgb`.", "bgr_as_rgb24"
    )
    codec_fps: FrameRate = setting("Frame rate told to the encoder.", 1)

    def __post_init__(self) -> None:
        for field in ("blur_sigma", "noise_sigma", "crf"):
            object.__setattr__(self, field, tuple(getattr(self, field)))  # YAML gives lists
        super().__post_init__()

    @property
    def smallest_frame(self) -> int:
        """Side of the smallest frame that can be down-sampled, pixels."""
        return 2 * self.scale


@dataclass(frozen=True, kw_only=True)
class BrushMask(Checked):
    """Settings of a free-form brush mask; the defaults are the release's training masks.

    Ranges of whole numbers exclude their end.
    """

    num_strokes: Counts = setting("Range of the number of strokes.", (1, 4))
    num_vertices: Counts = setting("Range of the number of vertices a stroke.", (8, 28))
    mean_angle_rad: Number = setting("Mean turning angle, rad.", 2 * math.pi / 5)
    angle_range_rad: NonNegative = setting(
        "Largest deviation of the turning range from the mean angle, rad.", 2 * math.pi / 12
    )
    width_px: Widths = setting(
        "Range of a stroke's width, truncated to whole pixels.", (30.0, 70.0)
    )
