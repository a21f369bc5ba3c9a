"""Streaming DicFace against the plain computation, and the loop that restores clips."""

import errno
import weakref
from fractions import Fraction
from functools import cached_property

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tqdm import tqdm

import dicface.methods
from dicface.base.errors import ClipError, ConfigError, DicfaceError, MethodError
from dicface.base.seeds import numpy_rng
from dicface.methods import Method, MethodFacts
from dicface.models import build, streaming
from dicface.restoring import runner
from dicface.restoring.runner import StreamSettings, per_frame, prepare_for_inference, stream
from dicface.runs.results import read_cost
from dicface.video import clips

TINY = {
    "resolution": 16,
    "nf": 8,
    "ch_mult": (1, 2, 2),
    "num_res_blocks": 1,
    "attn_resolutions": (4,),
    "norm_groups": 4,
    "codebook_size": 16,
    "emb_dim": 8,
    "dim_embd": 16,
    "n_head": 2,
    "n_layers": 3,
    "dim_mlp": 16,
    "connect_list": ("8", "16"),
}


def tiny(dtype=torch.float32, **settings):
    """A network whose every tensor matters: also the position tables, which start as zeros."""
    torch.manual_seed(1)
    network = build("dicface", **TINY | settings).to(dtype).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            fan_in = parameter[0].numel() if parameter.ndim > 1 else 9
            parameter.copy_(torch.randn(parameter.shape) / fan_in**0.5)
    return network


def clip_of(num_frames, size=16):
    return torch.rand(num_frames, 3, size, size, generator=torch.Generator().manual_seed(5))


@torch.no_grad()
def window_by_window(network, frames, position="centre", w=1.0, **mixing):
    """The plain computation: every window whole, one frame of it kept."""
    length, restored = network.settings.frame_length, []
    kept = length // 2 if position == "centre" else 0
    for n in range(len(frames)):
        indices = [min(max(n - kept + i, 0), len(frames) - 1) for i in range(length)]
        x = frames[indices].to(next(network.parameters()).dtype) * 2 - 1
        restored.append((network(x, w, **mixing)[0][kept].clamp(-1, 1) + 1) / 2)
    return torch.stack(restored)


def streamed(network, frames, **settings):
    options = StreamSettings(**settings)
    return torch.stack(list(stream(network, iter(frames), clip="a", settings=options)))


@pytest.mark.parametrize("position", ["centre", "release"])
@pytest.mark.parametrize("num_frames", [1, 2, 3, 5, 12])
def test_streaming_equals_windows_in_float64(num_frames, position):
    network, frames = tiny(torch.float64), clip_of(num_frames)
    restored = streamed(prepare_for_inference(network), frames, position=position, batch=1)
    expected = window_by_window(network, frames, position)
    assert expected.std() > 0.05
    assert (restored - expected).abs().max() < 1e-12


@pytest.mark.parametrize("batch", [1, 3, 8])
@pytest.mark.parametrize("frame_length", [1, 3, 5])
def test_streaming_equals_windows_in_float32(frame_length, batch):
    network, frames = tiny(frame_length=frame_length), clip_of(9)
    restored = streamed(prepare_for_inference(network), frames, batch=batch)
    assert (restored - window_by_window(network, frames)).abs().max() < 1e-5


@settings(max_examples=6, deadline=None)
@given(
    num_frames=st.integers(1, 9),
    batch=st.integers(1, 10),
    frame_length=st.sampled_from([1, 3, 5]),
    position=st.sampled_from(["centre", "release"]),
)
def test_any_length_and_batch_give_the_windows(num_frames, batch, frame_length, position):
    network, frames = tiny(torch.float64, frame_length=frame_length), clip_of(num_frames)
    restored = streamed(prepare_for_inference(network), frames, position=position, batch=batch)
    assert (restored - window_by_window(network, frames, position)).abs().max() < 1e-12


