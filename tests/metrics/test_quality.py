"""NIQE, MUSIQ, CLIP-IQA and TOPIQ: pyiqa's networks on files, without a network of wires."""

import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
from skimage.data import astronaut

from dicface.base.errors import WeightsError
from dicface.metrics import functional
from dicface.metrics.backbones import quality
from dicface.metrics.quality import STRIDE
from dicface.weights import registry

PHOTO = np.ascontiguousarray(astronaut()[:256, 96:352])


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("asks the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def niqe_file(path: Path) -> None:
    scipy.io.savemat(path, {"mu_prisparam": np.ones((1, 36)), "cov_prisparam": np.eye(36)})


def musiq_file(path: Path) -> None:
    from pyiqa.archs.musiq_arch import MUSIQ

    torch.save(MUSIQ(pretrained=False).state_dict(), path)


def topiq_file(path: Path) -> None:
    from pyiqa.archs.topiq_arch import CFANet

    network = CFANet(backbone_pretrain=False, use_ref=False, pretrained=False)
    state = {f"module.{name}": tensor for name, tensor in network.state_dict().items()}
    torch.save({"params": state}, path)


@pytest.mark.parametrize(
    ("network", "write"),
    [
        (quality.NiqeQuality, niqe_file),
        (quality.MusiqQuality, musiq_file),
        (quality.TopiqQuality, topiq_file),
    ],
)
def test_a_network_measures_by_its_file_alone_and_the_same_each_time(
    network: type, write: Callable[[Path], None], tmp_path: Path
) -> None:
    write(tmp_path / "weights")
    found = [network(tmp_path / "weights", "cpu").quality(PHOTO) for _ in range(2)]
    assert found[0] == found[1]
    assert np.isfinite(found[0])
    (tmp_path / "other").write_bytes(b"other")
    with pytest.raises(WeightsError, match="other: is not what .* is computed with"):
        network(tmp_path / "other", "cpu").quality(PHOTO)


class OnlyParameters(torch.nn.Module):
    """What the released archive of CLIP holds, as far as its loading looks."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        for name, value in (*network.named_children(), *network.named_parameters(recurse=False)):
            setattr(self, name, value)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return picture


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_clip_is_read_from_its_archive_and_asked_in_words(tmp_path: Path) -> None:
    from pyiqa.archs.clip_model import CLIP

    small = CLIP(16, 224, (1, 1, 1, 1), 64, None, 77, 49408, 64, 1, 1)
    torch.jit.trace(OnlyParameters(small).eval(), torch.zeros(1)).save(str(tmp_path / "RN50.pt"))
    found = quality.ClipIqaQuality(tmp_path / "RN50.pt", "cpu").quality(PHOTO)
    assert 0 < found < 1


def test_niqe_looks_at_every_fourth_frame_of_a_clip_as_a_face_of_512_px(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    niqe_file(tmp_path / registry.entry("niqe").file)
    monkeypatch.setenv("DICFACE_WEIGHTS", str(tmp_path))
    seen = []

    def quality_of(self: quality.NiqeQuality, face: np.ndarray) -> float:
        seen.append(face.shape)
        return float(face[0, 0, 0])

    monkeypatch.setattr(quality.NiqeQuality, "quality", quality_of)
    frames = np.repeat(np.arange(10, dtype=np.uint8), 32 * 32 * 3).reshape(10, 32, 32, 3)
    assert functional.niqe(frames) == np.mean([0, STRIDE, 2 * STRIDE])
    assert seen == [(512, 512, 3)] * 3
