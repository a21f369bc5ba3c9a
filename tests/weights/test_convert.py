"""Conversion of checkpoints to safetensors, once and safely."""

import errno
import os
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dicface.base.errors import WeightsError
from dicface.weights import registry as weights
from dicface.weights.convert import read_checkpoint
from dicface.weights.load import read_state
from tests.weights.server import names_in, run


def test_a_checkpoint_is_converted_once_and_read_from_its_copy(
    server, registry, capsys, checkpoint, monkeypatch
):
    server.files["/c"] = checkpoint.read_bytes()
    path = registry("c", f"{server.url}/c", file="c.pth", sha256=weights.sha256_of(checkpoint))
    assert run(capsys, "fetch", "c")[0] == 0
    assert names_in(path.parent) == ["c.pth", "c.safetensors", weights.LOCK]
    record = weights.read_lock(path.parent)["files"]["c.pth"]
    copy = path.with_suffix(".safetensors")
    assert record["sha256"] == weights.sha256_of(path)
    assert record["converted"] == {"file": copy.name, "sha256": weights.sha256_of(copy)}
    assert "params_ema/tied.weight" in load_file(copy)
    assert "c.safetensors" in run(capsys, "verify", "c")[1]

    expected = read_state(checkpoint)
    monkeypatch.setattr(torch, "load", None)  # from here on no pickle can be read
    found = read_state(weights.find("c"))
    assert found.keys() == expected.keys() == {"a.weight", "tied.weight", "x/y"}
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor)
        assert found[name].dtype == tensor.dtype
    assert read_checkpoint(path)["epoch"] == 3
    assert read_checkpoint(path)["params"]["b.bias"].dtype == torch.half


def test_bare_tensors_convert_too(registry, tmp_path, capsys):
    state = {"a/b": torch.ones(2), "conv.weight": torch.zeros(3)}
    torch.save(state, tmp_path / "c.pth")
    path = registry("c", "https://host/c", file="c.pth")
    assert run(capsys, "add", "c.pth")[0] == 0
    assert path.with_suffix(".safetensors").is_file()
    found = read_state(path)
    assert found.keys() == state.keys()


def test_a_damaged_copy_is_an_error_and_a_stale_one_is_not_used(
    registry, checkpoint, capsys, tmp_path
):
    path = registry("c", "https://host/c", file="c.pth")
    assert run(capsys, "add", str(checkpoint), "--name", "c")[0] == 0
    copy = path.with_suffix(".safetensors")
    good = copy.read_bytes()
    copy.write_bytes(good[:-1] + b"\1")
    with pytest.raises(WeightsError, match=r"c\.safetensors: is not the copy"):
        read_state(path)
    status, said = run(capsys, "verify", "c")
    assert status == 2
    assert "not the copy" in said
    copy.unlink()
    assert weights.converted_copy(path) is None
    assert run(capsys, "add", str(path))[0] == 0  # made again, in place
    assert copy.read_bytes() == good
    torch.save({"other": torch.ones(1)}, path)
    assert weights.converted_copy(path) is None
    assert set(read_state(path)) == {"other"}


class Malicious:
    def __reduce__(self):
        return (os.mkdir, ("hacked",))


@pytest.mark.parametrize("digest_known", [True, False])
@pytest.mark.parametrize("way", ["fetch", "add"])
def test_a_pickle_that_holds_more_than_tensors_is_refused(
    server, registry, capsys, tmp_path, way, digest_known
):
    bad = tmp_path / "bad.pth"
    torch.save({"params": {"w": torch.ones(2)}, "extra": Malicious()}, bad)
    server.files["/bad"] = bad.read_bytes()
    digest = weights.sha256_of(bad) if digest_known else None
    path = registry("bad", f"{server.url}/bad", file="c.pth", sha256=digest)
    arguments = ("fetch", "bad") if way == "fetch" else ("add", str(bad), "--name", "bad")
    status, said = run(capsys, *arguments)
    assert status == 2
    assert "mkdir" in said
    assert "would run code" in said
    assert "weights_only" not in said  # torch advises to open the file all the same
    assert not Path("hacked").exists()
    assert names_in(path.parent) == []
    assert bad.is_file()


def test_torchscript_and_other_kinds_stay_as_they_are(registry, tmp_path, capsys):
    script = tmp_path / "s.pt"
    with zipfile.ZipFile(script, "w") as content:
        content.writestr("s/data.pkl", b"")
        content.writestr("s/code/__torch__/s.py", b"def f(): ...")
    path = registry("s", "https://host/s", file="s.pt")
    assert run(capsys, "add", str(script))[0] == 0
    assert names_in(path.parent) == ["s.pt", weights.LOCK]


def test_no_space_for_the_copy_leaves_the_file(registry, checkpoint, capsys, monkeypatch, caplog):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = registry("c", "https://host/c", file="c.pth")
    with monkeypatch.context() as patch:
        patch.setattr("safetensors.torch.save_file", full)
        assert run(capsys, "add", str(checkpoint), "--name", "c")[0] == 0
    assert "stays unconverted" in caplog.text
    assert "params_ema" in read_checkpoint(path)
    assert names_in(path.parent) == ["c.pth", weights.LOCK]