@pytest.mark.parametrize(
    "settings",
    [
        {"temporal": False},
        {"multiscale": False},
        {"aggregation": "average"},
        {"aggregation": "top4"},
        {"n_layers": 1},
        {"patch_size": 2, "ch_mult": (1, 2), "attn_resolutions": (4,), "connect_list": ("8",)},
        {"connect_list": ()},
    ],
)
def test_streaming_equals_windows_for_every_variant(settings):
    network, frames = tiny(torch.float64, **settings), clip_of(6)
    restored = streamed(prepare_for_inference(network), frames)
    assert (restored - window_by_window(network, frames)).abs().max() < 1e-12


def test_weight_of_skips_and_mixing_are_passed_on():
    network, frames = tiny(torch.float64), clip_of(3)
    for w in (0.0, 0.3):
        restored = streamed(prepare_for_inference(network), frames, fidelity_w=w)
        assert (restored - window_by_window(network, frames, w=w)).abs().max() < 1e-12
    restored = streamed(network, frames, aggregation="top2")
    expected = window_by_window(network, frames, aggregation="top2")
    assert (restored - expected).abs().max() < 1e-12
    assert (restored - streamed(network, frames)).abs().max() > 1e-3


def test_draws_depend_on_clip_and_frame_and_not_on_order_or_batch():
    network, frames = tiny(torch.float64), clip_of(7)
    once = streamed(network, frames, samples=1, batch=1)
    torch.manual_seed(99)
    assert (streamed(network, frames, samples=1, batch=4) - once).abs().max() < 1e-12
    other = StreamSettings(samples=1)
    elsewhere = torch.stack(list(stream(network, iter(frames), clip="b", settings=other)))
    assert (elsewhere - once).abs().max() > 1e-3
    still = frames[:1].expand(7, -1, -1, -1)
    assert (streamed(network, still, samples=1).diff(dim=0).abs().amax((1, 2, 3)) > 1e-3).all()
    mean, many = streamed(network, frames), streamed(network, frames, samples=256)
    assert (many - mean).abs().mean() < 0.5 * (once - mean).abs().mean()


def test_each_frame_is_encoded_once_and_decoded_once(monkeypatch):
    network, calls = tiny(), {"encode": 0, "decode": 0}

    def counting(name, of):
        original = getattr(network, name)

        def call(*arguments):
            calls[name] += len(of(arguments))
            return original(*arguments)

        monkeypatch.setattr(network, name, call)

    counting("encode", lambda arguments: arguments[0])
    counting("decode", lambda arguments: arguments[0])
    streamed(network, clip_of(11), batch=2)
    assert calls == {"encode": 11, "decode": 11}


@pytest.mark.parametrize(("batch", "most"), [(1, 5), (4, 12)])
def test_memory_does_not_grow_with_length(batch, most, monkeypatch):
    network, held, inputs = tiny(), [], []
    original = streaming._Windows.pop

    def pop(self, *, ended):
        skips = sum(frame.skips is not None for frame in self.held.values())
        held.append((len(self.held), skips))
        return original(self, ended=ended)

    monkeypatch.setattr(streaming._Windows, "pop", pop)

    def frames(num_frames):
        for frame in clip_of(num_frames):
            own = frame.clone()
            inputs.append(weakref.ref(own))
            yield own

    alive = []
    for _ in stream(network, frames(24), settings=StreamSettings(batch=batch)):
        alive.append(sum(reference() is not None for reference in inputs))
    assert max(count for count, _ in held) <= most
    assert max(skips for _, skips in held) <= most - 2
    assert max(alive) <= batch + 1


def test_preparing_leaves_the_network_as_it_was_and_shares_its_tensors():
    network = tiny()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    fast = prepare_for_inference(network.train())
    assert network.training
    assert not fast.training
    assert fast.encoder.blocks[0].weight is network.encoder.blocks[0].weight
    assert network.state_dict().keys() == before.keys()
    assert all(torch.equal(before[name], t) for name, t in network.state_dict().items())
    plain = build("codeformer", **TINY).eval()
    x = clip_of(2) * 2 - 1
    with torch.no_grad():
        ours = prepare_for_inference(plain)(x, w=0.5, adain=True)
        for a, b in zip(ours, plain(x, w=0.5, adain=True), strict=True):
            assert torch.allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("wrong", [{"position": "last"}, {"fidelity_w": -1.0}, {"batch": 0}])
