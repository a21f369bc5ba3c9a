"""KEEP, Kalman-inspired feature propagation from frame to frame. Facts only so far."""

from __future__ import annotations

from dataclasses import dataclass

from baselines._method import MethodFacts
from baselines._pending import Pending


@dataclass(kw_only=True)
class Keep(Pending):
    """KEEP; chunks of 20 frames without overlap, the state is reset at each."""

    facts = MethodFacts(
        name="keep",
        label="KEEP",
        window=0,
        chunk=20,
        weights={"bfr": ("keep_v0_1",)},
        licence="S-Lab License 1.0 (non-commercial)",
        source="jnjaby/KEEP @ 5c7c4721c3f3b646e9a88c737bc1454f6cbd0440",
        citation="Feng et al., Kalman-Inspired Feature Propagation for Video Face "
        "Super-Resolution, ECCV 2024",
        notes=("A trailing chunk of one frame is doubled and its first output kept.",),
    )
