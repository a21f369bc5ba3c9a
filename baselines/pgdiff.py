"""PGDiff: a diffusion prior of faces, guided by what is known of each frame.

Follows the inference of pq-yang/PGDiff @ 8634514 on aligned faces. Kept: 1000 steps; the losses,
their weights and the guidance scales of its examples; one noise sequence for all frames; known
pixels of an inpainted frame are not copied back; output truncated to 8 bits, not rounded.

Differs: the noise is seeded by the clip's name, upstream's by one number for every image; missing
pixels are those painted white, upstream reads a mask file; a frame without any known pixel is an
error, upstream's result is not a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Self

from dicface.base.errors import MethodError
from dicface.methods import PAPER_SYSTEMS, TASKS, Method, MethodFacts
from dicface.methods.network import sized
from dicface.methods.seeded import seeded, without_files

if TYPE_CHECKING:
    from torch import Tensor, nn

    from baselines.networks.guidance import Guidance

_SCALES = {"bfr": 0.05, "inpainting": 0.01, "colorization": 0.01}  # of the release's examples


@dataclass(kw_only=True)
class PgDiff(Method):
    """PGDiff, frame by frame.

    Attributes:
        steps: Diffusion steps a frame, evenly from 1000; its authors advise 100 or more.
        guidance_scale: How far guidance moves each sample; None for its release's.
        repeats: How often the steps with index 701 to 999 are taken; its release: once.
        noise: The frames of a "clip" share it (its release), or each "frame" has its own.

    Raises:
        MethodError: A setting has no meaning, or the method cannot do the task.
    """

    facts = MethodFacts(
        name="pgdiff",
        label="PGDiff",
        look=("#CC79A7", "<", "-."),
        group=PAPER_SYSTEMS,
        paper_name="PGDiff",
        tasks=TASKS,
        weights=dict.fromkeys(TASKS, ("pgdiff_prior",))
        | {"bfr": ("pgdiff_prior", "pgdiff_restorer")},
        licence="S-Lab License 1.0 (non-commercial)",
        source="pq-yang/PGDiff @ 8634514f72d90d8ff79ef7c0941ad3c89599a97d",
        citation="Yang et al., PGDiff: Guiding Diffusion Models for Versatile Face Restoration via "
        "Partial Guidance, NeurIPS 2023",
        notes=(
            "Frames of a clip share their noise, seeded by it; its release seeds all images alike.",
            "Inpainting: pure white pixels are missing; known pixels are not copied back.",
            "Output is truncated to 8 bits, not rounded, as in its release.",
        ),
    )

    steps: int = 1000
    guidance_scale: float | None = None
    repeats: int = 1
    noise: Literal["clip", "frame"] = "clip"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.noise not in ("clip", "frame"):
            raise MethodError(f"PGDiff: noise is {self.noise!r}; expected 'clip' or 'frame'.")
        # Its release compares the index of the kept step with bounds made for 1000 steps.
        if self.repeats < 1 or (self.repeats > 1 and self.steps <= 701):
            expected = "1 or more" if self.steps > 701 else f"1, as steps is {self.steps}"
            raise MethodError(f"PGDiff: repeats is {self.repeats}; expected {expected}.")

    @classmethod
    def example(cls, **settings: object) -> Self:
        """Returns an instance with small networks that takes two steps a frame."""
        from baselines.networks.pgdiff_restorer import PgdiffRestorer
        from baselines.networks.pgdiff_unet import PgdiffUnet

        method = cls(**{"steps": 2, **settings})

        def build() -> Iterator[nn.Module]:
            yield PgdiffUnet(
                image_size=16,
                channel_mult=(1, 2),
                num_res_blocks=(1, 1),
                attention_sizes=(8,),
                head_channels=32,
            )
            if method.task == "bfr":
                yield PgdiffRestorer(channels=8, num_blocks=1, growth_channels=4)

        networks = seeded(build, method.facts.name, method.task)
        method.networks = tuple(network.to(method.device) for network in networks)
        return without_files(method, side=16)

    def build(self) -> tuple[nn.Module, ...]:
        """Returns the networks of the task without weights: prior and, for "bfr", restorer."""
        from baselines.networks.pgdiff_restorer import PgdiffRestorer
        from baselines.networks.pgdiff_unet import PgdiffUnet

        return (PgdiffUnet(), PgdiffRestorer()) if self.task == "bfr" else (PgdiffUnet(),)

    @cached_property
    def networks(self) -> tuple[nn.Module, ...]:
        """The networks of the task with the authors' weights, on the device.

        Raises:
            MethodError: A file is not on this machine.
            WeightsError: One is damaged or of another network.
        """
        from dicface.weights.load import load_into

        files, names, networks = self.weights_files(), self.weights_names(), self.build()
        if len(files) != len(names):
            raise MethodError(
                f"PGDiff: {self.weights} gives {len(files)} weights files; expected a folder with "
                f"the .safetensors files of {' and '.join(names)}, in this order by name."
            )
        for name, network, path in zip(names, networks, files, strict=True):
            others = "restorer" in name  # its file holds more than the network
            load_into(network, path, label=name, prefixes=("module.",), ignore_others=others)
            network.eval().requires_grad_(False).to(self.device)
        return networks

    def restore(self, frames: Iterable[Tensor], *, clip: str = "") -> Iterator[Tensor]:
        """Restores each frame on its own, as an 8-bit image; see `Method.restore`.

        Raises:
            MethodError: `steps` is no even share of 1000, a frame has another size than the prior
                or no known pixel, or a result is not finite.
        """
        import torch

        from baselines.networks.diffusion import Schedule, sample
        from dicface.base.seeds import torch_generator

        schedule = Schedule(self.steps)
        given = sized(frames, self.networks[0].image_size, label=self.facts.label, clip=clip)
        for number, frame in enumerate(given):
            where = f"PGDiff, clip '{clip}', frame {number}"
            seeds = (clip, number) if self.noise == "frame" else (clip,)
            generator = torch_generator(self.facts.name, *seeds)
            with torch.inference_mode(False), torch.no_grad():  # guidance needs gradients
                guidance = self._guidance(frame, where)
                y = sample(self.networks[0], schedule, guidance, generator, repeats=self.repeats)
                if not y.isfinite().all():  # which 8-bit images cannot carry to the runner
                    raise MethodError(f"{where}: the result is not finite. Check the weights.")
                restored = y[0].add(1).mul(127.5).clamp(0, 255).trunc().div(255).cpu()
            yield restored

    def _guidance(self, frame: Tensor, where: str) -> Guidance:
        """What is known of one frame, (3, h, w) in [0, 1]."""
        import torch

        from baselines.networks import guidance
        from dicface.restoring.runner import to_uint8

        levels = torch.from_numpy(to_uint8(frame)).permute(2, 0, 1).unsqueeze(0).to(self.device)
        scale = _SCALES[self.task] if self.guidance_scale is None else self.guidance_scale
        facts = {"known": levels / 127.5 - 1, "scale": scale}
        if self.task == "bfr":
            return guidance.Restoration(**facts, restorer=self.networks[1])
        if self.task == "colorization":
            return guidance.Colorization(**facts)
        mask = (levels == 255).all(1, keepdim=True)
        if mask.all():
            raise MethodError(f"{where}: is white all over, so that no pixel is known.")
        return guidance.Inpainting(**facts, mask=mask)
