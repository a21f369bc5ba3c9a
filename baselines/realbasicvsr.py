"""RealBasicVSR ×4 (Chan et al., CVPR 2022): general video enlargement with pre-cleaning.

Follows the inference script and `realbasicvsr_x4.py` of ckkelvinchan/RealBasicVSR @ b908e083; see
`docs/baselines/realbasicvsr.md` for what is kept and what differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from baselines._vsr import VideoEnlarger
from dicface.base.errors import MethodError
from dicface.methods import PAPER_SYSTEMS, MethodFacts
from dicface.methods.seeded import with_small_network

if TYPE_CHECKING:
    from torch import nn


@dataclass(kw_only=True)
class RealBasicVsr(VideoEnlarger):
    """RealBasicVSR; reads the low-resolution clip and enlarges it four times.

    Attributes:
        cleaning_threshold_levels: Cleaning stops after a round that changes a chunk by less than
            this on average, in grey levels of 255; at most three rounds. The released setting,
            255, means one round.

    Raises:
        MethodError: The threshold is negative, the chunk is shorter than a frame, or the method
            cannot do the task.
    """

    facts = MethodFacts(
        name="realbasicvsr",
        label="RealBasicVSR",
        look=("#CC79A7", "P", "-"),
        group=PAPER_SYSTEMS,
        paper_name="RealBasicVSR",
        window=0,
        chunk=VideoEnlarger.chunk,
        size=None,
        aligned=False,
        scale=4,
        weights={"bfr": ("realbasicvsr",)},
        licence="Apache-2.0 (repository; the checkpoint's is not stated separately)",
        commercial=True,
        source="ckkelvinchan/RealBasicVSR @ b908e08323c84e96b08f0d58621026ab27f56bcb; network "
        "of open-mmlab/mmagic @ 0a560bba9b79ebe78574e1d4cbbdd0e798e63568",
        citation="Chan et al., Investigating Tradeoffs in Real-World Video Super-Resolution, "
        "CVPR 2022",
        notes=(
            "Reads the low-resolution clip (RGB in [0, 1], no other normalisation) and enlarges "
            "it four times; whole frames, no face handling.",
            "EMA generator; cleaning stops by the released threshold 255, that is after one "
            "round, decided for each chunk.",
            "Its release takes the whole clip at once, or segments of max_seq_len frames; here "
            f"segments of {VideoEnlarger.chunk} frames without overlap bound the memory.",
        ),
    )
    prefixes: ClassVar[tuple[str, ...]] = ("generator_ema.", "generator.")

    cleaning_threshold_levels: float = 255.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cleaning_threshold_levels < 0:
            raise MethodError(
                f"{self.facts.label}: cleaning_threshold_levels is "
                f"{self.cleaning_threshold_levels}; expected 0 to 255."
            )

    @classmethod
    def example(cls, **settings: object) -> Self:
        """Returns an instance with a small network."""
        from baselines.networks import realbasicvsr

        method = cls(**settings)
        threshold = method.cleaning_threshold_levels
        return with_small_network(
            method,
            lambda: realbasicvsr.RealBasicVsr(8, 1, 1, cleaning_threshold_levels=threshold),
            side=None,
        )

    def build(self) -> nn.Module:
        """Returns the released network without weights."""
        from baselines.networks import realbasicvsr

        return realbasicvsr.RealBasicVsr(cleaning_threshold_levels=self.cleaning_threshold_levels)
