"""Weights that this project made are part of the package: found, checked, never fetched."""

import hashlib

import pytest
import torch
import yaml

import dicface.methods
from dicface.base.errors import WeightsError
from dicface.models import build
from dicface.models.checkpoint import load_tensors, save_weights
from dicface.training.loop import train_stage
from dicface.weights import registry as weights
from dicface.weights.fetch import add, fetch
from tests.training.conftest import clips, raw
from tests.training.test_train import config_of

__all__ = ["clips", "raw"]


@pytest.fixture
def shipped(raw, registry, tmp_path, monkeypatch):
    """A small network of stage III in 16 bits as `codeformer_demo`; returns its file."""
    monkeypatch.setattr(weights, "SHIPPED", tmp_path / "shipped")
    settings = raw["model"]["vqgan"] | raw["model"]["transformer"] | {"resolution": 16}
    torch.manual_seed(0)
    tensors = {name: t.half() for name, t in build("codeformer", **settings).state_dict().items()}
    path = tmp_path / "shipped" / "codeformer_demo.safetensors"
    save_weights(path, tensors, {"network": "codeformer", "settings": settings, "task": "bfr"})
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    registry("codeformer_demo", "", file=path.name, shipped=True, sha256=sha256)
    return path


def test_the_package_has_it_and_a_file_of_the_user_does_not_stand_in_its_way(shipped, tmp_path):
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / shipped.name).write_bytes(b"another")
    assert weights.find("codeformer_demo") == shipped
    assert fetch("codeformer_demo", accept=lambda _: False) == shipped
    assert not (shipped.parent / weights.LOCK).exists()
    with pytest.raises(WeightsError, match="part of dicface; there is nothing to add"):
        add(shipped, "codeformer_demo")


def test_what_is_missing_or_damaged_is_installed_again(shipped):
    damaged = bytearray(shipped.read_bytes())
    damaged[-1] ^= 1
    shipped.write_bytes(damaged)
    with pytest.raises(WeightsError, match=r"damaged.*install dicface again"):
        weights.find("codeformer_demo")
    method = dicface.methods.create("codeformer_demo")
    assert "damaged" in method.unavailable(size=128)
    shipped.unlink()
    with pytest.raises(WeightsError, match="part of dicface: install dicface again"):
        fetch("codeformer_demo", accept=lambda _: True)
    assert "part of dicface: install dicface again" in method.unavailable(size=128)


def test_a_run_starts_from_it(shipped, raw, clips, tmp_path):
    raw["train"]["fusion"]["released"] = "codeformer_demo"
    taken = load_tensors(train_stage(config_of(raw), "fusion", clips=clips, out=tmp_path / "run"))
    own = load_tensors(shipped)
    assert taken.keys() == own.keys()
    assert all(t.dtype == torch.float32 and t.equal(own[name].float()) for name, t in taken.items())


def test_sizes_of_another_network_are_named(shipped, raw, clips, tmp_path):
    raw["train"]["fusion"]["released"] = "codeformer_demo"
    raw["model"]["vqgan"]["codebook_size"] = 32
    with pytest.raises(WeightsError, match="with codebook_size 16; .* has codebook_size 32"):
        train_stage(config_of(raw), "fusion", clips=clips, out=tmp_path / "run")


def test_it_restores(shipped):
    method = dicface.methods.create("codeformer_demo")
    frames = list(torch.rand(2, 3, 16, 16))
    assert [tuple(frame.shape) for frame in method.restore(iter(frames))] == [(3, 16, 16)] * 2


def test_the_files_of_the_package_are_those_of_the_table():
    entries = yaml.safe_load(
        (weights.Path(weights.__file__).with_name("registry.yaml")).read_text()
    )
    for name, facts in entries.items():
        if facts.get("shipped"):
            path = weights.SHIPPED / facts["file"]
            assert hashlib.sha256(path.read_bytes()).hexdigest() == facts["sha256"], name
            assert path.stat().st_size == facts["bytes"], name
