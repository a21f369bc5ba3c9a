"""The networks of PGTFormer and KEEP at tiny sizes: windows, flow, gain, fusion."""

import itertools

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from baselines.networks.flow import warp
from baselines.networks.gmflow import SCALE, GmFlow
from baselines.networks.keep import Keep as KeepNetwork
from baselines.networks.keep import KeepSettings
from baselines.networks.pgtformer import PgtFormer as PgtFormerNetwork
from baselines.networks.pgtformer_blocks import (
    NUM_FRAMES,
    TemporalFusion,
    WindowAttention,
    WindowLayer,
)
from baselines.networks.windows import merge, partition, shift_mask
from dicface.base.errors import ConfigError
from dicface.restoring.runner import prepare_for_inference
from tests.baselines._vq_video import (
    KEEP,
    METHODS,
    PGTFORMER,
    TinyKeep,
    TinyPgtFormer,
    clip_of,
    network_of,
    noise,
    seeded,
)
from tests.parity import compare as parity

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


# Reference tensors


@pytest.mark.parity
@pytest.mark.slow
@pytest.mark.parametrize("name", ["pgtformer", "keep"])
def test_network_equals_the_reference(name, shared):
    golden = shared / "facts" / name / "golden.npz"
    failed = [str(item) for item in parity.deviations(name, golden, 0) if not item.ok]
    assert not failed