def test_unknown_settings_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        StreamSettings(**wrong)


def test_per_frame_batches_without_changing_results():
    frames, sizes = clip_of(5), []

    def step(x):
        sizes.append(len(x))
        return 1 - x

    restored = list(per_frame(step, iter(frames), device="cpu", batch=2))
    assert sizes == [2, 2, 1]
    assert torch.equal(torch.stack(restored), 1 - frames)


class Fake(Method):
    """Does to each frame what `change` says, or gives more or fewer frames."""

    facts = MethodFacts(name="fake", label="Fake", size=None)
    change = staticmethod(lambda frame, index: 1 - frame)
    extra = 0
    runs = 0

    def restore(self, frames, *, clip=""):
        type(self).runs += 1
        index = -1
        for index, frame in enumerate(frames):
            if self.extra < 0 and index == 1:
                continue
            yield self.change(frame, index)
        for _ in range(self.extra):
            yield frame


def fake(change=None, extra=0, **facts):
    attributes = {"extra": extra, "runs": 0}
    if change:
        attributes["change"] = staticmethod(change)
    if facts:
        attributes["facts"] = MethodFacts(**{"name": "fake", "label": "Fake", "size": None} | facts)
    return type("Fake", (Fake,), attributes)()


@pytest.fixture
def inputs(tmp_path):
    """Three clips of 1, 3 and 6 frames, 12×8 px."""
    folder = tmp_path / "in"
    for name, num_frames in (("a", 1), ("b", 3), ("c", 6)):
        frames = numpy_rng("restore", name).integers(0, 256, (num_frames, 8, 12, 3), np.uint8)
        clips.write_clip(folder / f"{name}.mkv", frames, Fraction(30000, 1001))
    return folder


def test_a_restored_clip_has_the_frames_the_size_and_the_rate_of_its_input(inputs, tmp_path):
    info = runner.restore_clip(fake(), inputs / "c.mkv", tmp_path / "out.mkv")
    restored, fps = clips.read_clip(tmp_path / "out.mkv")
    truth, _ = clips.read_clip(inputs / "c.mkv")
    assert np.array_equal(restored, 255 - truth)
    assert fps == Fraction(30000, 1001)
    assert info.num_frames == 6


def test_the_degraded_input_comes_through_unchanged(inputs, tmp_path):
    method = dicface.methods.create("input")
    outputs = runner.restore_set(method, inputs, tmp_path / "out", progress=False)
    for name, path in outputs.items():
        assert np.array_equal(clips.read_clip(path)[0], clips.read_clip(inputs / f"{name}.mkv")[0])


def test_a_method_that_enlarges_gets_the_reduced_clip(tmp_path):
    frames = np.kron(np.arange(12, dtype=np.uint8).reshape(1, 3, 4, 1), np.ones((2, 4, 4, 3)))
    clips.write_clip(tmp_path / "a.mkv", frames.astype(np.uint8), 25)
    given = []

    def enlarge(frame, index):
        given.append(tuple(frame.shape))
        return frame.repeat_interleave(4, 1).repeat_interleave(4, 2)

    method = fake(enlarge, scale=4)
    runner.restore_clip(method, tmp_path / "a.mkv", tmp_path / "out.mkv")
    assert given == [(3, 3, 4)] * 2
    assert np.array_equal(clips.read_clip(tmp_path / "out.mkv")[0], frames)
    with pytest.raises(MethodError, match="sides that 5 divides"):
        runner.restore_clip(fake(enlarge, scale=5), tmp_path / "a.mkv", tmp_path / "no.mkv")


