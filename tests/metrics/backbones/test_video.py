"""The networks of FVD: what they are given, seeded weights."""

import cv2
import numpy as np
import torch

from dicface.metrics.backbones.lite import LiteVideoFeatures
from dicface.metrics.backbones.video import I3DFeatures, RandomVideoFeatures


class Means(torch.nn.Module):
    """Stands for I3D: tells size and range of what it was given."""

    def forward(
        self, x: torch.Tensor, rescale: bool, resize: bool, return_features: bool
    ) -> torch.Tensor:
        assert return_features
        assert not rescale
        assert not resize
        told = torch.tensor([float(s) for s in x.shape] + [float(x.min()), float(x.max())])
        return torch.nn.functional.pad(told, (0, 400 - 7))[None]


def test_i3d_is_given_16_frames_of_224_px_in_unit_range(tmp_path, register_script) -> None:
    path = tmp_path / "i3d.pt"
    torch.jit.script(Means()).save(str(path))
    register_script("i3d_torchscript", path)
    video = I3DFeatures(path, "cpu")
    frame = np.zeros((64, 64, 3), np.uint8)
    frame[32:] = 255
    window = np.stack([video.prepare(frame)] * 16)
    assert video.features(window)[:8].tolist() == [1, 3, 16, 224, 224, -1, 1, 0]


def test_weights_come_from_names_alone() -> None:
    network = RandomVideoFeatures("cpu", "test")
    first = network.info
    torch.manual_seed(1)
    again = RandomVideoFeatures("cpu", "test")
    assert again.info == first
    # Another digest means other features: FVDs before and after cannot be compared.
    assert again.info.sha256.startswith("f943571f4ad4caa7")
    assert not again.info.official


def test_lite_features_see_time_and_pictures() -> None:
    rng = np.random.default_rng(0)
    scene = cv2.GaussianBlur(rng.integers(0, 256, (80, 96, 3), dtype=np.uint8), (0, 0), 2)
    moving = np.stack([scene[8:72, i : i + 64] for i in range(16)])
    video = LiteVideoFeatures("cpu", "test")

    def features(frames: np.ndarray) -> np.ndarray:
        return video.features(np.stack([video.prepare(frame) for frame in frames]))

    first = features(moving)
    assert first.shape == (656,)
    assert np.array_equal(features(moving), first)
    pictures, changes = np.split(first, 2)
    # The same pictures in another order change from one to the next by more, a frozen one not.
    shuffled = np.split(features(moving[rng.permutation(16)]), 2)
    assert np.allclose(shuffled[0], pictures, atol=1e-5)
    assert shuffled[1].mean() > 1.2 * changes.mean()
    assert features(np.repeat(moving[:1], 16, 0))[328:].max() == 0
    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), 2) for frame in moving])
    assert np.abs(np.split(features(blurred), 2)[0] - pictures).max() > 0.01
