"""CodeFormer with its authors' weights, frame by frame, for its three tasks.

Kept of the release (aligned input): each task's own network, fidelity weight and use of AdaIN;
output clamped to [-1, 1]; an inpainted frame takes the network's output where the input is pure
white and the input elsewhere. Left out: the release turns a restored frame grey and shifts its
colours where the input is nearly grey.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from dicface.methods import PAPER_SYSTEMS, TASKS, MethodFacts
from dicface.methods.codeformer import CodeFormer

if TYPE_CHECKING:
    from dicface.models import CodeFormer as Network

_FEWER_SKIPS = ("32", "64", "128")


@dataclass(frozen=True, kw_only=True)
class Release:
    """What its release does for one task.

    Attributes:
        network: Settings of the network that are not the defaults.
        fidelity_w: Weight of the encoder's skips in the decoder.
        adain: Whether the quantised latent takes the channel statistics of the encoder's.
    """

    network: Mapping[str, object]
    fidelity_w: float
    adain: bool


@dataclass(kw_only=True)
class ReleasedCodeFormer(CodeFormer):
    """CodeFormer as released.

    Attributes:
        fidelity_w: Weight of the encoder's skips in the decoder; None for the release's.
        adain: Gives the quantised latent the channel statistics of the encoder's; None for what the
            release does.
    """

    facts = MethodFacts(
        name="codeformer",
        label="CodeFormer",
        look=("#0072B2", "s", "-"),
        group=PAPER_SYSTEMS,
        paper_name="CodeFormer",
        tasks=TASKS,
        weights={
            "bfr": ("codeformer",),
            "inpainting": ("codeformer_inpainting",),
            "colorization": ("codeformer_colorization",),
        },
        licence="S-Lab License 1.0 (non-commercial)",
        source="sczhou/CodeFormer @ b33cc7d639d6545bfcccc7e0bc6ae51f24e79c2b",
        citation="Zhou et al., Towards Robust Blind Face Restoration with Codebook Lookup "
        "Transformer, NeurIPS 2022",
        notes=(
            "Restoration: w = 0.5 and AdaIN; inpainting: w = 1; colorization: w = 0 and AdaIN; as "
            "in its release. Hard codes; deterministic.",
            "Inpainting: pure white pixels are missing, all others are the input's, as in its "
            "release.",
            "Its release turns the result grey where the input is nearly grey; this is left out.",
        ),
    )
    releases: ClassVar[Mapping[str, Release]] = MappingProxyType(
        {
            "bfr": Release(network={}, fidelity_w=0.5, adain=True),
            "inpainting": Release(
                network={"connect_list": _FEWER_SKIPS, "codebook_size": 512},
                fidelity_w=1.0,
                adain=False,
            ),
            "colorization": Release(
                network={"connect_list": _FEWER_SKIPS}, fidelity_w=0.0, adain=True
            ),
        }
    )

    fidelity_w: float | None = None
    adain: bool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        release = self.releases[self.task]
        self.fidelity_w = release.fidelity_w if self.fidelity_w is None else self.fidelity_w
        self.adain = release.adain if self.adain is None else self.adain

    def build(self) -> Network:
        """Returns the released network of the task, without its weights."""
        from dicface.models import build

        return build("codeformer", **self.releases[self.task].network)
