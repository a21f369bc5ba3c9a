"""How CodeFormer restores, frame by frame, with the network of `dicface.models`.

Whose weights it runs on is said by the methods that derive from it: those trained in the run
(`trained.py`), and its authors' (the package `baselines`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from dicface.methods.network import NetworkMethod
from dicface.methods.seeded import with_small_network

if TYPE_CHECKING:
    from torch import Tensor

    from dicface.models import CodeFormer as Network

#: Settings of a network that restores a frame in milliseconds, for `Method.example`.
SMALL = MappingProxyType(
    {
        "resolution": 16,
        "nf": 8,
        "ch_mult": (1, 2),
        "num_res_blocks": 1,
        "attn_resolutions": (8,),
        "norm_groups": 4,
        "codebook_size": 16,
        "emb_dim": 8,
        "dim_embd": 16,
        "n_head": 2,
        "n_layers": 2,
        "dim_mlp": 16,
        "connect_list": ("16",),
    }
)


@dataclass(kw_only=True)
class CodeFormer(NetworkMethod):
    """CodeFormer; an inpainted frame takes the network's output where the input is pure white.

    Attributes:
        fidelity_w: Weight of the encoder's skips in the decoder.
        adain: Gives the quantised latent the channel statistics of the encoder's.
        batch: Frames restored at once; None for as many as are worth it at their size.
    """

    fidelity_w: float = 1.0
    adain: bool = False
    batch: int | None = None

    @classmethod
    def example(cls, **settings: object) -> Self:
        """Returns an instance with a small network, whatever weights the class runs on."""
        from dicface.models import build

        return with_small_network(
            cls(**settings), lambda: build("codeformer", **SMALL), side=SMALL["resolution"]
        )

    def build(self) -> Network:
        """Returns the paper's network, without weights."""
        from dicface.models import build

        return build("codeformer")

    def restore(self, frames: Iterable[Tensor], *, clip: str = "") -> Iterator[Tensor]:
        """Restores each frame on its own; see `Method.restore`."""
        from dicface.restoring.runner import default_batch, per_frame

        del clip

        def step(x: Tensor) -> Tensor:
            image, _, _ = self.network(x * 2 - 1, w=self.fidelity_w, adain=self.adain)
            restored = image.clamp(-1, 1).add(1).div(2)
            return restored.where((x == 1).all(1, keepdim=True), x) if composed else restored

        composed = self.task == "inpainting"
        batch = self.batch or default_batch(self.network.settings.resolution)
        yield from per_frame(step, frames, device=self.device, batch=batch)
