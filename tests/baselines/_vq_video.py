"""Small PGTFormer and KEEP with seeded weights, and what both must satisfy."""

import copy
import functools
import math

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from baselines.keep import Keep
from baselines.networks.keep import Keep as KeepNetwork
from baselines.networks.keep import KeepSettings
from baselines.networks.pgtformer import PgtFormer as PgtFormerNetwork
from baselines.networks.pgtformer_blocks import NUM_FRAMES, PgtFormerSettings
from baselines.pgtformer import PgtFormer
from dicface.base.errors import MethodError, WeightsError
from dicface.restoring.runner import prepare_for_inference, restore_clip, to_uint8
from dicface.video.clips import write_clip

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


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def seeded(network: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(1)
    for key, tensor in network.state_dict().items():
        if key.startswith("conditionnet") or not tensor.is_floating_point():
            continue  # its own initialisation serves
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


class VideoMethod:
    """Tests of a method; a class of its test file derives from it."""

    kind: type[PgtFormer | Keep]

    @pytest.mark.parametrize("num_frames", [0, 1, 2, 5])
    def test_one_frame_out_for_each_in(self, num_frames):
        clip = clip_of(self.kind, num_frames)
        restored = list(ready(self.kind).restore(iter(clip), clip="a"))
        assert len(restored) == num_frames
        for frame in restored:
            assert frame.shape == (3, side_of(self.kind), side_of(self.kind))
            assert frame.dtype == torch.float32
            assert 0 <= frame.min() <= frame.max() <= 1
        assert not torch.is_inference_mode_enabled()

    def test_same_clip_same_result(self):
        clip = clip_of(self.kind, 3)
        once = torch.stack(list(ready(self.kind).restore(clip, clip="a")))
        torch.manual_seed(7)
        assert torch.equal(once, torch.stack(list(ready(self.kind).restore(clip, clip="b"))))

    def test_a_frame_of_another_size_is_named(self):
        side = side_of(self.kind)
        frames = [*clip_of(self.kind, 1), torch.zeros(3, side, side + 8)]
        with pytest.raises(
            MethodError, match=rf"clip 'walk', frame 1: .*{side + 8}\).*{side}, {side}"
        ):
            list(ready(self.kind).restore(frames, clip="walk"))

    def test_values_that_are_not_finite_reach_the_runners_check(self, tmp_path):
        method, side = self.kind(), side_of(self.kind)
        method.network = copy.deepcopy(network_of(self.kind))
        last = [module for module in method.network.modules() if isinstance(module, nn.Conv2d)]
        pictures = [module for module in last if module.out_channels == 3]
        pictures[-1].bias.data[0] = math.nan
        source = tmp_path / "walk.mkv"
        write_clip(source, [to_uint8(frame) for frame in clip_of(self.kind, 2)], 25)
        with pytest.raises(MethodError, match=r"clip 'walk', frame 0: .*not finite"):
            restore_clip(method, source, tmp_path / "out.mkv")
        assert not (tmp_path / "out.mkv").exists()
        info = restore_clip(ready(self.kind), source, tmp_path / "out.mkv")
        assert (info.num_frames, info.height, info.width) == (2, side, side)

    @pytest.mark.parametrize("wrapper", [None, "params_ema"])
    def test_released_file_is_loaded(self, wrapper, tmp_path):
        state = network_of(self.kind).state_dict()
        torch.save({wrapper: state} if wrapper else state, tmp_path / "w.pth")
        method, clip = self.kind(weights=tmp_path / "w.pth"), clip_of(self.kind, 2)
        assert not method.network.training
        assert not any(parameter.requires_grad for parameter in method.network.parameters())
        for ours, expected in zip(
            method.restore(clip), ready(self.kind).restore(clip), strict=True
        ):
            assert (ours - expected).abs().max() < 1.5 / 255

    def test_weights_of_another_network_or_size_are_described(self, tmp_path):
        other = TinyKeep if self.kind is TinyPgtFormer else TinyPgtFormer
        save_file(network_of(other).state_dict(), tmp_path / "w.safetensors")
        with pytest.raises(WeightsError) as caught:
            _ = self.kind(weights=tmp_path / "w.safetensors").network
        message = str(caught.value)
        for part in (
            "w.safetensors",
            "missing",
            f"looks like {other.facts.label}",
            self.kind.facts.label,
        ):
            assert part in message
        state = dict(network_of(self.kind).state_dict())
        state["feat_emb.weight"] = torch.zeros(2, 2)
        save_file(state, tmp_path / "w.safetensors")
        with pytest.raises(WeightsError, match=r"feat_emb.weight: file \(2, 2\)"):
            _ = self.kind(weights=tmp_path / "w.safetensors").network

    def test_missing_weights_are_named(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("DICFACE_WEIGHTS", raising=False)
        with pytest.raises(
            MethodError, match=r"weights file not on this machine: (KEEP|pgtformer).*https://"
        ):
            list(self.kind().restore([torch.zeros(3, 8, 8)]))

    def test_other_sizes_are_unavailable(self):
        assert "512×512" in self.kind().unavailable(size=64)

    @torch.inference_mode()
    def test_rewritten_for_inference_it_is_the_same_network(self):
        network, x = network_of(self.kind), torch.stack(clip_of(self.kind, NUM_FRAMES))
        ours, expected = prepare_for_inference(network)(x), network(x)
        if self.kind is TinyPgtFormer:
            ours, expected = ours[0], expected[0]
        torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-3)
