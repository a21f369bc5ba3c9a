"""KEEP: each frame restored with the help of the one before, in chunks of 20 frames.

Follows the inference of jnjaby/KEEP @ 5c7c472 on aligned faces (`--has_aligned`). Kept: RGB in
[-1, 1]; chunks of 20 frames without overlap, nothing carried over; optical flow on the degraded
frames; output clamped to [-1, 1] and rounded to 8 bits; a frame whose input is nearly grey comes
out grey.

Differs: a last chunk of one frame is not doubled, as the first of two frames does not depend on
the second; frames are encoded and flows computed one by one, so that memory is that of a chunk's
latents; grey is mixed before the rounding to 8 bits, not after. There is no larger picture to paste
faces into; detection and smoothed alignment are done once for all methods.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Self

from dicface.base.errors import MethodError
from dicface.methods import PAPER_SYSTEMS, MethodFacts
from dicface.methods.network import NetworkMethod, sized
from dicface.methods.seeded import with_small_network

if TYPE_CHECKING:
    from torch import Tensor

    from baselines.networks.keep import Keep as Network

# Mean variance of the differences of two channels, in 8-bit levels squared.
NEARLY_GREY = 10.0
_LUMA = (0.2989, 0.5870, 0.1140)


@dataclass(kw_only=True)
class Keep(NetworkMethod):
    """KEEP as released, on aligned frames.

    Attributes:
        chunk: Number of consecutive frames restored together; the release takes 20. The gains of a
            chunk depend on all of its frames.
        keep_grey: Whether frames that come nearly grey are returned grey, as in the release.

    Raises:
        MethodError: The chunk is shorter than a frame, or the method cannot do the task.
    """

    chunk: int = 20
    keep_grey: bool = True

    facts = MethodFacts(
        name="keep",
        label="KEEP",
        look=("#E69F00", "X", "-."),
        group=PAPER_SYSTEMS,
        paper_name="KEEP",
        window=0,
        chunk=20,
        weights={"bfr": ("keep_v0_1",)},
        licence="S-Lab License 1.0 (non-commercial)",
        source="jnjaby/KEEP @ 5c7c4721c3f3b646e9a88c737bc1454f6cbd0440",
        citation="Feng et al., Kalman-Inspired Feature Propagation for Video Face "
        "Super-Resolution, ECCV 2024",
        notes=(
            "Chunks of 20 frames without overlap; the state is reset at each, as in its release.",
            "A frame whose input is nearly grey comes out grey, as in its release.",
            "A last chunk of one frame is not doubled; its result is the same.",
        ),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.chunk < 1:
            raise MethodError(
                f"{self.facts.label}: chunk is {self.chunk}; expected 1 or more frames."
            )

    @classmethod
    def example(cls, **settings: object) -> Self:
        """Returns an instance with a small network."""
        from baselines.networks.keep import Keep as Network
        from baselines.networks.keep import KeepSettings

        sizes = KeepSettings(
            resolution=32,
            nf=8,
            ch_mult=(1, 1, 2),
            num_res_blocks=1,
            attn_resolutions=(8,),
            norm_groups=4,
            codebook_size=16,
            emb_dim=8,
            dim_embd=16,
            n_head=2,
            n_layers=2,
            dim_mlp=16,
            connect_list=("8", "16"),
            kalman_heads=2,
            kalman_head_dim=4,
            cross_fuse_list=("8",),
            cross_fuse_nhead=2,
            cross_fuse_dim=4,
            flow_channels=8,
            flow_layers=2,
            flow_widths=(4, 6, 8),
        )
        return with_small_network(cls(**settings), lambda: Network(sizes), side=sizes.resolution)

    def build(self) -> Network:
        """Returns the released network without its weights."""
        from baselines.networks.keep import Keep as Network

        return Network()

    def restore(self, frames: Iterable[Tensor], *, clip: str = "") -> Iterator[Tensor]:
        """Restores chunk by chunk; see `Method.restore`. Reads a chunk ahead.

        Raises:
            MethodError: A frame has another size than the network.
        """
        import torch

        side = self.network.settings.resolution
        remaining = sized(frames, side, label=self.facts.label, clip=clip)
        while chunk := list(islice(remaining, self.chunk)):
            # Not around the yield: the mode would leak into the caller between two frames.
            with torch.inference_mode():
                x = torch.stack(chunk).to(self.device)
                restored = self.network(x * 2 - 1).clamp(-1, 1).add(1).div(2).cpu()
            for frame, result in zip(chunk, restored, strict=True):
                yield in_grey(result) if self.keep_grey and is_nearly_grey(frame) else result


def is_nearly_grey(frame: Tensor) -> bool:
    """Says whether the channels of a frame (3, H, W) in [0, 1] hardly differ (KEEP release)."""
    levels = frame.mul(255).round()
    differences = levels - levels.roll(1, 0)
    return differences.var((1, 2), correction=0).mean().item() <= NEARLY_GREY


def in_grey(frame: Tensor) -> Tensor:
    """Luma of a frame (3, H, W) in [0, 1], in all three channels."""
    weights = frame.new_tensor(_LUMA).view(3, 1, 1)
    return (frame * weights).sum(0, keepdim=True).expand(3, -1, -1)
