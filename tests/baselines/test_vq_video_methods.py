"""PGTFormer and KEEP as methods, with small networks on tiny clips."""

import copy
import math

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import dicface.methods
from baselines.keep import Keep, in_grey, is_nearly_grey
from baselines.pgtformer import with_neighbours
from dicface.base.errors import MethodError, WeightsError
from dicface.restoring.runner import restore_clip, to_tensor, to_uint8
from dicface.video.clips import write_clip
from tests.baselines._vq_video import (
    METHODS,
    TinyKeep,
    TinyPgtFormer,
    clip_of,
    network_of,
    ready,
    side_of,
)


def test_facts():
    pgtformer, keep = (dicface.methods.method(name).facts for name in ("pgtformer", "keep"))
    assert (pgtformer.window, pgtformer.chunk, pgtformer.aligned) == (3, None, False)
    assert (keep.window, keep.chunk, keep.aligned) == (0, 20, True)
    assert Keep().chunk == keep.chunk
    for facts in (pgtformer, keep):
        assert (facts.size, facts.tasks, facts.commercial) == (512, ("bfr",), False)


@METHODS
@pytest.mark.parametrize("num_frames", [0, 1, 2, 5])
def test_one_frame_out_for_each_in(kind, num_frames):
    clip = clip_of(kind, num_frames)
    restored = list(ready(kind).restore(iter(clip), clip="a"))
    assert len(restored) == num_frames
    for frame in restored:
        assert frame.shape == (3, side_of(kind), side_of(kind))
        assert frame.dtype == torch.float32
        assert 0 <= frame.min() <= frame.max() <= 1
    assert not torch.is_inference_mode_enabled()


@METHODS
def test_same_clip_same_result(kind):
    clip = clip_of(kind, 3)
    once = torch.stack(list(ready(kind).restore(clip, clip="a")))
    torch.manual_seed(7)
    assert torch.equal(once, torch.stack(list(ready(kind).restore(clip, clip="b"))))


def test_neighbours():
    assert list(with_neighbours([])) == []
    assert list(with_neighbours("a")) == [("a", "a", "a")]
    assert list(with_neighbours("ab")) == [("a", "a", "b"), ("a", "b", "b")]
    assert list(with_neighbours("abc"))[1] == ("a", "b", "c")


@torch.inference_mode()
def test_pgtformer_is_windows_of_three_truncated_to_8_bits():
    method, clip = ready(TinyPgtFormer), clip_of(TinyPgtFormer, 3)
    restored = list(method.restore(iter(clip)))
    for number, window in enumerate(([0, 0, 1], [0, 1, 2], [1, 2, 2])):
        image = method.network(torch.stack([clip[i] for i in window]))[0][1]
        levels = image.clamp(0, 1).mul(255)
        assert (levels.frac() > 0.5).any()
        # A value that rounding moves across a level may fall to its other side.
        near = (levels - levels.round()).abs() < 1e-2
        ours = torch.from_numpy(to_uint8(restored[number])).permute(2, 0, 1)
        assert torch.equal(ours[~near], levels.byte()[~near])


def test_pgtformer_reads_one_frame_ahead_and_each_frame_once():
    taken, computed = [], []

    def frames():
        for number, frame in enumerate(clip_of(TinyPgtFormer, 5)):
            taken.append(number)
            yield frame

    method = ready(TinyPgtFormer)
    encoder = method.network.encoder
    hook = encoder.conv_in.register_forward_hook(lambda *_: computed.append(len(taken)))
    restored = method.restore(frames(), clip="a")
    for number in range(4):
        next(restored)
        assert taken == list(range(number + 2))
    assert len(list(restored)) == 1
    hook.remove()
    assert computed == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("num_frames", [1, 3, 4, 7])
@torch.inference_mode()
def test_keep_starts_anew_at_each_chunk(num_frames):
    clip = clip_of(TinyKeep, num_frames)
    restored = torch.stack(list(ready(TinyKeep, chunk=3, keep_grey=False).restore(iter(clip))))
    network = network_of(TinyKeep)
    pieces = [network(piece * 2 - 1) for piece in torch.stack(clip).split(3)]
    torch.testing.assert_close(restored, (torch.cat(pieces).clamp(-1, 1) + 1) / 2)


def test_keep_reads_one_chunk_at_a_time():
    taken = []

    def frames():
        for number, frame in enumerate(clip_of(TinyKeep, 5)):
            taken.append(number)
            yield frame

    restored = ready(TinyKeep, chunk=2).restore(frames(), clip="a")
    for expected in (2, 2, 4, 4, 5):
        next(restored)
        assert len(taken) == expected


