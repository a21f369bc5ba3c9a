"""RealBasicVSR: network, method, weights files."""

import pytest
import torch

from baselines.networks.realbasicvsr import MAX_CLEANING_ROUNDS
from baselines.networks.realbasicvsr import RealBasicVsr as Network
from baselines.realbasicvsr import RealBasicVsr
from dicface.base.errors import MethodError
from tests.baselines._vsr import (
    CHANNELS,
    Enlarger,
    SmallRealBasicVsr,
    check_that_every_frame_reaches_every_other,
    noise,
    restored,
    seeded,
)
from tests.parity import compare as parity


def test_released_size():
    with torch.device("meta"):
        built = Network()
    assert len(built.state_dict()) == 320
    assert sum(p.numel() for p in built.parameters()) == 6_294_834


@pytest.mark.parametrize(("threshold", "rounds"), [(255.0, 1), (0.0, MAX_CLEANING_ROUNDS)])
@torch.no_grad()
def test_cleaning_rounds(threshold, rounds):
    network = seeded(Network(CHANNELS, 1, 1, cleaning_threshold_levels=threshold))
    calls = []
    network.image_cleaning.register_forward_hook(lambda *_: calls.append(1))
    clips = noise(1, 2, 3, 8, 8)
    kept = clips.clone()
    cleaned = network.clean(clips)
    assert len(calls) == 2 * rounds
    assert torch.equal(clips, kept)
    assert not torch.allclose(cleaned, clips)


def test_every_frame_reaches_every_other():
    check_that_every_frame_reaches_every_other(Network(CHANNELS, 1))


class TestMethod(Enlarger):
    name, small = "realbasicvsr", SmallRealBasicVsr


def test_cleaning_threshold_is_a_setting(released, clip):
    once = restored(released(SmallRealBasicVsr), clip)
    thrice = restored(released(SmallRealBasicVsr, cleaning_threshold_levels=0.0), clip)
    assert not torch.allclose(once, thrice)


def test_negative_threshold():
    with pytest.raises(MethodError, match="cleaning_threshold_levels is -1"):
        RealBasicVsr(cleaning_threshold_levels=-1)


@pytest.mark.parity
@pytest.mark.slow
def test_every_stored_tensor_is_met(shared, capsys):
    golden = shared / "facts" / "realbasicvsr" / "golden.npz"
    assert parity.main(["realbasicvsr", "--golden", str(golden), "--seed", "0"]) == 0, (
        capsys.readouterr().out
    )


@pytest.mark.parity
def test_other_weights_are_noticed_at_once(shared):
    golden = shared / "facts" / "realbasicvsr" / "golden.npz"
    first = next(parity.deviations("realbasicvsr", golden, seed=1))
    assert first.name == "weights_sha256"
    assert not first.ok
