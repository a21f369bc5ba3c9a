"""Small PGTFormer and KEEP with seeded weights, for the tests of their networks and methods."""

import functools

import pytest
import torch
from torch import Tensor, nn

from baselines.keep import Keep
from baselines.networks.keep import Keep as KeepNetwork
from baselines.networks.keep import KeepSettings
from baselines.networks.pgtformer import PgtFormer as PgtFormerNetwork
from baselines.networks.pgtformer_blocks import PgtFormerSettings
from baselines.pgtformer import PgtFormer

PGTFORMER = PgtFormerSettings(
    resolution=64,
    nf=8,
    ch_mult=(1, 1, 1, 1, 2),
    norm_groups=4,
    window_heads=2,
    z_channels=8,
    dim_embd=16,
    codebook_size=12,
    n_head=2,
    n_layers=2,
    dim_mlp=16,
    connect_list=(4, 8, 16, 32),
    fusion_width=4,
)
KEEP = {
    "resolution": 32,
    "nf": 8,
    "ch_mult": (1, 1, 2),
    "attn_resolutions": (8,),
    "norm_groups": 4,
    "codebook_size": 12,
    "emb_dim": 8,
    "dim_embd": 16,
    "n_head": 2,
    "n_layers": 2,
    "dim_mlp": 16,
    "connect_list": ("8", "16"),
    "kalman_heads": 2,
    "kalman_head_dim": 4,
    "cross_fuse_list": ("8",),
    "cross_fuse_nhead": 2,
    "cross_fuse_dim": 4,
    "flow_channels": 8,
    "flow_layers": 2,
    "flow_widths": (4, 6, 8),
}


class TinyPgtFormer(PgtFormer):
    def build(self) -> nn.Module:
        return PgtFormerNetwork(PGTFORMER)


class TinyKeep(Keep):
    def build(self) -> nn.Module:
        return KeepNetwork(KeepSettings(**KEEP))


METHODS = pytest.mark.parametrize("kind", [TinyPgtFormer, TinyKeep])


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def seeded(network: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(1)
    for key, tensor in network.state_dict().items():
        if key.startswith("conditionnet") or not tensor.is_floating_point():
            continue  # facexlib's own initialisation serves
        drawn = torch.randn(tensor.shape, generator=generator)
        gain = key.endswith(".weight") and tensor.ndim == 1
        tensor.copy_(0.1 * drawn + gain if tensor.ndim < 2 else drawn / tensor[0].numel() ** 0.5)
    return network.eval()


@functools.cache
def network_of(kind: type) -> nn.Module:
    torch.manual_seed(0)
    return seeded(kind().build())


def ready(kind: type, **settings: object) -> PgtFormer | Keep:
    method = kind(**settings)
    method.network = network_of(kind)
    return method


def side_of(kind: type) -> int:
    return network_of(kind).settings.resolution


def clip_of(kind: type, num_frames: int) -> list[Tensor]:
    side = side_of(kind)
    levels = noise(num_frames, 3, side // 8, side // 8).mul(255).round().div(255)
    return list(levels.repeat_interleave(8, 2).repeat_interleave(8, 3))
