"""CodeFormer and DicFace with weights that `train` wrote."""

import pytest
import torch

import dicface.methods
from dicface.base.errors import MethodError, WeightsError
from dicface.models import build
from dicface.models.checkpoint import save_weights
from tests.methods.small import TINY


def test_a_trained_method_without_weights_says_so_and_refuses_to_run():
    method = dicface.methods.create("dicface_trained")
    assert method.unavailable() == "no trained weights were given"
    with pytest.raises(MethodError, match="no trained weights"):
        list(method.restore([torch.zeros(3, 16, 16)]))


@pytest.mark.parametrize("name", ["codeformer", "dicface"])
def test_trained_weights_restore_at_the_size_they_were_trained_for(tmp_path, name):
    torch.manual_seed(0)
    network = build(name, **TINY)
    path = tmp_path / "model.safetensors"
    save_weights(path, network.state_dict(), {"network": name, "settings": TINY})
    method = dicface.methods.create(f"{name}_trained", weights=path)
    frames = list(torch.rand(3, 3, 16, 16))
    restored = list(method.restore(iter(frames), clip="a"))
    assert [tuple(frame.shape) for frame in restored] == [(3, 16, 16)] * 3
    assert all(frame.min() >= 0 and frame.max() <= 1 for frame in restored)
    assert not any(frame.requires_grad for frame in restored)
    with torch.no_grad():
        x = torch.stack(frames) * 2 - 1
        if name == "codeformer":
            expected = network.eval()(x, w=1.0)[0]
            assert torch.allclose(torch.stack(restored), (expected.clamp(-1, 1) + 1) / 2, atol=1e-5)
    assert method.fingerprint()["weights"].keys() == {"model.safetensors"}


def test_trained_weights_of_the_other_network_are_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    facts = {"network": "codeformer", "settings": TINY}
    save_weights(path, build("codeformer", **TINY).state_dict(), facts)
    method = dicface.methods.create("dicface_trained", weights=path)
    with pytest.raises(WeightsError, match="holds the network 'codeformer', expected 'dicface'"):
        next(method.restore(iter([torch.zeros(3, 16, 16)])))


def test_the_size_of_trained_weights_is_that_of_their_header(tmp_path):
    facts = {"network": "dicface", "settings": TINY}
    save_weights(tmp_path / "w.safetensors", build("dicface", **TINY).state_dict(), facts)
    for weights in (tmp_path / "w.safetensors", tmp_path):
        assert dicface.methods.create("dicface_trained", weights=weights).side == 16
    assert dicface.methods.create("dicface_trained").side is None


def test_weights_of_another_task_are_refused_by_its_name(tmp_path):
    path = tmp_path / "model.safetensors"
    facts = {"network": "dicface", "settings": TINY, "task": "inpainting"}
    save_weights(path, build("dicface", **TINY).state_dict(), facts)
    frames = [torch.zeros(3, 16, 16)]
    for name in ("dicface_trained", "dicface"):
        method = dicface.methods.create(name, weights=path)
        with pytest.raises(WeightsError, match="for the task 'inpainting', and .* to do 'bfr'"):
            next(method.restore(iter(frames)))
    own = dicface.methods.create("dicface_trained", weights=path, task="inpainting")
    assert len(list(own.restore(iter(frames)))) == 1


def test_frames_of_another_size_than_the_weights_are_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    facts = {"network": "dicface", "settings": TINY, "task": "bfr"}
    save_weights(path, build("dicface", **TINY).state_dict(), facts)
    method = dicface.methods.create("dicface_trained", weights=path)
    assert method.unavailable(size=32) == "needs 16×16 frames, these are 32×32"
    assert method.unavailable(size=16) is None
    with pytest.raises(MethodError, match=f"{tmp_path / 'none'}: no such file"):
        dicface.methods.create("dicface_trained", weights=tmp_path / "none").weights_files()


def test_weights_of_a_training_are_told_from_released_ones(tmp_path):
    (tmp_path / "released.pth").write_bytes(b"PK")
    method = dicface.methods.create("dicface_trained", weights=tmp_path / "released.pth")
    with pytest.raises(WeightsError, match=r"no \.safetensors file, which trainings write"):
        next(method.restore(iter([torch.zeros(3, 16, 16)])))
