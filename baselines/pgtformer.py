"""PGTFormer: windows of three frames, the middle one is kept.

Follows the inference of kepengxu/PGTFormer @ e78a26c. Kept: RGB in [0, 1], not [-1, 1]; three
consecutive frames at a time, stride 1; the first and the last frame of a clip are their own
neighbours; fusion weight 1; output clamped to [0, 1] and truncated, not rounded, to 8 bits.

Differs, to rounding only: what a frame brings into a window whatever its neighbours (encoder down
to 128 px, face parser) is computed once instead of three times, and of the three frames of a window
only the middle one is decoded to the end. Frames go on losslessly instead of through libx265.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

from dicface.methods import PAPER_SYSTEMS, MethodFacts
from dicface.methods.network import NetworkMethod, sized
from dicface.methods.seeded import with_small_network

if TYPE_CHECKING:
    from torch import Tensor

    from baselines.networks.pgtformer import PgtFormer as Network

_Item = TypeVar("_Item")
_LEVELS = 255


@dataclass(kw_only=True)
class PgtFormer(NetworkMethod):
    """PGTFormer as released; it needs no alignment."""

    facts = MethodFacts(
        name="pgtformer",
        label="PGTFormer",
        look=("#009E73", "p", "-"),
        group=PAPER_SYSTEMS,
        paper_name="PGTFormer",
        window=3,
        aligned=False,
        weights={"bfr": ("pgtformer",)},
        licence="non-commercial (repository)",
        source="kepengxu/PGTFormer @ e78a26cd463182f4a5aa96b8681110da8615d44d",
        citation="Xu et al., Beyond Alignment: Blind Video Face Restoration via Parsing-Guided "
        "Temporal-Coherent Transformer, IJCAI 2024",
        notes=(
            "Input in [0, 1]; output is truncated to 8 bits, not rounded, as in its release.",
            "Windows of three frames, middle one kept; the clip's ends are their own neighbours.",
            "Restores the frames it is given as they are: no detection, alignment or paste-back.",
        ),
    )

    @classmethod
    def example(cls, **settings: object) -> Self:
        """Returns an instance with a small network."""
        from baselines.networks.pgtformer import PgtFormer as Network
        from baselines.networks.pgtformer_blocks import PgtFormerSettings

        sizes = PgtFormerSettings(
            resolution=64,
            nf=8,
            ch_mult=(1, 1, 1, 1, 2),
            norm_groups=4,
            window_heads=2,
            z_channels=8,
            dim_embd=16,
            codebook_size=16,
            n_head=2,
            n_layers=2,
            dim_mlp=16,
            connect_list=(4, 8, 16, 32),
            fusion_width=4,
        )
        return with_small_network(cls(**settings), lambda: Network(sizes), side=sizes.resolution)

    def build(self) -> Network:
        """Returns the released network without its weights."""
        from baselines.networks.pgtformer import PgtFormer as Network

        return Network()

    def restore(self, frames: Iterable[Tensor], *, clip: str = "") -> Iterator[Tensor]:
        """Slides a window over the clip; see `Method.restore`. Reads one frame ahead.

        Raises:
            MethodError: A frame has another size than the network.
        """
        side = self.network.settings.resolution
        given = sized(frames, side, label=self.facts.label, clip=clip)
        features = map(self._features, given)
        yield from map(self._restored, with_neighbours(features))

    def _features(self, frame: Tensor) -> tuple[Tensor, ...]:
        import torch

        with torch.inference_mode():
            return self.network.frame_features(frame.unsqueeze(0).to(self.device))

    def _restored(self, window: tuple[tuple[Tensor, ...], ...]) -> Tensor:
        import torch

        with torch.inference_mode():
            joined = [torch.cat(parts) for parts in zip(*window, strict=True)]
            image, _, _ = self.network.window(joined, centre=True)
            return image.squeeze(0).clamp(0, 1).mul(_LEVELS).floor().div(_LEVELS).cpu()


def with_neighbours(items: Iterable[_Item]) -> Iterator[tuple[_Item, _Item, _Item]]:
    """Yields each item between its neighbours; the first and the last have themselves.

    >>> list(with_neighbours("abc"))
    [('a', 'a', 'b'), ('a', 'b', 'c'), ('b', 'c', 'c')]
    >>> list(with_neighbours("a"))
    [('a', 'a', 'a')]
    """
    remaining = iter(items)
    for current in remaining:
        previous = current
        for following in remaining:
            yield previous, current, following
            previous, current = current, following
        yield previous, current, current
