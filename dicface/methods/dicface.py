"""DicFace with its authors' weights: windows of five frames, one frame of each is kept.

Departures from the release, both settings with the release's value: the centre frame of a window
is kept, as in the paper, where the released command keeps the first of five (`position`); and the
expected code weights are taken, where the release draws them once, unseeded (`samples`). The
release's refusal of clips shorter than a window is not kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Self

from dicface.methods.codeformer import SMALL
from dicface.methods.method import PAPER_SYSTEMS, TASKS, MethodFacts
from dicface.methods.network import NetworkMethod
from dicface.methods.seeded import with_small_network

if TYPE_CHECKING:
    from torch import Tensor

    from dicface.models import DicFace as Network


@dataclass(kw_only=True)
class DicFace(NetworkMethod):
    """DicFace as released, for its three tasks.

    Attributes:
        position: Which frame of a window is kept: "centre" (paper) or "release".
        fidelity_w: Weight of the encoder's skips in the decoder; the release uses 1.
        aggregation: "dirichlet", "average" or "topK"; None for what the network was trained with.
        samples: "mean" for the expected code weights, or the number of seeded draws to average (the
            release: 1).
        batch: Frames computed at once; None for as many as are worth it at their size.
    """

    facts = MethodFacts(
        name="dicface",
        label="DicFace (released)",
        look=("#D55E00", "o", "-"),
        group=PAPER_SYSTEMS,
        paper_name="DicFace",
        tasks=TASKS,
        window=5,
        weights={
            "bfr": ("dicface_bfr",),
            "inpainting": ("dicface_inpainting",),
            "colorization": ("dicface_colorization",),
        },
        licence="S-Lab License 1.0 (README; there is no licence file), non-commercial",
        source="fudan-generative-vision/DicFace @ df08bb76d0512899d24dad2732fcb1adb79433a4",
        citation="DicFace: Dirichlet-Constrained Variational Codebook Learning for Temporally "
        "Coherent Video Face Restoration, 2025",
        notes=(
            "Windows of five, centre frame kept (the paper); position='release' keeps the first.",
            "Expected code weights; samples=1 draws once, as its release does, but seeded.",
            "Its release turns the result grey where the input is grey; this is left out.",
        ),
    )

    position: Literal["centre", "release"] = "centre"
    fidelity_w: float = 1.0
    aggregation: str | None = None
    samples: int | Literal["mean"] = "mean"
    batch: int | None = None

    @classmethod
    def example(cls, **settings: object) -> Self:
        """Returns an instance with a small network, whatever weights the class runs on."""
        from dicface.models import build

        return with_small_network(
            cls(**settings), lambda: build("dicface", **SMALL), side=SMALL["resolution"]
        )

    def build(self) -> Network:
        """Returns the released network without its weights."""
        from dicface.models import build

        return build("dicface")

    def restore(self, frames: Iterable[Tensor], *, clip: str = "") -> Iterator[Tensor]:
        """Slides a window over the clip; see `Method.restore` and `restoring.runner.stream`."""
        from dicface.restoring.runner import StreamSettings, stream

        settings = StreamSettings(
            position=self.position,
            fidelity_w=self.fidelity_w,
            aggregation=self.aggregation,
            samples=self.samples,
            batch=self.batch,
        )
        yield from stream(self.network, frames, clip=clip, settings=settings)


@dataclass(kw_only=True)
class DicFaceAsReleased(DicFace):
    """DicFace as its release restores, and, as far as known, as the paper's numbers were made."""

    facts = replace(
        DicFace.facts,
        name="dicface_as_released",
        label="DicFace, one draw, first of 5",
        look=("#D55E00", "X", ":"),
        notes=(
            "As its release: the first frame of a window of five, code weights drawn once; seeded.",
            "Its release turns the result grey where the input is grey; this is left out.",
        ),
    )

    position: Literal["centre", "release"] = "release"
    samples: int | Literal["mean"] = 1
