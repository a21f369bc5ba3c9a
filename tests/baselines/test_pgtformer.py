"""PGTFormer: network, method, weights files."""

import itertools

import pytest
import torch

import dicface.methods
from baselines.networks.pgtformer import PgtFormer as Network
from baselines.networks.pgtformer_blocks import (
    NUM_FRAMES,
    TemporalFusion,
    WindowAttention,
    WindowLayer,
)
from baselines.pgtformer import with_neighbours
from dicface.restoring.runner import to_uint8
from tests.baselines._vq_video import (
    PGTFORMER,
    TinyPgtFormer,
    VideoMethod,
    clip_of,
    network_of,
    noise,
    ready,
    seeded,
)
from tests.parity import compare as parity

# Network


def test_released_size():
    with torch.device("meta"):
        built = Network()
    assert len(built.state_dict()) == 961
    assert sum(p.numel() for p in built.parameters()) == 129_799_667


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
def test_window_from_cached_features_and_centre_alone():
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
def test_windows_of_a_batch_do_not_mix():
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


# Method


def test_facts():
    facts = dicface.methods.method("pgtformer").facts
    assert (facts.window, facts.chunk, facts.aligned) == (3, None, False)
    assert (facts.size, facts.tasks, facts.commercial) == (512, ("bfr",), False)


class TestMethod(VideoMethod):
    kind = TinyPgtFormer


def test_neighbours():
    assert list(with_neighbours([])) == []
    assert list(with_neighbours("a")) == [("a", "a", "a")]
    assert list(with_neighbours("ab")) == [("a", "a", "b"), ("a", "b", "b")]
    assert list(with_neighbours("abc"))[1] == ("a", "b", "c")


@torch.inference_mode()
def test_is_windows_of_three_truncated_to_8_bits():
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


def test_reads_one_frame_ahead_and_each_frame_once():
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


# Reference tensors


@pytest.mark.parity
@pytest.mark.slow
def test_network_equals_the_reference(shared):
    golden = shared / "facts" / "pgtformer" / "golden.npz"
    failed = [str(item) for item in parity.deviations("pgtformer", golden, 0) if not item.ok]
    assert not failed