def test_keep_refuses_an_empty_chunk():
    with pytest.raises(MethodError, match="KEEP: chunk is 0; expected 1 or more"):
        Keep(chunk=0)


def test_nearly_grey_is_a_matter_of_the_channels_differences():
    rng = np.random.default_rng(0)
    grey = rng.integers(20, 230, (16, 16, 1), np.uint8).repeat(3, 2)
    # A difference of ±d in one channel has variance d² in two of the three differences.
    sign = rng.permutation(np.repeat([1, -1], 128)).reshape(16, 16)
    for by, expected in ((3, True), (4, False)):
        coloured = grey.astype(int)
        coloured[..., 0] += by * sign
        assert is_nearly_grey(to_tensor(coloured.astype(np.uint8))) is expected
    tinted = grey.astype(int) + [0, 20, 0]  # a constant tint has no variance
    assert is_nearly_grey(to_tensor(tinted.astype(np.uint8)))


def test_keep_returns_grey_for_grey():
    colour = clip_of(TinyKeep, 1)[0]
    grey = colour.mean(0, keepdim=True).expand(3, -1, -1)
    kept = list(ready(TinyKeep).restore([grey, colour]))
    raw = list(ready(TinyKeep, keep_grey=False).restore([grey, colour]))
    assert (raw[0].amax(0) - raw[0].amin(0)).max() > 0.05
    assert torch.equal(kept[0], in_grey(raw[0]))
    weights = np.array([0.2989, 0.5870, 0.1140]).reshape(3, 1, 1)
    np.testing.assert_allclose(kept[0][1], (raw[0].numpy() * weights).sum(0), atol=1e-6)
    assert torch.equal(kept[1], raw[1])


@METHODS
def test_a_frame_of_another_size_is_named(kind):
    side = side_of(kind)
    frames = [*clip_of(kind, 1), torch.zeros(3, side, side + 8)]
    with pytest.raises(MethodError, match=rf"clip 'walk', frame 1: .*{side + 8}\).*{side}, {side}"):
        list(ready(kind).restore(frames, clip="walk"))


@METHODS
def test_values_that_are_not_finite_reach_the_runners_check(kind, tmp_path):
    method, side = kind(), side_of(kind)
    method.network = copy.deepcopy(network_of(kind))
    last = [module for module in method.network.modules() if isinstance(module, nn.Conv2d)]
    pictures = [module for module in last if module.out_channels == 3]
    pictures[-1].bias.data[0] = math.nan
    source = tmp_path / "walk.mkv"
    write_clip(source, [to_uint8(frame) for frame in clip_of(kind, 2)], 25)
    with pytest.raises(MethodError, match=r"clip 'walk', frame 0: .*not finite"):
        restore_clip(method, source, tmp_path / "out.mkv")
    assert not (tmp_path / "out.mkv").exists()
    info = restore_clip(ready(kind), source, tmp_path / "out.mkv")
    assert (info.num_frames, info.height, info.width) == (2, side, side)


@METHODS
@pytest.mark.parametrize("wrapper", [None, "params_ema"])
def test_released_file_is_loaded(kind, wrapper, tmp_path):
    state = network_of(kind).state_dict()
    torch.save({wrapper: state} if wrapper else state, tmp_path / "w.pth")
    method, clip = kind(weights=tmp_path / "w.pth"), clip_of(kind, 2)
    assert not method.network.training
    assert not any(parameter.requires_grad for parameter in method.network.parameters())
    for ours, expected in zip(method.restore(clip), ready(kind).restore(clip), strict=True):
        assert (ours - expected).abs().max() < 1.5 / 255


@METHODS
def test_weights_of_another_network_or_size_are_described(kind, tmp_path):
    other = TinyKeep if kind is TinyPgtFormer else TinyPgtFormer
    save_file(network_of(other).state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(WeightsError) as caught:
        _ = kind(weights=tmp_path / "w.safetensors").network
    message = str(caught.value)
    for part in ("w.safetensors", "missing", f"looks like {other.facts.label}", kind.facts.label):
        assert part in message
    state = dict(network_of(kind).state_dict())
    state["feat_emb.weight"] = torch.zeros(2, 2)
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=r"feat_emb.weight: file \(2, 2\)"):
        _ = kind(weights=tmp_path / "w.safetensors").network


@METHODS
def test_missing_weights_are_named(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DICFACE_WEIGHTS", raising=False)
    with pytest.raises(MethodError, match=r"weights file not at hand: (KEEP|pgtformer).*https://"):
        list(kind().restore([torch.zeros(3, 8, 8)]))


@METHODS
def test_other_sizes_are_unavailable(kind):
    assert "512×512" in kind().unavailable(size=64)
