"""Small StyleGANs with seeded weights, and what GPEN and GFPGAN must both satisfy."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from dicface.base.errors import MethodError
from dicface.methods import Method
from dicface.restoring.runner import restore_clip, to_tensor, to_uint8

SIZE = 16
TINY = {"channel_multiplier": 1, "narrow": 1 / 64, "style_dim": 8, "n_mlp": 2}


def seeded(network: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """Fills all but the blur kernels; no factor that tests rely on stays zero."""
    generator = torch.Generator().manual_seed(seed)
    for key, tensor in network.state_dict().items():
        if not key.endswith(".kernel"):
            centre = 1.0 if key.endswith("modulation.bias") else 0.0
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.3 + centre)
    return network.eval()


def clip_of(num_frames: int, seed: int = 0) -> list[torch.Tensor]:
    rng = np.random.default_rng(seed)
    return [
        to_tensor(cv2.resize(rng.integers(0, 256, (4, 4, 3), np.uint8), (SIZE, SIZE)))
        for _ in range(num_frames)
    ]


@torch.inference_mode()
def check_that_images_of_a_batch_do_not_mix(build: Callable[..., nn.Module]):
    network = seeded(build(SIZE, **TINY))
    x = torch.randn(2, 3, SIZE, SIZE)
    together = network(x)
    assert together.shape == x.shape
    assert together.std() > 0
    torch.testing.assert_close(network(x[1:]), together[1:], rtol=1e-4, atol=1e-4)


class FrameByFrame:
    """Tests of a method and a task; a class of a test file derives from it for each task."""

    kind: type[Method]
    small: type[Method]
    task = "bfr"
    network_side = 512

    def ready(self) -> Method:
        method = self.small(task=self.task)
        method.network = seeded(method.build())
        return method

    def test_official_networks_fit_the_task(self):
        with torch.device("meta"):
            network = self.kind(task=self.task).build()
        assert network.size == self.network_side

    @pytest.mark.parametrize("num_frames", [0, 1, 5])
    def test_one_frame_out_for_each_in(self, num_frames: int):
        restored = list(self.ready().restore(clip_of(num_frames), clip="a"))
        assert len(restored) == num_frames
        for frame in restored:
            assert frame.shape == (3, SIZE, SIZE)
            assert frame.dtype == torch.float32
            assert 0 <= frame.min() <= frame.max() <= 1

    def test_frames_stream(self):
        taken = []

        def frames():
            for number, frame in enumerate(clip_of(3)):
                taken.append(number)
                yield frame

        restored = self.ready().restore(frames(), clip="a")
        next(restored)
        assert taken == [0]
        assert not torch.is_inference_mode_enabled()

    def test_same_clip_same_result(self):
        once = torch.stack(list(self.ready().restore(clip_of(3), clip="a")))
        torch.manual_seed(1)
        again = torch.stack(list(self.ready().restore(clip_of(3), clip="a")))
        assert torch.equal(once, again)

    def test_other_sizes_are_unavailable(self):
        assert "512×512" in self.kind(task=self.task).unavailable(size=64)

    def test_whole_clip_through_the_runner(self, tmp_path: Path):
        source = tmp_path / "clip"
        source.mkdir()
        for number, frame in enumerate(clip_of(3)):
            cv2.imwrite(str(source / f"{number:03}.png"), to_uint8(frame)[..., ::-1])
        info = restore_clip(self.ready(), source, tmp_path / "out.mkv")
        assert (info.num_frames, info.height, info.width) == (3, SIZE, SIZE)

    def test_missing_weights_are_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("DICFACE_WEIGHTS", raising=False)
        with pytest.raises(
            MethodError, match=r"not on this machine: (GPEN|GFPGAN).*\.pth .*https://"
        ):
            list(self.kind(task=self.task).restore(clip_of(1)))

    def check_that_a_released_file_is_loaded(self, wrapper: str | None, tmp_path: Path):
        state = seeded(self.small().build(), seed=3).state_dict()
        path = tmp_path / "weights.pth"
        torch.save(state if wrapper is None else {wrapper: state}, path)
        network = self.small(weights=path).network
        assert not network.training
        assert all(torch.equal(state[key], value) for key, value in network.state_dict().items())
        assert not any(parameter.requires_grad for parameter in network.parameters())