def test_a_method_that_enlarges_reads_the_codecs_frames_where_they_lie_beside_the_input(tmp_path):
    small = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    clips.write_clip(tmp_path / "in" / "a.mkv", np.zeros((2, 12, 16, 3), np.uint8), 25)
    clips.write_clip(tmp_path / "in" / "low_resolution" / "a.mkv", small, 25)
    method = fake(lambda f, index: f.repeat_interleave(4, 1).repeat_interleave(4, 2), scale=4)

    def restored():
        (path,) = runner.restore_set(method, tmp_path / "in", tmp_path, progress=False).values()
        return clips.read_clip(path)[0]

    assert np.array_equal(restored(), small.repeat(4, 1).repeat(4, 2))
    clips.write_clip(tmp_path / "in" / "low_resolution" / "a.mkv", small + 9, 25)
    assert np.array_equal(restored(), (small + 9).repeat(4, 1).repeat(4, 2))
    # Frames of another scale than the method's are none of its.
    clips.write_clip(tmp_path / "in" / "low_resolution" / "a.mkv", small[:, :2, :2], 25)
    assert not restored().any()


def _set_nan(frame, index):
    return frame / 0 if index == 2 else frame


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (fake(_set_nan), "Fake, clip 'c', frame 2: .*not finite"),
        (fake(lambda frame, index: frame + 0.2 * (index == 4)), "clip 'c', frame 4: .*expected .0"),
        (fake(lambda frame, index: frame[:, :-1]), r"frame 0: .*\(3, 7, 12\).*\(3, 8, 12\)"),
        (fake(extra=1), "frame 6: .*more than the clip's 6"),
        (fake(extra=-1), "gave 5 frames for the 6"),
    ],
)
def test_wrong_output_is_named_and_leaves_nothing(method, message, inputs, tmp_path):
    with pytest.raises(MethodError, match=message):
        runner.restore_clip(method, inputs / "c.mkv", tmp_path / "out" / "c.mkv")
    assert not list((tmp_path / "out").iterdir())


def test_what_is_restored_is_not_restored_again(inputs, tmp_path):
    method, out = fake(), tmp_path / "out"
    runner.restore_set(method, inputs, out, clips=["b"], progress=False)
    assert type(method).runs == 1
    runner.restore_set(method, inputs, out, progress=False)
    assert type(method).runs == 3
    runner.restore_set(method, inputs, out, progress=False)
    assert type(method).runs == 3
    # A clip of too few frames, a lost one, and one whose input is another by now.
    truth = clips.read_clip(out / "a.mkv")[0]
    clips.write_clip(out / "c.mkv", truth, 25)
    (out / "a.mkv").unlink()
    clips.write_clip(inputs / "b.mkv", clips.read_clip(inputs / "b.mkv")[0][::-1], 25)
    runner.restore_set(method, inputs, out, progress=False)
    assert type(method).runs == 6
    assert clips.probe(out / "c.mkv").num_frames == 6
    runner.restore_set(fake(label="Fake"), inputs, out, progress=False)
    assert type(method).runs == 6


def test_other_settings_restore_again(inputs, tmp_path):
    torch.manual_seed(0)
    method = dicface.methods.create("input")
    runner.restore_set(method, inputs, tmp_path / "out", progress=False)
    other = fake()
    runner.restore_set(other, inputs, tmp_path / "out", progress=False)
    assert type(other).runs == 3


def test_a_killed_run_goes_on_with_the_next_clip(inputs, tmp_path):
    def killed(frame, index):
        if index == 4:
            raise KeyboardInterrupt
        return 1 - frame

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        runner.restore_set(fake(killed), inputs, out, progress=False)
    names = [".made", "a.mkv", "b.mkv", "cost.json"]
    assert sorted(path.name for path in out.iterdir()) == names
    method = fake()
    runner.restore_set(method, inputs, out, progress=False)
    assert type(method).runs == 1


