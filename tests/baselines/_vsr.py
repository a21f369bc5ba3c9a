"""Small enlargers with seeded weights, and what RealBasicVSR and BasicVSR++ must both satisfy."""

import pytest
import torch

import dicface.methods
from baselines._vsr import VideoEnlarger
from baselines.basicvsrpp import BasicVsrPp
from baselines.networks.basicvsrpp import BasicVsrPlusPlus
from baselines.networks.realbasicvsr import RealBasicVsr as RealBasicVsrNetwork
from baselines.realbasicvsr import RealBasicVsr
from dicface.base.errors import MethodError
from dicface.base.seeds import torch_generator
from dicface.restoring.runner import restore_clip, to_uint8
from dicface.video.clips import write_clip
from dicface.weights.registry import entry

CHANNELS = 8


def noise(*shape: int, name: str = "vsr") -> torch.Tensor:
    return torch.rand(shape, generator=torch_generator("test_vsr", name))


def seeded(network: torch.nn.Module, name: str = "weights") -> torch.nn.Module:
    generator = torch_generator("test_vsr", name)
    with torch.no_grad():
        for parameter in network.parameters():
            fan_in = max(parameter[0].numel(), 1)
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / fan_in**0.5 / 2)
    return network.eval()


def constant_flow(x: float, y: float, height: int, width: int) -> torch.Tensor:
    return torch.tensor([float(x), float(y)]).reshape(1, 2, 1, 1).expand(1, 2, height, width)


def restored(method: VideoEnlarger, frames: list[torch.Tensor]) -> torch.Tensor:
    return torch.stack(list(method.restore(iter(frames), clip="a")))


# Small versions of the released networks: same code, few channels and blocks.
class SmallRealBasicVsr(RealBasicVsr):
    def build(self) -> torch.nn.Module:
        threshold = self.cleaning_threshold_levels
        return RealBasicVsrNetwork(CHANNELS, 1, 1, cleaning_threshold_levels=threshold)


class SmallBasicVsrPp(BasicVsrPp):
    def build(self) -> torch.nn.Module:
        return BasicVsrPlusPlus(CHANNELS, 1)


@torch.no_grad()
def check_that_every_frame_reaches_every_other(network: torch.nn.Module):
    network, clips = seeded(network).double(), noise(1, 5, 3, 16, 16).double()
    before = network(clips)
    for changed in (0, 4):
        other = clips.clone()
        other[:, changed] = noise(3, 16, 16, name="other")
        moved = (network(other) - before).abs().amax((0, 2, 3, 4))
        assert (moved > 1e-9).all()


class Enlarger:
    """Tests of a method that enlarges clips; a class of its test file derives from it."""

    name: str
    small: type[VideoEnlarger]

    def test_facts(self):
        method = dicface.methods.create(self.name, chunk=7)
        facts = method.facts
        assert (facts.tasks, facts.scale, facts.size, facts.window) == (("bfr",), 4, None, 0)
        assert facts.chunk == dicface.methods.create(self.name).chunk
        assert not facts.aligned
        assert all(entry(weights).sha256 for weights in method.weights_names())
        assert method.settings()["chunk"] == 7

    def test_takes_the_network_that_the_release_runs(self, released, clip):
        method = released(self.small)
        expected = seeded(method.build())
        with torch.no_grad():
            whole = expected(torch.stack(clip).unsqueeze(0))[0].clamp(0, 1)
        torch.testing.assert_close(restored(method, clip), whole)

    @pytest.mark.parametrize("num_frames", [1, 2, 5])
    def test_chunks_are_clips_of_their_own(self, num_frames, released, clip):
        frames = clip[:num_frames]
        method = released(self.small, chunk=2)
        result = restored(method, frames)
        assert result.shape == (num_frames, 3, 64, 96)
        assert result.dtype == torch.float32
        assert 0 <= result.min() < result.max() <= 1
        parts = [restored(method, frames[i : i + 2]) for i in range(0, num_frames, 2)]
        assert torch.equal(result, torch.cat(parts))
        assert torch.equal(result, restored(released(self.small, chunk=2), frames))

    def test_streams_chunk_by_chunk(self, released, clip):
        taken = []

        def counted():
            for frame in clip:
                taken.append(1)
                yield frame

        outputs = released(self.small, chunk=2).restore(counted(), clip="a")
        frames_taken = [len(taken) for _ in outputs]
        assert frames_taken == [2, 2, 4, 4, 5]

    def test_leaves_the_callers_modes_alone(self, released, clip):
        method = released(self.small, chunk=2)
        for _ in method.restore(iter(clip), clip="a"):
            assert not torch.is_inference_mode_enabled()
            assert torch.is_grad_enabled()
        plain = restored(method, clip)
        with torch.inference_mode():
            assert torch.equal(restored(method, clip), plain)

    def test_the_runner_gives_the_size_of_its_input(self, released, clip, tmp_path):
        source = tmp_path / "a.mkv"
        write_clip(source, (to_uint8(frame) for frame in clip[:3]), 25)
        info = restore_clip(released(self.small, chunk=2), source, tmp_path / "restored.mkv")
        assert (info.num_frames, info.height, info.width) == (3, 16, 24)

    def test_missing_weights_are_named(self, tmp_path, monkeypatch, clip):
        monkeypatch.setenv("DICFACE_WEIGHTS", str(tmp_path))
        monkeypatch.chdir(tmp_path)
        method = dicface.methods.create(self.name)
        file = entry(method.weights_names()[0]).file
        assert file in method.unavailable(size=64)
        with pytest.raises(MethodError, match=file):
            restored(method, clip)

    def test_bad_settings(self):
        with pytest.raises(MethodError, match="chunk is 0"):
            dicface.methods.create(self.name, chunk=0)
        with pytest.raises(MethodError, match="cannot do the task 'inpainting'"):
            dicface.methods.create(self.name, task="inpainting")

    @pytest.mark.parametrize("num_frames", [1, 2, 3])
    @torch.no_grad()
    def test_four_times_enlargement(self, num_frames):
        clips = noise(2, num_frames, 3, 12, 20)
        network = seeded(self.small().build())
        whole = network(clips)
        assert whole.shape == (2, num_frames, 3, 48, 80)
        torch.testing.assert_close(whole[1:], network(clips[1:]))
