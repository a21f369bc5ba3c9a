"""RealBasicVSR and BasicVSR++: flow, alignment, networks at tiny sizes, methods on tiny clips."""

import logging

import pytest
import torch

import dicface.methods
from baselines._vsr import VideoEnlarger
from baselines.basicvsrpp import BasicVsrPp
from baselines.networks.basicvsrpp import BasicVsrPlusPlus
from baselines.networks.deform import SecondOrderAlignment
from baselines.networks.flow import warp
from baselines.networks.realbasicvsr import MAX_CLEANING_ROUNDS, RealBasicVsr
from baselines.networks.spynet import SPyNet, is_mirror_extended, neighbour_flows
from baselines.realbasicvsr import RealBasicVsr as RealBasicVsrMethod
from dicface.base.errors import MethodError, WeightsError
from dicface.base.seeds import torch_generator
from dicface.restoring.runner import restore_clip, to_uint8
from dicface.video.clips import write_clip
from dicface.weights.registry import entry
from tests.parity import compare as parity

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


# Small versions of the released networks: same code, few channels and blocks.
class SmallRealBasicVsr(RealBasicVsrMethod):
    def build(self) -> torch.nn.Module:
        return RealBasicVsr(
            CHANNELS, 1, 1, cleaning_threshold_levels=self.cleaning_threshold_levels
        )


class SmallBasicVsrPp(BasicVsrPp):
    def build(self) -> torch.nn.Module:
        return BasicVsrPlusPlus(CHANNELS, 1)


SMALL = pytest.mark.parametrize("small", [SmallRealBasicVsr, SmallBasicVsrPp])


class TestWarp:
    @pytest.mark.parametrize("padding", ["zeros", "border"])
    def test_shifts_by_whole_pixels(self, padding):
        image = noise(1, 3, 6, 9)
        warped = warp(image, constant_flow(2, -1, 6, 9), padding=padding)
        torch.testing.assert_close(warped[..., 1:, :-2], image[..., :-1, 2:])
        outside = warped[..., 1:, -2:]
        expected = image[..., :-1, -1:] if padding == "border" else torch.zeros(1, 3, 5, 1)
        torch.testing.assert_close(outside, expected.expand_as(outside))

    def test_halfway_is_the_mean_of_two_pixels(self):
        image = noise(1, 1, 1, 5)
        warped = warp(image, constant_flow(0.5, 0, 1, 5))
        torch.testing.assert_close(warped[..., :-1], (image[..., :-1] + image[..., 1:]) / 2)

    def test_refuses_a_flow_of_another_size(self):
        with pytest.raises(ValueError, match=r"\(1, 2, 4, 5\)"):
            warp(noise(1, 3, 4, 5), constant_flow(0, 0, 5, 4))


class TestSPyNet:
    @pytest.mark.parametrize("level", [0, 3, 5])
    def test_flow_of_a_level_reaches_the_output_in_input_pixels(self, level):
        network = SPyNet()
        for parameter in network.parameters():
            torch.nn.init.zeros_(parameter)
        bias = network.basic_module[level].basic_module[4].conv.bias
        bias.data.copy_(torch.tensor([1.0, -2.0]))
        # 40 × 48 is resized to 64 × 64: a shift there is 48/64 and 40/64 of one here.
        flow = network(noise(1, 3, 40, 48), noise(1, 3, 40, 48))
        expected = constant_flow(1 * 48 / 64, -2 * 40 / 64, 40, 48) * 2 ** (5 - level)
        torch.testing.assert_close(flow, expected)

    def test_sees_the_neighbour_through_the_flow_so_far(self):
        network = SPyNet()
        for parameter in network.parameters():
            torch.nn.init.zeros_(parameter)
        network.basic_module[4].basic_module[4].conv.bias.data.copy_(torch.tensor([2.0, 0.0]))
        seen = []
        network.basic_module[5].register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
        frame, neighbour = noise(1, 3, 32, 32), noise(1, 3, 32, 32, name="neighbour")
        network(frame, neighbour)
        ours, warped, flow = seen[0].split((3, 3, 2), 1)
        torch.testing.assert_close(flow, constant_flow(4, 0, 32, 32))
        torch.testing.assert_close(ours * network.std + network.mean, frame)
        unnormalised = warped * network.std + network.mean
        torch.testing.assert_close(unnormalised[..., :-4], neighbour[..., 4:])
        torch.testing.assert_close(unnormalised[..., -1], neighbour[..., -1])

    @torch.no_grad()
    def test_neighbour_flows_have_both_directions(self):
        network, clip = seeded(SPyNet()), noise(1, 11, 3, 16, 16)  # more pairs than one group
        backward, forward = neighbour_flows(network, clip)
        assert backward.shape == forward.shape == (1, 10, 2, 16, 16)
        torch.testing.assert_close(backward[:, 9], network(clip[:, 9], clip[:, 10]))
        torch.testing.assert_close(forward[:, 9], network(clip[:, 10], clip[:, 9]))
        assert not torch.allclose(forward, backward)

    @torch.no_grad()
    def test_mirrored_clips_reuse_their_flows(self):
        network, half = seeded(SPyNet()), noise(1, 2, 3, 16, 16)
        mirrored = torch.cat((half, half.flip(1)), 1)
        assert is_mirror_extended(mirrored)
        assert not is_mirror_extended(mirrored[:, :3])
        assert not is_mirror_extended(torch.cat((half, half), 1))
        backward, forward = neighbour_flows(network, mirrored)
        direct = torch.stack([network(mirrored[:, i + 1], mirrored[:, i]) for i in range(3)], 1)
        torch.testing.assert_close(forward, direct)
        assert not torch.allclose(forward, backward)


