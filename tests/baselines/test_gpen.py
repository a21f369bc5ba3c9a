"""GPEN: network, method, weights files."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import dicface.methods
from baselines.gpen import Gpen
from baselines.networks.gfpgan import Gfpgan as GfpganNetwork
from baselines.networks.gpen import VARIANTS
from baselines.networks.gpen import Gpen as Network
from dicface.base.errors import MethodError, WeightsError
from dicface.restoring.runner import to_tensor, to_uint8
from tests.baselines._stylegan import (
    SIZE,
    TINY,
    FrameByFrame,
    check_that_images_of_a_batch_do_not_mix,
    clip_of,
    seeded,
)
from tests.parity.compare import deviations


class SmallGpen(Gpen):
    def build(self) -> torch.nn.Module:
        return Network(SIZE if self.task == "bfr" else 2 * SIZE, **TINY)


def ready(task: str = "bfr") -> Gpen:
    method = SmallGpen(task=task)
    method.network = seeded(method.build())
    return method


# Network


@pytest.mark.parametrize(
    ("variant", "num_keys", "num_params"),
    [
        ("GPEN-BFR-512", 163, 71_005_223),
        ("GPEN-BFR-256", 144, 18_879_010),
        ("GPEN-Inpainting-1024", 182, 71_210_540),
        ("GPEN-Colorization-1024", 182, 71_210_540),
    ],
)
def test_variants_have_the_released_size(variant: str, num_keys: int, num_params: int):
    with torch.device("meta"):
        network = Network(**VARIANTS[variant])
    assert len(network.state_dict()) == num_keys
    assert sum(p.numel() for p in network.parameters()) == num_params


def test_images_of_a_batch_do_not_mix():
    check_that_images_of_a_batch_do_not_mix(Network)


# Method


def test_facts():
    facts = dicface.methods.method("gpen").facts
    assert facts.tasks == dicface.methods.TASKS
    assert (facts.window, facts.chunk, facts.size, facts.aligned) == (1, None, 512, True)
    assert set(facts.weights) == set(facts.tasks)
    assert facts.licence
    assert " @ " in facts.source
    assert not facts.commercial


class TestRestoration(FrameByFrame):
    kind, small = Gpen, SmallGpen

    @pytest.mark.parametrize("wrapper", [None, "g_ema"])
    def test_released_file_is_loaded(self, wrapper: str | None, tmp_path: Path):
        self.check_that_a_released_file_is_loaded(wrapper, tmp_path)


class TestInpainting(FrameByFrame):
    kind, small, task, network_side = Gpen, SmallGpen, "inpainting", 1024


class TestColorization(FrameByFrame):
    kind, small, task, network_side = Gpen, SmallGpen, "colorization", 1024


def test_frames_do_not_depend_on_the_clip():
    method = ready()
    still = clip_of(1) * 2
    frames = list(method.restore(still, clip="a"))
    assert torch.equal(frames[0], frames[1])
    assert torch.equal(frames[0], next(method.restore(still, clip="b")))


@torch.inference_mode()
def test_truncates_to_8_bits():
    method = ready()
    frame = clip_of(1)[0]
    raw = method.network((frame[None] - 0.5) / 0.5)[0].numpy() * 0.5 + 0.5
    expected = (np.clip(raw, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
    assert (np.clip(raw, 0, 1) * 255 % 1 > 0.5).any()
    assert np.array_equal(to_uint8(next(method.restore([frame]))), expected)


@torch.inference_mode()
def test_inpaints_at_the_networks_size():
    method = ready("inpainting")
    frame = clip_of(1)[0]
    large = cv2.resize(to_uint8(frame), (2 * SIZE, 2 * SIZE))
    raw = method.network((to_tensor(large)[None] - 0.5) / 0.5)[0].numpy() * 0.5 + 0.5
    image = (np.clip(raw, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
    expected = cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    assert np.array_equal(to_uint8(next(method.restore([frame]))), expected)


def test_colorization_keeps_the_inputs_y():
    grey = [frame.mean(0, keepdim=True).expand(3, -1, -1) for frame in clip_of(2)]
    colour, inpainted = ready("colorization"), ready("inpainting")
    # Weak colours, so that none leaves the 8-bit range and is clipped.
    for method in (colour, inpainted):
        for to_rgb in (method.network.generator.to_rgb1, *method.network.generator.to_rgbs):
            to_rgb.conv.weight.data.mul_(0.05)
            to_rgb.bias.data.mul_(0.05)
    for frame, result, raw in zip(grey, colour.restore(grey), inpainted.restore(grey), strict=True):
        luma = [cv2.cvtColor(to_uint8(f), cv2.COLOR_RGB2YUV)[..., 0] for f in (frame, result)]
        inside = (luma[0] > 40) & (luma[0] < 215)
        assert np.abs(luma[0].astype(int) - luma[1])[inside].max() <= 1
        assert not torch.equal(result, raw)


def test_names_frame_and_clip_of_values_that_are_not_finite():
    method = ready()
    method.network.generator.to_rgb1.bias.data[0, 0] = math.nan
    frames = method.restore(clip_of(1), clip="holiday")
    with pytest.raises(MethodError, match=r"GPEN, clip 'holiday', frame 0: .*not finite"):
        next(frames)


# Weights files


def test_weights_of_another_network_are_described(tmp_path: Path):
    save_file(GfpganNetwork(SIZE, **TINY).state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(WeightsError) as caught:
        _ = SmallGpen(weights=tmp_path / "w.safetensors").network
    message = str(caught.value)
    for part in ("w.safetensors", "ecd0.0.0.weight", "missing", "looks like GFPGAN", "GPEN"):
        assert part in message


def test_weights_of_another_size_are_described(tmp_path: Path):
    state = SmallGpen(task="inpainting").build().state_dict()
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=r"does not have \(ecd3.*looks like GPEN.*expected GPEN"):
        _ = SmallGpen(weights=tmp_path / "w.safetensors").network


# Reference tensors


@pytest.mark.parity
@pytest.mark.slow
def test_network_equals_the_reference(shared: Path):
    golden = shared / "facts" / "gpen" / "golden.npz"
    failed = [str(item) for item in deviations("gpen", golden, seed=0) if not item.ok]
    assert not failed
