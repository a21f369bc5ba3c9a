"""GFPGAN: network, method, weights files."""

import math
from pathlib import Path

import pytest
import torch

import dicface.methods
from baselines.gfpgan import Gfpgan
from baselines.networks.gfpgan import Gfpgan as Network
from dicface.base.errors import MethodError
from tests.baselines._stylegan import (
    SIZE,
    TINY,
    FrameByFrame,
    check_that_images_of_a_batch_do_not_mix,
    clip_of,
    seeded,
)
from tests.parity.compare import deviations


class SmallGfpgan(Gfpgan):
    def build(self) -> torch.nn.Module:
        return Network(SIZE, **TINY)


def ready() -> Gfpgan:
    method = SmallGfpgan()
    method.network = seeded(method.build())
    return method


# Network


def test_has_the_released_size():
    with torch.device("meta"):
        network = Network()
    assert len(network.state_dict()) == 285
    assert sum(p.numel() for p in network.parameters()) == 86_444_252
    assert network.noise_sizes() == [4] + [2**k for k in range(3, 10) for _ in range(2)]


def test_images_of_a_batch_do_not_mix():
    check_that_images_of_a_batch_do_not_mix(Network)


@torch.inference_mode()
def test_uses_the_stored_noise_unless_given_other():
    network = seeded(Network(SIZE, **TINY))
    x = torch.randn(1, 3, SIZE, SIZE)
    stored = [
        network.get_buffer(f"stylegan_decoder.noises.noise{i}")
        for i in range(len(network.noise_sizes()))
    ]
    assert torch.equal(network(x), network(x, stored))
    for i in range(len(stored)):
        other = [noise + (number == i) for number, noise in enumerate(stored)]
        assert not torch.equal(network(x), network(x, other)), f"noise {i} is not used"


@torch.inference_mode()
def test_modulates_the_second_half_of_the_channels():
    network = seeded(Network(SIZE, **TINY))
    seen = []
    decoder = network.stylegan_decoder
    decoder.style_convs[0].register_forward_hook(lambda _, __, out: seen.append(out))
    decoder.style_convs[1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network.condition_scale[0].register_forward_hook(lambda _, __, out: seen.insert(0, out))
    network.condition_shift[0].register_forward_hook(lambda _, __, out: seen.insert(1, out))
    network(torch.randn(1, 3, SIZE, SIZE))
    scale, shift, before, after = seen
    half = before.shape[1] // 2
    assert torch.equal(after[:, :half], before[:, :half])
    torch.testing.assert_close(after[:, half:], before[:, half:] * scale + shift)


# Method


def test_facts():
    facts = dicface.methods.method("gfpgan").facts
    assert facts.tasks == ("bfr",)
    assert (facts.window, facts.chunk, facts.size, facts.aligned) == (1, None, 512, True)
    assert set(facts.weights) == set(facts.tasks)
    assert facts.licence
    assert " @ " in facts.source
    assert facts.commercial


class TestRestoration(FrameByFrame):
    kind, small = Gfpgan, SmallGfpgan

    @pytest.mark.parametrize("wrapper", ["params_ema", "params"])
    def test_released_file_is_loaded(self, wrapper: str | None, tmp_path: Path):
        self.check_that_a_released_file_is_loaded(wrapper, tmp_path)


def test_noise_depends_on_clip_and_frame_alone():
    method = ready()
    still = clip_of(1) * 3
    frames = torch.stack(list(method.restore(still, clip="a")))
    assert not torch.equal(frames[0], frames[1])
    assert not torch.equal(frames[0], next(method.restore(still, clip="b")))
    assert torch.equal(frames[0], next(method.restore(still[:1], clip="a")))


@torch.inference_mode()
def test_maps_ranges_as_its_release():
    method = ready()
    frame = clip_of(1)[0]
    noises = method._noises("a", 0)
    expected = method.network((frame[None] - 0.5) / 0.5, noises)[0].clamp(-1, 1) / 2 + 0.5
    torch.testing.assert_close(next(method.restore([frame], clip="a")), expected)


def test_passes_values_that_are_not_finite_to_the_runner():
    method = ready()
    method.network.stylegan_decoder.to_rgb1.bias.data[0, 0] = math.nan
    assert next(method.restore(clip_of(1))).isnan().any()


def test_names_a_frame_of_another_size():
    frames = ready().restore([torch.zeros(3, 8, SIZE)], clip="holiday")
    with pytest.raises(
        MethodError, match=r"clip 'holiday', frame 0: .*\(3, 8, 16\).*\(3, 16, 16\)"
    ):
        next(frames)


# Weights files


def test_averaged_weights_come_first(tmp_path: Path):
    averaged, last = (seeded(SmallGfpgan().build(), seed).state_dict() for seed in (1, 2))
    torch.save({"params": last, "params_ema": averaged}, tmp_path / "weights.pth")
    network = SmallGfpgan(weights=tmp_path / "weights.pth").network
    assert torch.equal(network.state_dict()["final_conv.bias"], averaged["final_conv.bias"])


# Reference tensors


@pytest.mark.parity
@pytest.mark.slow
def test_network_equals_the_reference(shared: Path):
    golden = shared / "facts" / "gfpgan" / "golden.npz"
    failed = [str(item) for item in deviations("gfpgan", golden, seed=0) if not item.ok]
    assert not failed
