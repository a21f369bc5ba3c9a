"""The evaluation protocol: with which networks, and at how many frames, clips are measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dicface.base.errors import MetricError
from dicface.metrics.backbones import Backbones, Prefer

DEFINITIONS = "dicface-2"
"""Names the definitions of all metrics; another name says that values cannot be compared."""


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluationProtocol:
    """How clips are measured.

    Attributes:
        backbones: The networks.
        identity_stride: IDS looks at every so many frames; 1 or more.

    Raises:
        MetricError: The stride is below 1.
    """

    backbones: Backbones
    identity_stride: int = 1

    def __post_init__(self) -> None:
        if self.identity_stride < 1:
            raise MetricError(f"identity_stride is {self.identity_stride}; expected 1 or more.")

    @classmethod
    def resolve(
        cls,
        prefer: Prefer = "auto",
        *,
        device: str = "cpu",
        metrics: Sequence[str] | None = None,
    ) -> EvaluationProtocol:
        """The tables' protocol, with backbones chosen as `Backbones.resolve` does."""
        return cls(backbones=Backbones.resolve(prefer, device=device, metrics=metrics))

    @property
    def id(self) -> str:
        """What `metrics.parquet` calls it, for example "dicface-2, IDS every 4 frames"."""
        if self.identity_stride == 1:
            return DEFINITIONS
        return f"{DEFINITIONS}, IDS every {self.identity_stride} frames"