class Clock:
    """A clock that a method moves on: loading takes a thousand seconds, each frame one."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(runner.time, "perf_counter", lambda: self.now)

    def method(self, seconds_a_frame=1.0, load=True):
        def change(frame, index):
            self.now += seconds_a_frame
            if seconds_a_frame > 1 and index == 4:
                raise KeyboardInterrupt
            return 1 - frame

        method = fake(change)
        if load:
            type(method).network = cached_property(lambda _: self.load())
            type(method).network.__set_name__(type(method), "network")
        return method

    def load(self):
        self.now += 1000
        return prepare_for_inference(tiny())


def test_what_restoring_took_is_known_clip_by_clip_after_a_killed_run_too(
    inputs, tmp_path, monkeypatch
):
    clock, out = Clock(monkeypatch), tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        runner.restore_set(clock.method(seconds_a_frame=2.0), inputs, out, progress=False)
    first = {"a": {"frames": 1, "seconds": 2.0}, "b": {"frames": 3, "seconds": 6.0}}
    assert read_cost(out)["clips"] == first
    runner.restore_set(clock.method(), inputs, out, progress=False)
    whole = read_cost(out)
    assert whole["clips"] == first | {"c": {"frames": 6, "seconds": 6.0}}
    # Those that were learnt, also of layers that are rewritten for inference.
    assert whole["parameters"] == sum(p.numel() for p in tiny().parameters())
    runner.restore_set(clock.method(), inputs, out, progress=False)
    assert read_cost(out) == whole
    # Only what is restored again takes other seconds.
    (out / "b.mkv").unlink()
    runner.restore_set(clock.method(load=False), inputs, out, progress=False)
    assert read_cost(out)["clips"] == whole["clips"] | {"b": {"frames": 3, "seconds": 3.0}}


def test_parameters_of_several_networks_are_added(inputs, tmp_path):
    method = fake()
    method.networks = (torch.nn.Linear(2, 3), torch.nn.Linear(1, 1))
    runner.restore_set(method, inputs, tmp_path / "out", progress=False)
    assert read_cost(tmp_path / "out")["parameters"] == 9 + 2
    runner.restore_set(fake(), inputs, tmp_path / "other", progress=False)
    assert "parameters" not in read_cost(tmp_path / "other")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_memory_on_a_gpu_is_known_clip_by_clip(inputs, tmp_path):
    def change(frame, index):
        torch.zeros(1 << 22, device="cuda")
        return 1 - frame

    method = fake(change)
    method.device = "cuda"
    runner.restore_set(method, inputs, tmp_path, progress=False)
    took = read_cost(tmp_path)["clips"]
    assert all(each["gpu_bytes"] >= 1 << 24 for each in took.values())


def test_the_bar_counts_frames_and_starts_at_what_is_done(inputs, tmp_path, monkeypatch):
    bars = []

    class Bar(tqdm):
        def __init__(self, *arguments, **keywords):
            super().__init__(*arguments, **keywords)
            bars.append((self, self.n))

    monkeypatch.setattr(runner, "tqdm", Bar)
    runner.restore_set(fake(), inputs, tmp_path / "out", clips=["a", "b"])
    runner.restore_set(fake(), inputs, tmp_path / "out")
    assert [(start, bar.n, bar.total) for bar, start in bars] == [(0, 4, 4), (4, 10, 10)]


def test_bad_input_is_named(inputs, tmp_path):
    with pytest.raises(ClipError, match="no clip named x, y; found a, b, c"):
        runner.restore_set(fake(), inputs, tmp_path / "out", clips=["x", "a", "y"])
    needs_square = fake(size=512)
    with pytest.raises(MethodError, match="12×8.*needs square ones"):
        runner.restore_set(needs_square, inputs, tmp_path / "out")
    folder = tmp_path / "mixed" / "clip"
    folder.mkdir(parents=True)
    from PIL import Image

    for index, size in enumerate([(8, 8), (8, 8), (9, 8)]):
        Image.new("RGB", size).save(folder / f"{index}.png")
    with pytest.raises(ClipError, match="frame 2 is 9×8 px, the first one is 8×8 px"):
        runner.restore_clip(fake(), folder, tmp_path / "out" / "clip.mkv")
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_a_full_disk_leaves_nothing_and_says_what_to_do(inputs, tmp_path, monkeypatch):
    def full(path, frames, fps):
        with clips.atomic_path(path) as temporary:
            temporary.write_bytes(b"half a clip")
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(runner, "write_clip", full)
    with pytest.raises(DicfaceError, match="No space left.*Free some space"):
        runner.restore_set(fake(), inputs, tmp_path / "out", progress=False)
    assert not list((tmp_path / "out").iterdir())
