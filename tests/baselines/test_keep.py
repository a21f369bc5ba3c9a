"""KEEP: network, method, weights files."""

import numpy as np
import pytest
import torch

import dicface.methods
from baselines.keep import Keep, in_grey, is_nearly_grey
from baselines.networks.flow import warp
from baselines.networks.keep import Keep as KeepNetwork
from baselines.networks.keep import KeepSettings
from dicface.base.errors import ConfigError, MethodError
from dicface.restoring.runner import to_tensor
from tests.baselines._vq_video import (
    KEEP,
    TinyKeep,
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
        built = KeepNetwork()
    assert len(built.state_dict()) == 896
    assert sum(p.numel() for p in built.parameters()) == 158_485_860


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
def test_fuses_after_the_last_block_of_the_latent_size():
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


def test_names_features_that_are_not_fused():
    with pytest.raises(ConfigError, match='cross_fuse_list: found \\["32"\\]'):
        KeepSettings(**KEEP | {"cross_fuse_list": ("32",)})


# Method


def test_facts():
    facts = dicface.methods.method("keep").facts
    assert (facts.window, facts.chunk, facts.aligned) == (0, 20, True)
    assert (facts.size, facts.tasks, facts.commercial) == (512, ("bfr",), False)
    assert Keep().chunk == facts.chunk


class TestMethod(VideoMethod):
    kind = TinyKeep


@pytest.mark.parametrize("num_frames", [1, 3, 4, 7])
@torch.inference_mode()
def test_starts_anew_at_each_chunk(num_frames):
    clip = clip_of(TinyKeep, num_frames)
    restored = torch.stack(list(ready(TinyKeep, chunk=3, keep_grey=False).restore(iter(clip))))
    network = network_of(TinyKeep)
    pieces = [network(piece * 2 - 1) for piece in torch.stack(clip).split(3)]
    torch.testing.assert_close(restored, (torch.cat(pieces).clamp(-1, 1) + 1) / 2)


def test_reads_one_chunk_at_a_time():
    taken = []

    def frames():
        for number, frame in enumerate(clip_of(TinyKeep, 5)):
            taken.append(number)
            yield frame

    restored = ready(TinyKeep, chunk=2).restore(frames(), clip="a")
    for expected in (2, 2, 4, 4, 5):
        next(restored)
        assert len(taken) == expected


def test_refuses_an_empty_chunk():
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


def test_returns_grey_for_grey():
    colour = clip_of(TinyKeep, 1)[0]
    grey = colour.mean(0, keepdim=True).expand(3, -1, -1)
    kept = list(ready(TinyKeep).restore([grey, colour]))
    raw = list(ready(TinyKeep, keep_grey=False).restore([grey, colour]))
    assert (raw[0].amax(0) - raw[0].amin(0)).max() > 0.05
    assert torch.equal(kept[0], in_grey(raw[0]))
    weights = np.array([0.2989, 0.5870, 0.1140]).reshape(3, 1, 1)
    np.testing.assert_allclose(kept[0][1], (raw[0].numpy() * weights).sum(0), atol=1e-6)
    assert torch.equal(kept[1], raw[1])


# Reference tensors


@pytest.mark.parity
@pytest.mark.slow
def test_network_equals_the_reference(shared):
    golden = shared / "facts" / "keep" / "golden.npz"
    failed = [str(item) for item in parity.deviations("keep", golden, 0) if not item.ok]
    assert not failed