class TestAlignment:
    @pytest.mark.parametrize("which", [0, 1])
    @torch.no_grad()
    def test_starts_as_half_the_warped_state(self, which):
        align = SecondOrderAlignment(CHANNELS, num_groups=4)
        torch.nn.init.zeros_(align.weight)
        for channel in range(CHANNELS):
            align.weight[channel, which * CHANNELS + channel, 1, 1] = 1
        states = noise(1, 2 * CHANNELS, 6, 7)
        flows = [noise(1, 2, 6, 7, name=f"flow{i}") * 4 - 2 for i in range(2)]
        aligned = align(states, noise(1, 3 * CHANNELS, 6, 7), *flows)
        # Offsets are the flows alone; the mask is sigmoid(0).
        expected = warp(states.split(CHANNELS, 1)[which], flows[which]) / 2
        torch.testing.assert_close(aligned, expected)

    @torch.no_grad()
    def test_learned_offsets_are_bounded_by_the_residue(self):
        align = SecondOrderAlignment(CHANNELS, num_groups=2, max_residue_px=3)
        torch.nn.init.zeros_(align.weight)
        align.weight[0, 0, 1, 1] = 1
        bias = align.conv_offset[-1].bias  # groups × taps pairs (y, x), then masks
        bias[:36] = 1e3
        bias[36:] = 1e3
        states = noise(1, 2 * CHANNELS, 8, 8)
        still = constant_flow(0, 0, 8, 8)
        aligned = align(states, noise(1, 3 * CHANNELS, 8, 8), still, still)
        torch.testing.assert_close(aligned[0, 0, :5, :5], states[0, 0, 3:, 3:])


