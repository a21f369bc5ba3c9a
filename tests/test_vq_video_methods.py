"""PGTFormer and KEEP: windows, flow, networks at tiny sizes, methods on tiny clips."""

import copy
import functools
import itertools
import math

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

import baselines
from baselines.keep import Keep, in_grey, is_nearly_grey
from baselines.networks.flow import warp
from baselines.networks.gmflow import SCALE, GmFlow
from baselines.networks.keep import Keep as KeepNetwork
from baselines.networks.keep import KeepSettings
from baselines.networks.pgtformer import PgtFormer as PgtFormerNetwork
from baselines.networks.pgtformer_blocks import (
    NUM_FRAMES,
    PgtFormerSettings,
    TemporalFusion,
    WindowAttention,
    WindowLayer,
)
from baselines.networks.windows import merge, partition, shift_mask
from baselines.pgtformer import PgtFormer, with_neighbours
from dicface.clips import write_clip
from dicface.errors import ConfigError, MethodError, WeightsError
from dicface.restore import prepare_for_inference, restore_clip, to_tensor, to_uint8
from tests import parity

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


# Windows


def test_windows_are_listed_row_by_row_and_put_back():
    x = torch.arange(2 * 4 * 6 * 3).reshape(2, 4, 6, 3)
    windows = partition(x, (2, 3))
    assert windows.shape == (8, 6, 3)
    assert torch.equal(windows[1].reshape(2, 3, 3), x[0, :2, 3:])
    assert torch.equal(windows[6].reshape(2, 3, 3), x[1, 2:, :3])
    assert torch.equal(merge(windows, (2, 3), (4, 6)), x)


@pytest.mark.parametrize(
    ("grid", "size", "shift"),
    [((8, 12), (4, 4), (2, 2)), ((4, 4), (4, 4), (2, 2)), ((6, 8), (3, 4), (1, 2))],
)
def test_mask_parts_those_who_were_no_neighbours_before_the_shift(grid, size, shift):
    place = torch.stack(torch.meshgrid(*map(torch.arange, grid), indexing="ij"), -1)[None]

    def steps(place: Tensor) -> Tensor:
        place = partition(place, size)
        return place[:, :, None] - place[:, None]

    # The roll keeps the way from one to the other unless it put a far side between them.
    neighbours = (steps(place.roll([-by for by in shift], (1, 2))) == steps(place)).all(-1)
    mask = shift_mask(grid, size, shift)
    assert torch.equal(mask == 0, neighbours)
    assert torch.equal(mask == -100, ~neighbours)


# PGTFormer's network


@pytest.mark.parametrize(
    ("network", "num_keys", "num_parameters"),
    [(PgtFormerNetwork, 961, 129_799_667), (KeepNetwork, 896, 158_485_860)],
)
def test_released_sizes(network, num_keys, num_parameters):
    with torch.device("meta"):
        built = network()
    assert len(built.state_dict()) == num_keys
    assert sum(p.numel() for p in built.parameters()) == num_parameters


def test_relative_positions_are_query_minus_key():
    index = WindowAttention(8, 2).relative_position_index
    tokens = list(itertools.product(range(3), range(4), range(4)))
    for i, j in [(0, 0), (0, 47), (47, 0), (17, 30), (16, 1)]:
        dt, dh, dw = (a - b for a, b in zip(tokens[i], tokens[j], strict=True))
        assert index[i, j] == (dt + 2) * 49 + (dh + 3) * 7 + dw + 3


@pytest.mark.parametrize(("num_blocks", "reach"), [(1, 4), (2, 6)])
@torch.inference_mode()
def test_window_attention_reaches_its_shifted_windows_and_all_frames(num_blocks, reach):
    layer = seeded(WindowLayer(8, PGTFORMER))
    layer.blocks = layer.blocks[:num_blocks]
    x = noise(NUM_FRAMES, 8, 16, 16)
    changed = x.clone()
    changed[0, :, 0, 0] = noise(8, seed=1)
    moved = (layer(changed) - layer(x)).abs().amax(1) > 1e-7
    assert moved[:, :4, :4].all()
    assert moved[:, reach - 1, reach - 1].all()
    assert not moved[:, reach:].any()
    assert not moved[:, :, reach:].any()


