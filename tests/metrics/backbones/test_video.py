"""The networks of FVD: what they are given, seeded weights."""

import numpy as np
import torch

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


def test_i3d_is_given_16_frames_of_224_px_in_unit_range(tmp_path) -> None:
    path = tmp_path / "i3d.pt"
    torch.jit.script(Means()).save(str(path))
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