class TestNetworks:
    @pytest.mark.parametrize(
        ("network", "num_keys", "num_parameters"),
        [
            (RealBasicVsr, 320, 6_294_834),
            (BasicVsrPlusPlus, 274, 7_322_927),
            (lambda: BasicVsrPlusPlus(low_resolution_input=False), 278, 7_396_783),
        ],
    )
    def test_released_sizes(self, network, num_keys, num_parameters):
        with torch.device("meta"):
            built = network()
        assert len(built.state_dict()) == num_keys
        assert sum(p.numel() for p in built.parameters()) == num_parameters

    @pytest.mark.parametrize("num_frames", [1, 2, 3])
    @torch.no_grad()
    def test_four_times_enlargement(self, num_frames):
        clips = noise(2, num_frames, 3, 12, 20)
        for network in (RealBasicVsr(CHANNELS, 1, 1), BasicVsrPlusPlus(CHANNELS, 1)):
            whole = seeded(network)(clips)
            assert whole.shape == (2, num_frames, 3, 48, 80)
            torch.testing.assert_close(whole[1:], network(clips[1:]))

    @torch.no_grad()
    def test_same_size_variant(self):
        network = seeded(BasicVsrPlusPlus(CHANNELS, 1, low_resolution_input=False))
        assert network(noise(1, 2, 3, 16, 24)).shape == (1, 2, 3, 16, 24)
        with pytest.raises(ValueError, match="multiples of 4"):
            network(noise(1, 2, 3, 18, 24))

    @torch.no_grad()
    def test_without_features_the_output_is_the_enlarged_input(self):
        network = seeded(BasicVsrPlusPlus(CHANNELS, 1))
        torch.nn.init.zeros_(network.conv_last.weight)
        torch.nn.init.zeros_(network.conv_last.bias)
        clips = torch.full((1, 2, 3, 8, 8), 0.25)
        torch.testing.assert_close(network(clips), torch.full((1, 2, 3, 32, 32), 0.25))

    @pytest.mark.parametrize("build", [RealBasicVsr, BasicVsrPlusPlus])
    @torch.no_grad()
    def test_every_frame_reaches_every_other(self, build):
        network, clips = seeded(build(CHANNELS, 1)).double(), noise(1, 5, 3, 16, 16).double()
        before = network(clips)
        for changed in (0, 4):
            other = clips.clone()
            other[:, changed] = noise(3, 16, 16, name="other")
            moved = (network(other) - before).abs().amax((0, 2, 3, 4))
            assert (moved > 1e-9).all()

    @pytest.mark.parametrize(("threshold", "rounds"), [(255.0, 1), (0.0, MAX_CLEANING_ROUNDS)])
    @torch.no_grad()
    def test_cleaning_rounds(self, threshold, rounds):
        network = seeded(RealBasicVsr(CHANNELS, 1, 1, cleaning_threshold_levels=threshold))
        calls = []
        network.image_cleaning.register_forward_hook(lambda *_: calls.append(1))
        clips = noise(1, 2, 3, 8, 8)
        kept = clips.clone()
        cleaned = network.clean(clips)
        assert len(calls) == 2 * rounds
        assert torch.equal(clips, kept)
        assert not torch.allclose(cleaned, clips)


@pytest.fixture
def clip() -> list[torch.Tensor]:
    return list(noise(5, 3, 16, 24, name="clip"))


@pytest.fixture
def released(tmp_path):
    """Writes a checkpoint in the layout of the releases and returns a method that reads it."""

    def make(small: type[VideoEnlarger], **settings: object) -> VideoEnlarger:
        wanted, other = small.build(small()), small.build(small())
        state = {
            f"generator.{key}": value for key, value in seeded(other, "other").state_dict().items()
        }
        prefix = small.prefixes[0]
        for key, value in seeded(wanted).state_dict().items():
            state[prefix + key] = value
        state["step_counter"] = torch.zeros(1)
        path = tmp_path / "released.pth"
        torch.save({"meta": {"iter": 1}, "state_dict": state}, path)
        return small(weights=path, **settings)

    return make


def restored(method: VideoEnlarger, frames: list[torch.Tensor]) -> torch.Tensor:
    return torch.stack(list(method.restore(iter(frames), clip="a")))