@torch.inference_mode()
def test_pgtformer_window_from_cached_features_and_centre_alone():
    network = network_of(TinyPgtFormer)
    x = noise(2 * NUM_FRAMES, 3, 64, 64)
    whole, logits, lq_feat = network(x)
    assert whole.shape == x.shape
    assert logits.shape == (6, 16, 12)
    assert lq_feat.shape == (6, 16, 4, 4)
    each = [network.frame_features(frame) for frame in x.split(1)]
    joined = [torch.cat(parts) for parts in zip(*each, strict=True)]
    centre, _, _ = network.window(joined, centre=True)
    torch.testing.assert_close(centre, whole[1::3], rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_pgtformer_windows_of_a_batch_do_not_mix():
    network = network_of(TinyPgtFormer)
    x = noise(2 * NUM_FRAMES, 3, 64, 64)
    torch.testing.assert_close(network(x)[0][3:], network(x[3:])[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("changed", range(NUM_FRAMES))
@torch.inference_mode()
def test_every_frame_of_a_window_reaches_the_middle_one(changed):
    network = network_of(TinyPgtFormer)
    x = noise(NUM_FRAMES, 3, 64, 64)
    before = network(x)[0][1]
    x[changed] = noise(3, 64, 64, seed=1)
    assert (network(x)[0][1] - before).abs().max() > 1e-3


@torch.inference_mode()
def test_position_embedding_is_the_parsers():
    network = network_of(TinyPgtFormer)
    _, position, _ = network.frame_features(noise(1, 3, 64, 64))
    lq_feat = noise(NUM_FRAMES, 16, 4, 4)
    same = network.logits(lq_feat, position.expand(3, -1, -1, -1))
    other = network.logits(lq_feat, -position.expand(3, -1, -1, -1))
    assert (same - other).abs().max() > 1e-3


@torch.inference_mode()
def test_codes_take_the_statistics_of_the_latent():
    network, seen = network_of(TinyPgtFormer), []
    hook = network.post_quant_conv.register_forward_pre_hook(lambda _, x: seen.append(x[0]))
    _, _, lq_feat = network(noise(NUM_FRAMES, 3, 64, 64))
    hook.remove()
    torch.testing.assert_close(seen[0].mean((2, 3)), lq_feat.mean((2, 3)), atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_fusion_without_weight_leaves_the_decoder_alone():
    fusion = seeded(TemporalFusion(8, PGTFORMER))
    skip, x = noise(NUM_FRAMES, 8, 4, 4), noise(NUM_FRAMES, 8, 4, 4, seed=1)
    assert torch.equal(fusion(skip, x, 0.0), x)
    torch.testing.assert_close(fusion(skip, x, 1.0, centre=True), fusion(skip, x, 1.0)[1:2])


# KEEP's network


@torch.inference_mode()
def test_flow_points_from_a_frame_to_its_neighbour():
    network = seeded(GmFlow(16, 0, widths=(4, 6, 8)))
    for name, weight in (("q_proj", torch.eye(16)), ("k_proj", torch.eye(16))):
        network.feature_flow_attn[name].weight.copy_(weight)
        network.feature_flow_attn[name].bias.zero_()
    network.upsampler[2].weight.zero_()  # equal weights: the mean of 3×3 coarse positions
    network.upsampler[2].bias.zero_()
    # Of one length, and long: each resembles itself most, whatever its position adds.
    features = 200 * functional.normalize(noise(1, 16, 8, 8) - 0.5)
    flow = network.match(features, features.roll((1, 2), (2, 3)))
    inside = flow[0, :, SCALE : 6 * SCALE, SCALE : 5 * SCALE]
    expected = torch.tensor([2.0, 1.0]).mul(SCALE).view(2, 1, 1).expand_as(inside)
    torch.testing.assert_close(inside, expected, rtol=1e-3, atol=1e-2)


@torch.inference_mode()
def test_flows_are_those_of_the_pairs():
    network = network_of(TinyKeep)
    frames = noise(3, 3, 32, 32) * 2 - 1
    flows = network.flows(frames)
    assert flows.shape == (2, 2, 32, 32)
    unit = (frames + 1) / 2
    together = network.flownet["model"](unit[1:], unit[:-1])
    torch.testing.assert_close(flows, together, rtol=1e-3, atol=1e-3)
    swapped = network.flownet["model"](unit[:-1], unit[1:])
    assert not torch.allclose(flows, swapped, atol=0.1)


def test_flow_refuses_sides_that_windows_do_not_divide():
    with pytest.raises(ValueError, match=r"multiples of 16, not \(24, 32\)"):
        GmFlow(8, 1, widths=(4, 6, 8)).features(noise(1, 3, 24, 32))


@torch.inference_mode()
def test_gains_depend_on_the_whole_chunk():
    kalman = network_of(TinyKeep).kalman_filter
    z = torch.randn(4, 8, 8, 8, generator=torch.Generator().manual_seed(0))
    gains = kalman(z)
    assert gains.shape == (4, 1, 8, 8)
    assert 0 < gains.min() < gains.max() < 1
    for changed in range(4):
        other = z.clone()
        other[changed] = noise(8, 8, 8)
        assert (kalman(other) - gains).abs().amax((1, 2, 3)).gt(1e-6).all()


@torch.inference_mode()
def test_keep_fuses_after_the_last_block_of_the_latent_size():
    with torch.device("meta"):
        network = KeepNetwork()
    assert {size: network.generator.taps[size] for size in (16, 32, 64)} == {16: 6, 32: 9, 64: 12}
    assert {size: network.encoder.taps[size] for size in (16, 32, 64)} == {16: 18, 32: 14, 64: 11}


@torch.inference_mode()
def test_first_frame_of_a_chunk_knows_no_other():
    network = network_of(TinyKeep)
    frames = noise(3, 3, 32, 32) * 2 - 1
    whole = network(frames)
    torch.testing.assert_close(network(frames[:1])[0], whole[0])
    torch.testing.assert_close(network(frames[:1].repeat(2, 1, 1, 1))[0], whole[0])


@torch.inference_mode()
def test_without_gain_and_attention_frames_are_restored_alone():
    network = seeded(KeepNetwork(KeepSettings(**KEEP | {"cross_fuse_list": ()})))
    frames = noise(3, 3, 32, 32) * 2 - 1
    together = network(frames)
    alone = torch.cat([network(frame) for frame in frames.split(1)])
    assert (together - alone)[1:].abs().amax((1, 2, 3)).min() > 1e-3
    network.kalman_filter.kalman_gain_calculator[3].bias.fill_(-1e4)
    torch.testing.assert_close(network(frames), alone, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_with_full_gain_a_frame_is_the_previous_result_warped():
    network = seeded(KeepNetwork(KeepSettings(**KEEP | {"cross_fuse_list": ()})))
    network.kalman_filter.kalman_gain_calculator[3].bias.fill_(1e4)
    frames, latents = noise(2, 3, 32, 32) * 2 - 1, []
    network.feat_emb.register_forward_pre_hook(lambda _, given: latents.append(given[0]))
    restored = network(frames)
    expected, _ = network.hq_encoder(warp(restored[:1], network.flows(frames)))
    torch.testing.assert_close(latents[1], expected.flatten(2).transpose(1, 2))


@torch.inference_mode()
def test_attention_to_the_previous_frame_is_recurrent():
    network = seeded(KeepNetwork(KeepSettings(**KEEP)))
    network.kalman_filter.kalman_gain_calculator[3].bias.fill_(-1e4)
    frames = noise(3, 3, 32, 32) * 2 - 1
    before = network(frames)
    frames[0] = noise(3, 32, 32, seed=1)
    assert (network(frames)[2] - before[2]).abs().max() > 1e-4


def test_keep_names_features_that_are_not_fused():
    with pytest.raises(ConfigError, match="cross_fuse_list = {'32'}"):
        KeepSettings(**KEEP | {"cross_fuse_list": ("32",)})


# Both


@METHODS
@torch.inference_mode()
def test_rewritten_for_inference_it_is_the_same_network(kind):
    network, x = network_of(kind), torch.stack(clip_of(kind, NUM_FRAMES))
    ours, expected = prepare_for_inference(network)(x), network(x)
    if kind is TinyPgtFormer:
        ours, expected = ours[0], expected[0]
    torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-3)


def test_facts():
    pgtformer, keep = (baselines.method(name).facts for name in ("pgtformer", "keep"))
    assert (pgtformer.window, pgtformer.chunk, pgtformer.aligned) == (3, None, False)
    assert (keep.window, keep.chunk, keep.aligned) == (0, 20, True)
    assert Keep().chunk == keep.chunk
    for facts in (pgtformer, keep):
        assert (facts.size, facts.tasks, facts.commercial) == (512, ("bfr",), False)


@METHODS
@pytest.mark.parametrize("num_frames", [0, 1, 2, 5])
def test_one_frame_out_for_each_in(kind, num_frames):
    clip = clip_of(kind, num_frames)
    restored = list(ready(kind).restore(iter(clip), clip="a"))
    assert len(restored) == num_frames
    for frame in restored:
        assert frame.shape == (3, side_of(kind), side_of(kind))
        assert frame.dtype == torch.float32
        assert 0 <= frame.min() <= frame.max() <= 1
    assert not torch.is_inference_mode_enabled()


@METHODS
def test_same_clip_same_result(kind):
    clip = clip_of(kind, 3)
    once = torch.stack(list(ready(kind).restore(clip, clip="a")))
    torch.manual_seed(7)
    assert torch.equal(once, torch.stack(list(ready(kind).restore(clip, clip="b"))))


def test_neighbours():
    assert list(with_neighbours([])) == []
    assert list(with_neighbours("a")) == [("a", "a", "a")]
    assert list(with_neighbours("ab")) == [("a", "a", "b"), ("a", "b", "b")]
    assert list(with_neighbours("abc"))[1] == ("a", "b", "c")


@torch.inference_mode()
def test_pgtformer_is_windows_of_three_truncated_to_8_bits():
    method, clip = ready(TinyPgtFormer), clip_of(TinyPgtFormer, 3)
    restored = list(method.restore(iter(clip)))
    for number, window in enumerate(([0, 0, 1], [0, 1, 2], [1, 2, 2])):
        image = method.network(torch.stack([clip[i] for i in window]))[0][1]
        levels = image.clamp(0, 1).mul(255)
        assert (levels.frac() > 0.5).any()
        # A value that rounding moves across a level may fall to its other side.
        near = (levels - levels.round()).abs() < 1e-2
        ours = torch.from_numpy(to_uint8(restored[number])).permute(2, 0, 1)
        assert torch.equal(ours[~near], levels.byte()[~near])


def test_pgtformer_reads_one_frame_ahead_and_each_frame_once():
    taken, computed = [], []

    def frames():
        for number, frame in enumerate(clip_of(TinyPgtFormer, 5)):
            taken.append(number)
            yield frame

    method = ready(TinyPgtFormer)
    encoder = method.network.encoder
    hook = encoder.conv_in.register_forward_hook(lambda *_: computed.append(len(taken)))
    restored = method.restore(frames(), clip="a")
    for number in range(4):
        next(restored)
        assert taken == list(range(number + 2))
    assert len(list(restored)) == 1
    hook.remove()
    assert computed == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("num_frames", [1, 3, 4, 7])
@torch.inference_mode()
def test_keep_starts_anew_at_each_chunk(num_frames):
    clip = clip_of(TinyKeep, num_frames)
    restored = torch.stack(list(ready(TinyKeep, chunk=3, keep_grey=False).restore(iter(clip))))
    network = network_of(TinyKeep)
    pieces = [network(piece * 2 - 1) for piece in torch.stack(clip).split(3)]
    torch.testing.assert_close(restored, (torch.cat(pieces).clamp(-1, 1) + 1) / 2)


def test_keep_reads_one_chunk_at_a_time():
    taken = []

    def frames():
        for number, frame in enumerate(clip_of(TinyKeep, 5)):
            taken.append(number)
            yield frame

    restored = ready(TinyKeep, chunk=2).restore(frames(), clip="a")
    for expected in (2, 2, 4, 4, 5):
        next(restored)
        assert len(taken) == expected


def test_keep_refuses_an_empty_chunk():
    with pytest.raises(MethodError, match="KEEP: chunk is 0; expected 1 or more"):
        Keep(chunk=0)


def test_nearly_grey_is_a_matter_of_the_channels_differences():
    rng = np.random.default_rng(0)
    grey = rng.integers(20, 230, (16, 16, 1), np.uint8).repeat(3, 2)
    # A difference of ±d in one channel has variance d² in two of the three differences.
    sign = rng.permutation(np.repeat([1, -1], 128)).reshape(16, 16)
    for by, expected in ((3, True), (4, False)):
        coloured = grey.astype(int)
        coloured[..., 0] += by * sign
        assert is_nearly_grey(to_tensor(coloured.astype(np.uint8))) is expected
    tinted = grey.astype(int) + [0, 20, 0]  # a constant tint has no variance
    assert is_nearly_grey(to_tensor(tinted.astype(np.uint8)))


def test_keep_returns_grey_for_grey():
    colour = clip_of(TinyKeep, 1)[0]
    grey = colour.mean(0, keepdim=True).expand(3, -1, -1)
    kept = list(ready(TinyKeep).restore([grey, colour]))
    raw = list(ready(TinyKeep, keep_grey=False).restore([grey, colour]))
    assert (raw[0].amax(0) - raw[0].amin(0)).max() > 0.05
    assert torch.equal(kept[0], in_grey(raw[0]))
    weights = np.array([0.2989, 0.5870, 0.1140]).reshape(3, 1, 1)
    np.testing.assert_allclose(kept[0][1], (raw[0].numpy() * weights).sum(0), atol=1e-6)
    assert torch.equal(kept[1], raw[1])


@METHODS
def test_a_frame_of_another_size_is_named(kind):
    side = side_of(kind)
    frames = [*clip_of(kind, 1), torch.zeros(3, side, side + 8)]
    with pytest.raises(MethodError, match=rf"clip 'walk', frame 1: .*{side + 8}\).*{side}, {side}"):
        list(ready(kind).restore(frames, clip="walk"))


@METHODS
def test_values_that_are_not_finite_reach_the_runners_check(kind, tmp_path):
    method, side = kind(), side_of(kind)
    method.network = copy.deepcopy(network_of(kind))
    last = [module for module in method.network.modules() if isinstance(module, nn.Conv2d)]
    pictures = [module for module in last if module.out_channels == 3]
    pictures[-1].bias.data[0] = math.nan
    source = tmp_path / "walk.mkv"
    write_clip(source, [to_uint8(frame) for frame in clip_of(kind, 2)], 25)
    with pytest.raises(MethodError, match=r"clip 'walk', frame 0: .*not finite"):
        restore_clip(method, source, tmp_path / "out.mkv")
    assert not (tmp_path / "out.mkv").exists()
    info = restore_clip(ready(kind), source, tmp_path / "out.mkv")
    assert (info.num_frames, info.height, info.width) == (2, side, side)


@METHODS
@pytest.mark.parametrize("wrapper", [None, "params_ema"])
def test_released_file_is_loaded(kind, wrapper, tmp_path):
    state = network_of(kind).state_dict()
    torch.save({wrapper: state} if wrapper else state, tmp_path / "w.pth")
    method, clip = kind(weights=tmp_path / "w.pth"), clip_of(kind, 2)
    assert not method.network.training
    assert not any(parameter.requires_grad for parameter in method.network.parameters())
    for ours, expected in zip(method.restore(clip), ready(kind).restore(clip), strict=True):
        assert (ours - expected).abs().max() < 1.5 / 255


@METHODS
def test_weights_of_another_network_or_size_are_described(kind, tmp_path):
    other = TinyKeep if kind is TinyPgtFormer else TinyPgtFormer
    save_file(network_of(other).state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(WeightsError) as caught:
        _ = kind(weights=tmp_path / "w.safetensors").network
    message = str(caught.value)
    for part in ("w.safetensors", "missing", f"looks like {other.facts.label}", kind.facts.label):
        assert part in message
    state = dict(network_of(kind).state_dict())
    state["feat_emb.weight"] = torch.zeros(2, 2)
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=r"feat_emb.weight: file \(2, 2\)"):
        _ = kind(weights=tmp_path / "w.safetensors").network


@METHODS
def test_missing_weights_are_named(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DICFACE_WEIGHTS", raising=False)
    with pytest.raises(MethodError, match=r"weights file not at hand: (KEEP|pgtformer).*https://"):
        list(kind().restore([torch.zeros(3, 8, 8)]))


@METHODS
def test_other_sizes_are_unavailable(kind):
    assert "512×512" in kind().unavailable(size=64)


# Reference tensors


@pytest.mark.parity
@pytest.mark.slow
@pytest.mark.parametrize("name", ["pgtformer", "keep"])
def test_network_equals_the_reference(name, shared):
    golden = shared / "facts" / name / "golden.npz"
    failed = [str(item) for item in parity.deviations(name, golden, 0) if not item.ok]
    assert not failed
