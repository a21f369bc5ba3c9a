"""PGDiff: a diffusion prior of faces, guided by what is known of each frame.

Follows the inference of pq-yang/PGDiff @ 8634514 on aligned faces. Kept: 1000 steps; the losses,
their weights and the guidance scales of its examples; one noise sequence for all frames; known
pixels of an inpainted frame are not copied back; output truncated to 8 bits, not rounded.

Differs: the noise sequence is seeded by the clip's name, upstream's by one number for every image
(`noise="frame"` draws a fresh one for each frame); missing pixels are those painted white, upstream
reads a mask file; a frame without any known pixel is an error, upstream's result is not a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal

from baselines._method import TASKS, Method, MethodFacts
from dicface.errors import MethodError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from baselines.networks.guidance import Guidance


@dataclass(kw_only=True)
class PgDiff(Method):
    """PGDiff, frame by frame.

    Attributes:
        steps: Diffusion steps a frame, evenly from 1000; its authors advise 100 or more.
        guidance_scale: How far guidance moves each sample; None for `scales` of the task.
        repeats: How often each step of the first 299 of 1000 is taken; its release: once.
        noise: Whether the frames of a "clip" share their noise (its release) or each "frame" has
            its own.

    Raises:
        MethodError: A setting has no meaning, or the method cannot do the task.
    """

    facts = MethodFacts(
        name="pgdiff",
        label="PGDiff",
        tasks=TASKS,
        weights={
            "bfr": ("pgdiff_prior", "pgdiff_restorer"),
            "inpainting": ("pgdiff_prior",),
            "colorization": ("pgdiff_prior",),
        },
        licence="S-Lab License 1.0 (non-commercial)",
        source="pq-yang/PGDiff @ 8634514f72d90d8ff79ef7c0941ad3c89599a97d",
        citation="Yang et al., PGDiff: Guiding Diffusion Models for Versatile Face Restoration via "
        "Partial Guidance, NeurIPS 2023",
        notes=(
            "1000 steps a frame; guidance scale 0.05 (bfr) or 0.01, as in its examples.",
            "All frames of a clip share one noise sequence, seeded by the clip; its release seeds "
            "every image with one number.",
            "Inpainting: pure white pixels are missing; known pixels are not copied back.",
            "Output is truncated to 8 bits, not rounded, as in its release.",
        ),
    )
    scales: ClassVar[Mapping[str, float]] = MappingProxyType(
        {"bfr": 0.05, "inpainting": 0.01, "colorization": 0.01}
    )

    steps: int = 1000
    guidance_scale: float | None = None
    repeats: int = 1
    noise: Literal["clip", "frame"] = "clip"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, good, expected in (
            ("repeats", self.repeats >= 1, "1 or more"),
            # The release compares the index of the kept step with bounds for 1000 steps.
            ("repeats", self.repeats == 1 or self.steps > 701, "1, as steps is 701 or less"),
            ("noise", self.noise in ("clip", "frame"), "'clip' or 'frame'"),
        ):
            if not good:
                value = getattr(self, name)
                raise MethodError(f"{self.facts.label}: {name} is {value!r}; expected {expected}.")

    def build(self) -> tuple[nn.Module, ...]:
        """Returns the networks of the task without weights: prior and, for "bfr", restorer."""
        from baselines.networks.pgdiff_restorer import PgdiffRestorer
        from baselines.networks.pgdiff_unet import PgdiffUnet

        return (PgdiffUnet(), PgdiffRestorer()) if self.task == "bfr" else (PgdiffUnet(),)

    @cached_property
    def networks(self) -> tuple[nn.Module, ...]:
        """The networks of the task with the authors' weights, on the device.

        Raises:
            MethodError: A file is not at hand.
            WeightsError: One is damaged or of another network.
        """
        from baselines._weights import load_into

        files, names, networks = self.weights_files(), self.weights_names(), self.build()
        if len(files) != len(names):
            raise MethodError(
                f"{self.facts.label}: {self.weights} gives {len(files)} weights files; expected "
                f"{' and '.join(names)}, in this order by name, in a folder of .safetensors files."
            )
        for name, network, path in zip(names, networks, files, strict=True):
            restorer = name == "pgdiff_restorer"  # whose file may hold more than the network
            load_into(network, path, label=name, prefix="module.", ignore_others=restorer)
            network.eval().requires_grad_(False).to(self.device)
        return networks

    def restore(self, frames: Iterable[Tensor], *, clip: str = "") -> Iterator[Tensor]:
        """Restores each frame on its own, as an 8-bit image; see `Method.restore`.

        Raises:
            MethodError: `steps` cannot be taken evenly from 1000, a frame has another size than the
                prior or no known pixel, or a result is not finite.
        """
        import torch

        from baselines.networks.diffusion import Schedule, sample
        from dicface.seeds import torch_generator

        try:
            schedule = Schedule(self.steps)
        except ValueError as error:
            raise MethodError(f"{self.facts.label}: {error}. Change the setting steps.") from error
        for number, frame in enumerate(frames):
            where = f"{self.facts.label}, clip '{clip}', frame {number}"
            names = (clip, number) if self.noise == "frame" else (clip,)
            generator = torch_generator(self.facts.name, *names)
            # Guidance needs gradients, also where a caller switched them off for good.
            with torch.inference_mode(False), torch.no_grad():
                guidance = self._guidance(frame, where)
                y = sample(self.networks[0], schedule, guidance, generator, repeats=self.repeats)
                if not torch.isfinite(y).all():
                    # Here, because 8-bit images cannot carry it to the runner's own check.
                    raise MethodError(f"{where}: the result is not finite. Check the weights.")
                levels = y.squeeze(0).add(1).mul(127.5).clamp(0, 255).to(torch.uint8)
                restored = levels.cpu().float() / 255
            yield restored

    def _guidance(self, frame: Tensor, where: str) -> Guidance:
        """What is known of one frame, ready for `sample`."""
        import torch

        from baselines.networks import guidance
        from dicface.restore import to_uint8

        side = self.networks[0].image_size
        if tuple(frame.shape) != (3, side, side):
            raise MethodError(
                f"{where}: has the shape {tuple(frame.shape)}; expected {(3, side, side)}. "
                "Align the clip first."
            )
        levels = torch.from_numpy(to_uint8(frame)).permute(2, 0, 1).unsqueeze(0).to(self.device)
        scale = self.scales[self.task] if self.guidance_scale is None else self.guidance_scale
        facts = {"known": levels / 127.5 - 1, "scale": scale}
        if self.task == "bfr":
            return guidance.Restoration(**facts, restorer=self.networks[1])
        if self.task == "colorization":
            return guidance.Colorization(**facts)
        mask = (levels == 255).all(1, keepdim=True)
        if mask.all():
            raise MethodError(f"{where}: is white all over, so that no pixel is known.")
        return guidance.Inpainting(**facts, mask=mask)
