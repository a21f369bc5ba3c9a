"""Released weights into networks, and what files look like that do not fit."""

import subprocess

import pytest
import torch
from safetensors.torch import save_file

from dicface.base.errors import WeightsError
from dicface.models import build
from dicface.models.checkpoint import save_weights
from dicface.weights.load import load_into, looks_like, read_state
from tests.methods.small import TINY


def _write(path, tensors):
    if path.suffix == ".safetensors":
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    else:
        torch.save({"params_ema": tensors, "params": {}}, path)
    return path


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_released_weights_load_whole(tmp_path, suffix):
    source, target = build("dicface", **TINY), build("dicface", **TINY)
    load_into(target, _write(tmp_path / f"w{suffix}", source.state_dict()), label="DicFace")
    for name, tensor in source.state_dict().items():
        assert torch.equal(target.state_dict()[name], tensor)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.module."])
def test_what_a_wrapper_put_before_all_names_is_left_out_with_a_word(tmp_path, caplog, prefix):
    caplog.set_level("INFO")
    source, target = build("dicface", **TINY), build("dicface", **TINY)
    wrapped = {f"{prefix}{name}": tensor for name, tensor in source.state_dict().items()}
    load_into(target, _write(tmp_path / "w.pth", wrapped), label="DicFace")
    for name, tensor in source.state_dict().items():
        assert torch.equal(target.state_dict()[name], tensor)
    assert f"w.pth: all names begin with '{prefix}', which is left out" in caplog.text
    beside = _write(tmp_path / "w.pth", wrapped | {"other.weight": torch.zeros(1)})
    with pytest.raises(WeightsError, match="looks like"):
        load_into(build("dicface", **TINY), beside, label="DicFace")


def test_weights_of_another_network_are_described(tmp_path):
    path = _write(tmp_path / "w.pth", build("codeformer", **TINY).state_dict())
    with pytest.raises(WeightsError) as raised:
        load_into(build("dicface", **TINY), path, label="DicFace")
    message = str(raised.value)
    assert str(path) in message
    assert "missing" in message
    assert "dir_dist_layers" in message or "multiscale" in message
    assert "looks like CodeFormer" in message


def test_weights_of_another_size_leave_the_network_as_it_was(tmp_path):
    wide, network = build("codeformer", **TINY | {"dim_embd": 32}), build("codeformer", **TINY)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(WeightsError, match=r"other shapes.*\(32,.*\(16,"):
        load_into(network, _write(tmp_path / "w.pth", wide.state_dict()), label="CodeFormer")
    assert all(torch.equal(before[name], t) for name, t in network.state_dict().items())


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_damaged_weights_are_named(tmp_path, suffix):
    path = _write(tmp_path / f"w{suffix}", build("vqgan", **_only_vqgan()).state_dict())
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(WeightsError, match=f"{path.name}: "):
        read_state(path)


def test_a_pickle_that_holds_more_than_tensors_is_refused(tmp_path):
    path = tmp_path / "w.pth"
    torch.save({"params_ema": subprocess.run}, path)
    with pytest.raises(WeightsError, match="would run code"):
        read_state(path)
    torch.save({"epoch": 3}, path)
    with pytest.raises(WeightsError, match="dictionary with epoch"):
        read_state(path)


def test_every_released_kind_is_recognised():
    assert looks_like({"kalman_filter.x": torch.zeros(1)}).startswith("KEEP")
    assert looks_like({"a": torch.zeros(1)}).startswith("an unknown network")


def _only_vqgan():
    names = {"dim_embd", "n_head", "n_layers", "dim_mlp", "connect_list"}
    return {name: value for name, value in TINY.items() if name not in names}


def test_headers_of_trainings_are_compared_in_words(tmp_path):
    path = tmp_path / "w.safetensors"
    network = build("codeformer", **TINY)
    facts = {"network": "codeformer", "settings": TINY | {"codebook_size": 8, "resolution": 32}}
    save_weights(path, network.state_dict(), facts)
    with pytest.raises(
        WeightsError, match=r"with codebook_size 8, resolution 32; X has c\w+ 16, res\w+ 16"
    ):
        load_into(network, path, label="X")
    with pytest.raises(WeightsError, match="holds the network 'codeformer' .* expected DicFace"):
        load_into(build("dicface", **TINY), path, label="DicFace")
    save_weights(path, network.state_dict(), {"network": "codeformer", "settings": dict(TINY)})
    load_into(build("codeformer", **TINY), path, label="X")
