"""BasicVSR++ ×4 (Chan et al., CVPR 2022): general video enlargement, second-order propagation.

Follows open-mmlab/mmagic @ 0a560bba; see `docs/baselines/basicvsrpp.md` for what is kept and what
differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from baselines._vsr import VideoEnlarger
from dicface.methods import PAPER_SYSTEMS, MethodFacts
from dicface.methods.seeded import with_small_network

if TYPE_CHECKING:
    from torch import nn


@dataclass(kw_only=True)
class BasicVsrPp(VideoEnlarger):
    """BasicVSR++; reads the low-resolution clip and enlarges it four times."""

    facts = MethodFacts(
        name="basicvsrpp",
        label="BasicVSR++",
        look=("#56B4E9", "D", "-."),
        group=PAPER_SYSTEMS,
        paper_name="BasicVSR++",
        window=0,
        chunk=VideoEnlarger.chunk,
        size=None,
        aligned=False,
        scale=4,
        weights={"bfr": ("basicvsrpp_reds4",)},
        licence="Apache-2.0 (repository; the checkpoint's is not stated separately)",
        commercial=True,
        source="open-mmlab/mmagic @ 0a560bba9b79ebe78574e1d4cbbdd0e798e63568",
        citation="Chan et al., BasicVSR++: Improving Video Super-Resolution with Enhanced "
        "Propagation and Alignment, CVPR 2022",
        notes=(
            "Reads the low-resolution clip (RGB in [0, 1], no other normalisation) and enlarges "
            "it four times; whole frames, no face handling.",
            "The paper does not say which weights its row used, and nobody offers a version "
            "fine-tuned on faces; these are the REDS ×4 weights.",
            "Its release takes the whole clip at once, or segments of max_seq_len frames; here "
            f"segments of {VideoEnlarger.chunk} frames without overlap bound the memory.",
        ),
    )
    prefixes: ClassVar[tuple[str, ...]] = ("generator.",)

    @classmethod
    def example(cls, **settings: object) -> Self:
        """Returns an instance with a small network."""
        from baselines.networks.basicvsrpp import BasicVsrPlusPlus

        return with_small_network(cls(**settings), lambda: BasicVsrPlusPlus(8, 1), side=None)

    def build(self) -> nn.Module:
        """Returns the released ×4 network without weights."""
        from baselines.networks.basicvsrpp import BasicVsrPlusPlus

        return BasicVsrPlusPlus()