class TestMethods:
    @pytest.mark.parametrize("name", ["realbasicvsr", "basicvsrpp"])
    def test_facts(self, name):
        method = dicface.methods.create(name, chunk=7)
        facts = method.facts
        assert (facts.tasks, facts.scale, facts.size, facts.window) == (("bfr",), 4, None, 0)
        assert facts.chunk == dicface.methods.create(name).chunk
        assert not facts.aligned
        assert all(entry(weights).sha256 for weights in method.weights_names())
        assert method.settings()["chunk"] == 7

    @SMALL
    def test_takes_the_network_that_the_release_runs(self, small, released, clip):
        method = released(small)
        expected = seeded(method.build())
        with torch.no_grad():
            whole = expected(torch.stack(clip).unsqueeze(0))[0].clamp(0, 1)
        torch.testing.assert_close(restored(method, clip), whole)

    @SMALL
    @pytest.mark.parametrize("num_frames", [1, 2, 5])
    def test_chunks_are_clips_of_their_own(self, small, num_frames, released, clip):
        frames = clip[:num_frames]
        method = released(small, chunk=2)
        result = restored(method, frames)
        assert result.shape == (num_frames, 3, 64, 96)
        assert result.dtype == torch.float32
        assert 0 <= result.min() < result.max() <= 1
        parts = [restored(method, frames[i : i + 2]) for i in range(0, num_frames, 2)]
        assert torch.equal(result, torch.cat(parts))
        assert torch.equal(result, restored(released(small, chunk=2), frames))

    @SMALL
    def test_streams_chunk_by_chunk(self, small, released, clip):
        taken = []

        def counted():
            for frame in clip:
                taken.append(1)
                yield frame

        outputs = released(small, chunk=2).restore(counted(), clip="a")
        frames_taken = [len(taken) for _ in outputs]
        assert frames_taken == [2, 2, 4, 4, 5]

    @SMALL
    def test_leaves_the_callers_modes_alone(self, small, released, clip):
        method = released(small, chunk=2)
        for _ in method.restore(iter(clip), clip="a"):
            assert not torch.is_inference_mode_enabled()
            assert torch.is_grad_enabled()
        plain = restored(method, clip)
        with torch.inference_mode():
            assert torch.equal(restored(method, clip), plain)

    @SMALL
    def test_the_runner_gives_the_size_of_its_input(self, small, released, clip, tmp_path):
        source = tmp_path / "a.mkv"
        write_clip(source, (to_uint8(frame) for frame in clip[:3]), 25)
        info = restore_clip(released(small, chunk=2), source, tmp_path / "restored.mkv")
        assert (info.num_frames, info.height, info.width) == (3, 16, 24)

    def test_no_frames_give_no_frames(self, released):
        assert list(released(SmallBasicVsrPp).restore(iter([]), clip="a")) == []

    def test_cleaning_threshold_is_a_setting(self, released, clip):
        once = restored(released(SmallRealBasicVsr), clip)
        thrice = restored(released(SmallRealBasicVsr, cleaning_threshold_levels=0.0), clip)
        assert not torch.allclose(once, thrice)

    def test_small_frames_are_named(self, released, clip, caplog):
        with caplog.at_level(logging.WARNING):
            restored(released(SmallBasicVsrPp), clip[:1])
        assert "clip 'a'" in caplog.text
        assert "24×16" in caplog.text

    def test_bare_keys_load_too(self, tmp_path, clip):
        path = tmp_path / "bare.pth"
        torch.save(seeded(BasicVsrPlusPlus(CHANNELS, 1)).state_dict(), path)
        assert restored(SmallBasicVsrPp(weights=path), clip[:1]).shape == (1, 3, 64, 96)


class TestErrors:
    def test_weights_of_the_other_network(self, released, clip):
        other = released(SmallRealBasicVsr).weights
        with pytest.raises(
            WeightsError, match=r"released.pth: .*looks like RealBasicVSR .*expected BasicVSR\+\+"
        ):
            restored(SmallBasicVsrPp(weights=other), clip)

    def test_weights_of_another_size(self, released, clip):
        small = released(SmallBasicVsrPp).weights
        with pytest.raises(WeightsError, match="tensors of other shapes"):
            restored(BasicVsrPp(weights=small), clip)

    def test_damaged_file(self, tmp_path, clip):
        path = tmp_path / "cut.pth"
        path.write_bytes(b"PK\x03\x04 cut short")
        with pytest.raises(WeightsError, match=r"cut\.pth"):
            restored(SmallBasicVsrPp(weights=path), clip)

    @pytest.mark.parametrize("name", ["realbasicvsr", "basicvsrpp"])
    def test_missing_weights_are_named(self, name, tmp_path, monkeypatch, clip):
        monkeypatch.setenv("DICFACE_WEIGHTS", str(tmp_path))
        monkeypatch.chdir(tmp_path)
        method = dicface.methods.create(name)
        file = entry(method.weights_names()[0]).file
        assert file in method.unavailable(size=64)
        with pytest.raises(MethodError, match=file):
            restored(method, clip)

    @pytest.mark.parametrize("name", ["realbasicvsr", "basicvsrpp"])
    def test_bad_settings(self, name):
        with pytest.raises(MethodError, match="chunk is 0"):
            dicface.methods.create(name, chunk=0)
        with pytest.raises(MethodError, match="cannot do the task 'inpainting'"):
            dicface.methods.create(name, task="inpainting")

    def test_negative_threshold(self):
        with pytest.raises(MethodError, match="cleaning_threshold_levels is -1"):
            RealBasicVsrMethod(cleaning_threshold_levels=-1)


@pytest.mark.parity
@pytest.mark.slow
@pytest.mark.parametrize("name", ["realbasicvsr", "basicvsr_pp"])
def test_every_stored_tensor_is_met(shared, capsys, name):
    golden = shared / "facts" / name / "golden.npz"
    assert parity.main([name, "--golden", str(golden), "--seed", "0"]) == 0, capsys.readouterr().out


@pytest.mark.parity
def test_other_weights_are_noticed_at_once(shared):
    golden = shared / "facts" / "realbasicvsr" / "golden.npz"
    first = next(parity.deviations("realbasicvsr", golden, seed=1))
    assert first.name == "weights_sha256"
    assert not first.ok
