"""Flow error along the truth's motion, tOF. Card: docs/metrics/flow_error.md."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dicface.metrics.facts import FACE_SIZE
from dicface.metrics.warping_error import LEAST_SEEN, WarpingError, dis_flow, pixel_places


def flow_error(
    now: NDArray[np.uint8],
    before: NDArray[np.uint8],
    place: NDArray[np.float32],
    seen: NDArray[np.bool_],
) -> float:
    """How far the motion of a frame from the one before is from a flow.

    After tOF (Chu et al., ACM TOG 2020), with another flow, and the Euclidean length.

    Args:
        now: (S, S, 3) uint8 RGB.
        before: The frame before, likewise.
        place: (S, S, 2), `backward_flow` of the truth.
        seen: (S, S), likewise.

    Returns:
        Mean length of the difference of both flows over the pixels that are seen, px of a 512-px
        face a frame; NaN where hardly any is.
    """
    if seen.mean() < LEAST_SEEN:
        return math.nan
    apart = pixel_places(len(now)) + dis_flow(now, before) - place
    return float(np.linalg.norm(apart, axis=-1)[seen].mean() * FACE_SIZE / len(now))


class FlowError(WarpingError):
    """Flow error of every frame but the first."""

    facts = replace(WarpingError.facts, id="flow_error", name="tOF", unit="px", digits=3)
    says = (
        "how far the motion that one sees (optical flow) is from that of the {reference}; noise "
        "and flicker disturb the flow, blur hardly does"
    )
    of_step = staticmethod(flow_error)
