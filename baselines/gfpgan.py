"""GFPGAN v1.4: a StyleGAN2 decoder with spatial feature transforms, frame by frame.

Follows the inference of TencentARC/GFPGAN @ 7552a77 on aligned faces. Kept: input in [-1, 1], RGB;
fresh normal noise in every layer of the decoder for every frame; output clamped to [-1, 1] and
rounded to 8 bits (by the runner).

Differs: the noise is seeded by clip and frame, upstream's is not seeded; upstream hands back the
input where the network fails, here the failure is an error; faces are aligned and, if at all,
pasted back by the suite instead of facexlib's helper.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from dicface.base.seeds import torch_generator
from dicface.methods import PAPER_SYSTEMS, MethodFacts
from dicface.methods.network import NetworkMethod, sized
from dicface.methods.seeded import with_small_network

if TYPE_CHECKING:
    from torch import Tensor

    from baselines.networks.gfpgan import Gfpgan as Network


@dataclass(kw_only=True)
class Gfpgan(NetworkMethod):
    """GFPGAN (the "clean" architecture of v1.3 and v1.4)."""

    facts = MethodFacts(
        name="gfpgan",
        label="GFPGAN",
        look=("#E69F00", "^", "-"),
        group=PAPER_SYSTEMS,
        paper_name="GFPGAN",
        weights={"bfr": ("gfpgan_v1_4",)},
        licence="Apache-2.0",
        commercial=True,
        source="TencentARC/GFPGAN @ 7552a7791caad982045a7bbe5634bbf1cd5c8679",
        citation="Wang et al., Towards Real-World Blind Face Restoration with Generative Facial "
        "Prior, CVPR 2021",
        notes=(
            "Its release draws unseeded noise in every layer for every image; here it is seeded "
            "by clip and frame.",
            "Its release hands back the input where the network fails; here that is an error.",
        ),
    )

    @classmethod
    def example(cls, **settings: object) -> Self:
        """Returns an instance with a small network."""
        from baselines.networks.gfpgan import Gfpgan as Network

        return with_small_network(
            cls(**settings),
            lambda: Network(16, channel_multiplier=1, narrow=1 / 64, style_dim=8, n_mlp=2),
            side=16,
        )

    def build(self) -> Network:
        """Returns the network without its weights."""
        from baselines.networks.gfpgan import Gfpgan as Network

        return Network()

    def restore(self, frames: Iterable[Tensor], *, clip: str = "") -> Iterator[Tensor]:
        """Restores each frame on its own; see `Method.restore`.

        Raises:
            MethodError: A frame has another size than the network.
        """
        import torch

        given = sized(frames, self.network.size, label=self.facts.label, clip=clip)
        for number, frame in enumerate(given):
            # Not around the yield: the mode would leak into the caller between two frames.
            with torch.inference_mode():
                x = frame.unsqueeze(0).to(self.device) * 2 - 1
                y = self.network(x, self._noises(clip, number)).squeeze(0)
                restored = y.clamp(-1, 1).add(1).div(2).cpu()
            yield restored

    def _noises(self, clip: str, number: int) -> list[Tensor]:
        """The noise of one frame, the same on every device."""
        import torch

        generator = torch_generator(self.facts.name, clip, number)
        return [
            torch.randn(1, 1, side, side, generator=generator).to(self.device)
            for side in self.network.noise_sizes()
        ]
