"""CodeFormer with its authors' weights: frame by frame, w = 0.5 and AdaIN, as in its release.

Kept of the release (blind restoration, aligned input): fidelity weight 0.5, the quantised latent
takes the channel statistics of the encoder's, output clamped to [-1, 1]. Left out: the release
turns the result grey and shifts its colours where the input is nearly grey.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from baselines import _examples
from baselines._method import Method, MethodFacts

if TYPE_CHECKING:
    from torch import Tensor

    from dicface.models import CodeFormer as Network


@dataclass(kw_only=True)
class FrameByFrame(Method):
    """What the released and the trained CodeFormer share.

    Attributes:
        fidelity_w: Weight of the encoder's skips in the decoder; the release uses 0.5.
        adain: Gives the quantised latent the channel statistics of the encoder's; as the release.
        batch: Frames restored at once; None for as many as are worth it at their size.
    """

    fidelity_w: float = 0.5
    adain: bool = True
    batch: int | None = None

    @property
    @abstractmethod
    def network(self) -> Network:
        """The network with its weights, ready for inference on its device."""

    def restore(self, frames: Iterable[Tensor], *, clip: str = "") -> Iterator[Tensor]:
        """Restores each frame on its own; see `Method.restore`."""
        from dicface.restore import default_batch, per_frame

        del clip

        def step(x: Tensor) -> Tensor:
            image, _, _ = self.network(x * 2 - 1, w=self.fidelity_w, adain=self.adain)
            return image.clamp(-1, 1).add(1).div(2)

        batch = self.batch or default_batch(self.network.settings.resolution)
        yield from per_frame(step, frames, device=self.device, batch=batch)


@dataclass(kw_only=True)
class CodeFormer(FrameByFrame):
    """CodeFormer as released."""

    facts = MethodFacts(
        name="codeformer",
        label="CodeFormer",
        weights={"bfr": ("codeformer",)},
        licence="S-Lab License 1.0 (non-commercial)",
        source="sczhou/CodeFormer @ b33cc7d639d6545bfcccc7e0bc6ae51f24e79c2b",
        citation="Zhou et al., Towards Robust Blind Face Restoration with Codebook Lookup "
        "Transformer, NeurIPS 2022",
        notes=(
            "w = 0.5 and AdaIN, the defaults of its release; hard codes; deterministic.",
            "Its release turns the result grey where the input is nearly grey; this is left out.",
        ),
    )
    example = classmethod(_examples.codeformer)

    def build(self) -> Network:
        """Returns the released network without its weights."""
        from dicface.models import build

        return build("codeformer")

    @cached_property
    def network(self) -> Network:
        """The released network with the authors' weights.

        Raises:
            MethodError: The weights are not at hand.
            WeightsError: They are damaged or of another network.
        """
        from baselines._weights import load_into
        from dicface.restore import prepare_for_inference

        (path,) = self.weights_files()
        network = self.build()
        load_into(network, path, label=self.facts.label)
        return prepare_for_inference(network.to(self.device))
