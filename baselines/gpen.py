"""GPEN: a GAN prior inside an encoder-decoder, frame by frame.

Follows the inference of yangxy/GPEN @ 2c73670 on aligned faces, which are 8-bit images there
between any two steps. Kept: input in [-1, 1], RGB; output truncated to 8 bits, not rounded; the
1024-pixel networks of inpainting and colorization on linearly enlarged frames; the Y channel of a
colorized frame is its input's; an inpainted frame is the network's output everywhere, the known
pixels are not copied back.

Differs: inpainted frames are reduced to the size of the input, as upstream does for colorization
only; faces are aligned to the FFHQ template, upstream's to a padded ArcFace one; there is no larger
picture to paste faces into, hence no smoothing of small faces, parsing mask or background network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Self

from dicface.base.errors import MethodError
from dicface.methods import PAPER_SYSTEMS, TASKS, MethodFacts
from dicface.methods.network import NetworkMethod
from dicface.methods.seeded import with_small_network

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from baselines.networks.gpen import Gpen as Network


@dataclass(kw_only=True)
class Gpen(NetworkMethod):
    """GPEN; its 1024-pixel networks serve inpainting and colorization."""

    facts = MethodFacts(
        name="gpen",
        label="GPEN",
        look=("#56B4E9", "v", "-"),
        group=PAPER_SYSTEMS,
        paper_name="GPEN",
        tasks=TASKS,
        weights={
            "bfr": ("gpen_bfr_512",),
            "inpainting": ("gpen_inpainting",),
            "colorization": ("gpen_colorization",),
        },
        licence="no licence file; the authors limit the weights for commercial reasons",
        source="yangxy/GPEN @ 2c736702983368847fb544d234a22ac7cff25802",
        citation="Yang et al., GAN Prior Embedded Network for Blind Face Restoration in the Wild, "
        "CVPR 2021",
        notes=(
            "Deterministic: the released network takes no random noise.",
            "Output is truncated to 8 bits, not rounded, as in its release.",
            "Inpainting and colorization run at 1024 px and are reduced to the frames' size; its "
            "release does so for colorization only.",
            "Colorization: the Y channel of the result is replaced by the input's, as in its "
            "release.",
            "Faces are aligned to the FFHQ template; its release uses a padded ArcFace template.",
        ),
    )
    variants: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "bfr": "GPEN-BFR-512",
            "inpainting": "GPEN-Inpainting-1024",
            "colorization": "GPEN-Colorization-1024",
        }
    )

    @classmethod
    def example(cls, **settings: object) -> Self:
        """Returns an instance with a small network, larger than its frames as the released one."""
        from baselines.networks.gpen import Gpen as Network

        method = cls(**settings)
        side = 16 if method.task == "bfr" else 32
        return with_small_network(
            method,
            lambda: Network(side, channel_multiplier=1, narrow=1 / 64, style_dim=8, n_mlp=2),
            side=16,
        )

    @property
    def network_name(self) -> str:
        """What the weights file of the task holds, for messages."""
        return self.variants[self.task]

    def build(self) -> Network:
        """Returns the network of the task without its weights."""
        from baselines.networks.gpen import VARIANTS
        from baselines.networks.gpen import Gpen as Network

        return Network(**VARIANTS[self.network_name])

    def restore(self, frames: Iterable[Tensor], *, clip: str = "") -> Iterator[Tensor]:
        """Restores each frame on its own, as an 8-bit image; see `Method.restore`.

        Raises:
            MethodError: The network gave values that are not finite.
        """
        from dicface.restoring.runner import to_tensor, to_uint8

        for number, frame in enumerate(frames):
            restored = self._restored(to_uint8(frame))
            if restored is None:
                # Here, because 8-bit images cannot carry it to the runner's own check.
                raise MethodError(
                    f"{self.facts.label}, clip '{clip}', frame {number}: the network gave values "
                    "that are not finite. Check its weights."
                )
            yield to_tensor(restored)

    def _restored(self, image: np.ndarray) -> np.ndarray | None:
        """(H, W, 3) uint8 RGB → the same, or None if the network's output is not finite."""
        import cv2
        import torch

        from dicface.restoring.runner import to_tensor

        height, width = image.shape[:2]
        side = self.network.size
        # Upstream's own resizing, which rounds to 8 bits in its own way; a copy at equal size.
        enlarged = cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR)
        with torch.inference_mode():
            x = to_tensor(enlarged).unsqueeze(0).to(self.device)
            y = self.network(x * 2 - 1).squeeze(0)
            if not torch.isfinite(y).all():
                return None
            levels = y.mul(0.5).add(0.5).clamp(0, 1).mul(255).to(torch.uint8)
        restored = levels.permute(1, 2, 0).contiguous().cpu().numpy()
        restored = cv2.resize(restored, (width, height), interpolation=cv2.INTER_LINEAR)
        if self.task == "colorization":
            yuv = cv2.cvtColor(restored, cv2.COLOR_RGB2YUV)
            yuv[..., 0] = cv2.cvtColor(image, cv2.COLOR_RGB2YUV)[..., 0]
            restored = cv2.cvtColor(yuv, cv2.COLOR_YUV2RGB)
        return restored
