"""Which networks measure."""

import importlib.util
import pickle

import pytest

from dicface.base.errors import ConfigError, WeightsError
from dicface.metrics import METRICS, official_files
from dicface.metrics.backbones import Backbones
from dicface.metrics.facts import IDENTITY
from dicface.metrics.lpips import ALEXNET, PERCEPTUAL
from dicface.weights import registry


def test_auto_takes_offline_networks_where_no_file_is_at_hand(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("DICFACE_WEIGHTS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    chosen = Backbones.resolve("auto")
    names = {metric: chosen.of(metric).name for metric in METRICS}
    assert names == {
        "psnr": "pixels",
        "ssim": "pixels",
        "lpips": "Lite2",
        "ids": "dlib-resnet",
        "akd": "dlib-68",
        "fvd": "Lite2",
        "kvd": "Lite2",
        "tlme": "dlib-68",
    }
    official = [metric for metric in METRICS if chosen.of(metric).official]
    assert official == ["psnr", "ssim"]
    assert "w600k_r50.onnx is not on this machine" in chosen[IDENTITY].info.reason
    with pytest.raises(WeightsError, match=r"vgg16-397923af\.pth.*not on this machine.*auto"):
        Backbones.resolve("official")


def test_a_damaged_official_file_is_an_error_and_never_a_fallback(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("DICFACE_WEIGHTS", str(tmp_path))
    (tmp_path / registry.entry("vgg16").file).write_bytes(b"not these")
    with pytest.raises(WeightsError, match=r"sha256 is .*expected 397923af"):
        Backbones.resolve("auto")
    assert (
        Backbones.resolve("offline")[PERCEPTUAL].info.reason == "offline backbones were asked for"
    )


def test_official_files_are_taken_one_by_one(monkeypatch, tmp_path) -> None:
    path = tmp_path / "i3d.pt"
    path.write_bytes(b"any")
    only_i3d = {"i3d_torchscript": path}
    monkeypatch.setattr(registry, "find", only_i3d.get)
    chosen = Backbones.resolve("auto")
    assert chosen.of("fvd").name == "i3d"
    assert chosen.of("fvd").official
    assert not chosen.of("lpips").official
    assert Backbones.resolve("offline").of("fvd").name == "Lite2"


def test_random_features_measure_only_on_request(monkeypatch) -> None:
    chosen = Backbones.resolve("random")
    assert chosen.of("lpips").name == "random-vgg16"
    assert chosen.of("fvd").name == "random-r3d18"
    assert chosen.of("akd").name == "dlib-68"  # needs no package
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"efficientnet-lite2.*metrics\.backbones: random"):
        Backbones.resolve("offline")


def test_every_official_file_is_registered_with_its_digest() -> None:
    for name in (*official_files(), ALEXNET.file):
        assert len(registry.entry(name).sha256) == 64


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(ConfigError, match="'best'"):
        Backbones.resolve("best")


def test_a_variant_measures_instead_of_the_tables_network(monkeypatch, tmp_path) -> None:
    path = tmp_path / "alexnet.pth"
    path.write_bytes(b"any")
    monkeypatch.setattr(registry, "find", {"alexnet": path}.get)
    chosen = Backbones.resolve("auto", instead=[ALEXNET])
    assert chosen.of("lpips").name == "lpips-alexnet"
    # Another process is told what to choose, and chooses the same.
    assert pickle.loads(pickle.dumps(chosen)).digests() == chosen.digests()
