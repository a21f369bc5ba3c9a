"""A small PGDiff with seeded weights, and pictures for its tests."""

import math

import numpy as np
import torch
from torch import nn

from baselines.networks.diffusion import Schedule
from baselines.networks.pgdiff_restorer import PgdiffRestorer
from baselines.networks.pgdiff_unet import PgdiffUnet
from baselines.pgdiff import PgDiff
from dicface.restoring.runner import to_tensor

SIZE = 16


class TinyPgDiff(PgDiff):
    """Two levels, attention at the lower one."""

    def build(self) -> tuple[nn.Module, ...]:
        unet = PgdiffUnet(
            image_size=SIZE,
            channel_mult=(1, 2),
            num_res_blocks=(1, 1),
            attention_sizes=(8,),
            head_channels=32,
        )
        restorer = PgdiffRestorer(channels=8, num_blocks=1, growth_channels=4)
        return (unet, restorer) if self.task == "bfr" else (unet,)


def seeded(network: nn.Module, seed: int = 0) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            scale = 1 / math.sqrt(max(1, tensor[:1].numel()))
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * scale)
    return network.eval().requires_grad_(False)


def ready(task: str = "bfr", steps: int = 2, **settings: object) -> TinyPgDiff:
    method = TinyPgDiff(task=task, steps=steps, **settings)
    method.networks = tuple(seeded(network, i) for i, network in enumerate(method.build()))
    return method


def clip_of(num_frames: int, seed: int = 0) -> list[torch.Tensor]:
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 255, (num_frames, SIZE, SIZE, 3), np.uint8)
    frames[:, 4:9, 5:12] = 255
    return [to_tensor(frame) for frame in frames]


def images(*seeds: int, num: int = 1) -> list[torch.Tensor]:
    return [
        torch.randn(num, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))
        for seed in seeds
    ]


def perfect_prior(clean: torch.Tensor, schedule: Schedule):
    """A network that knows the noise: its predicted clean image is `clean`."""
    steps = schedule.timesteps.tolist()

    def network(x: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        cumulative = schedule.alphas_cumprod[steps.index(int(timesteps[0]))]
        noise = (x - math.sqrt(cumulative) * clean) / math.sqrt(1 - cumulative)
        return torch.cat([noise, torch.full_like(x, -1.0)], 1)

    return network
