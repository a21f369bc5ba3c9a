"""The networks of LPIPS: mapping of weights, seeded ones."""

import cv2
import lpips
import numpy as np
import pytest
import torch
from skimage.data import astronaut
from torchvision.models import vgg16

from dicface.base.errors import WeightsError
from dicface.base.files import sha256_of
from dicface.metrics.backbones.perceptual import OfficialPerceptual, RandomPerceptual


@pytest.fixture(scope="module")
def frames() -> tuple[np.ndarray, np.ndarray]:
    truth = np.ascontiguousarray(astronaut()[60:124, 190:254])
    return cv2.GaussianBlur(truth, (0, 0), 1.5), truth


@pytest.fixture(scope="module")
def random_vgg() -> RandomPerceptual:
    return RandomPerceptual("cpu", "test")


def as_batch(frame: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(frame).permute(2, 0, 1)[None].float() / 255


def test_random_weights_are_the_same_everywhere(random_vgg: RandomPerceptual) -> None:
    torch.manual_seed(3)
    assert RandomPerceptual("cpu", "test").info == random_vgg.info
    # Another digest means another distance: values before and after cannot be compared.
    assert random_vgg.info.sha256.startswith("e2ec52f46f50e8e1")
    assert (random_vgg.info.name, random_vgg.info.official) == ("random-vgg16", False)


def test_official_lpips_puts_released_weights_where_the_package_does(
    tmp_path, frames: tuple[np.ndarray, np.ndarray]
) -> None:
    path = tmp_path / "vgg16.pth"
    with torch.device("meta"):
        shapes = {k: v.shape for k, v in vgg16().state_dict().items() if k.startswith("features")}
    generator = torch.Generator().manual_seed(0)
    released = {
        key: torch.randn(shape, generator=generator) * (2 / max(shape[1:].numel(), 1)) ** 0.5
        for key, shape in shapes.items()
    }
    torch.save(released, path)
    ours = OfficialPerceptual(path, "cpu")

    theirs = lpips.LPIPS(net="vgg", pnet_rand=True, verbose=False)
    for key, value in theirs.net.state_dict().items():
        value.copy_(released["features." + key.split(".", 1)[1]])
    restored, truth = frames
    with torch.inference_mode():
        expected = float(theirs(as_batch(restored), as_batch(truth), normalize=True))
    assert ours.distance(restored[None], truth[None]) == pytest.approx(expected, rel=1e-5)
    assert expected > 0
    assert ours.info.official
    assert ours.info.sha256 == sha256_of(path)


def test_official_lpips_refuses_another_network(tmp_path) -> None:
    path = tmp_path / "vgg16.pth"
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, path)
    with pytest.raises(WeightsError, match=r"has no 'features\.0\.bias'"):
        _ = OfficialPerceptual(path, "cpu").network
