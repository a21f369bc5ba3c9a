"""BasicVSR++: network, method, weights files."""

import logging

import pytest
import torch

from baselines.basicvsrpp import BasicVsrPp
from baselines.networks.basicvsrpp import BasicVsrPlusPlus
from dicface.base.errors import WeightsError
from tests.baselines._vsr import (
    CHANNELS,
    Enlarger,
    SmallBasicVsrPp,
    SmallRealBasicVsr,
    check_that_every_frame_reaches_every_other,
    noise,
    restored,
    seeded,
)
from tests.parity import compare as parity


@pytest.mark.parametrize(
    ("network", "num_keys", "num_parameters"),
    [
        (BasicVsrPlusPlus, 274, 7_322_927),
        (lambda: BasicVsrPlusPlus(low_resolution_input=False), 278, 7_396_783),
    ],
)
def test_released_sizes(network, num_keys, num_parameters):
    with torch.device("meta"):
        built = network()
    assert len(built.state_dict()) == num_keys
    assert sum(p.numel() for p in built.parameters()) == num_parameters


@torch.no_grad()
def test_same_size_variant():
    network = seeded(BasicVsrPlusPlus(CHANNELS, 1, low_resolution_input=False))
    assert network(noise(1, 2, 3, 16, 24)).shape == (1, 2, 3, 16, 24)
    with pytest.raises(ValueError, match="multiples of 4"):
        network(noise(1, 2, 3, 18, 24))


@torch.no_grad()
def test_without_features_the_output_is_the_enlarged_input():
    network = seeded(BasicVsrPlusPlus(CHANNELS, 1))
    torch.nn.init.zeros_(network.conv_last.weight)
    torch.nn.init.zeros_(network.conv_last.bias)
    clips = torch.full((1, 2, 3, 8, 8), 0.25)
    torch.testing.assert_close(network(clips), torch.full((1, 2, 3, 32, 32), 0.25))


def test_every_frame_reaches_every_other():
    check_that_every_frame_reaches_every_other(BasicVsrPlusPlus(CHANNELS, 1))


class TestMethod(Enlarger):
    name, small = "basicvsrpp", SmallBasicVsrPp


def test_no_frames_give_no_frames(released):
    assert list(released(SmallBasicVsrPp).restore(iter([]), clip="a")) == []


def test_small_frames_are_named(released, clip, caplog):
    with caplog.at_level(logging.WARNING):
        restored(released(SmallBasicVsrPp), clip[:1])
    assert "clip 'a'" in caplog.text
    assert "24×16" in caplog.text


def test_bare_keys_load_too(tmp_path, clip):
    path = tmp_path / "bare.pth"
    torch.save(seeded(BasicVsrPlusPlus(CHANNELS, 1)).state_dict(), path)
    assert restored(SmallBasicVsrPp(weights=path), clip[:1]).shape == (1, 3, 64, 96)


def test_weights_of_the_other_network(released, clip):
    other = released(SmallRealBasicVsr).weights
    with pytest.raises(
        WeightsError, match=r"released.pth: .*looks like RealBasicVSR .*expected BasicVSR\+\+"
    ):
        restored(SmallBasicVsrPp(weights=other), clip)


def test_weights_of_another_size(released, clip):
    small = released(SmallBasicVsrPp).weights
    with pytest.raises(WeightsError, match="tensors of other shapes"):
        restored(BasicVsrPp(weights=small), clip)


def test_damaged_file(tmp_path, clip):
    path = tmp_path / "cut.pth"
    path.write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(WeightsError, match=r"cut\.pth"):
        restored(SmallBasicVsrPp(weights=path), clip)


@pytest.mark.parity
@pytest.mark.slow
def test_every_stored_tensor_is_met(shared, capsys):
    golden = shared / "facts" / "basicvsr_pp" / "golden.npz"
    assert parity.main(["basicvsr_pp", "--golden", str(golden), "--seed", "0"]) == 0, (
        capsys.readouterr().out
    )
