"""Frames that a caller gives: what is taken, what is refused in which words, what comes back."""

import numpy as np
import pytest
import torch

from dicface.base.errors import ClipError
from dicface.video.arrays import check_same, given, path_of, read_given, to_tensor, to_uint8
from dicface.video.clips import write_clip


def clip(num_frames=3, height=6, width=8):
    shape = (num_frames, height, width, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def as_tensor(frames):
    return torch.from_numpy(frames.copy()).movedim(-1, -3) / 255


def test_arrays_and_tensors_of_the_same_frames_are_the_same_clip():
    frames = clip()
    for values in (frames, as_tensor(frames), list(frames), tuple(as_tensor(frames))):
        taken = given(values)
        assert (taken.num_frames, taken.sides, taken.size) == (3, (6, 8), "8×6 px")
        assert np.array_equal(taken.arrays(), frames)
        assert torch.equal(torch.stack(list(taken.tensors())), as_tensor(frames))


def test_the_kind_that_was_given_comes_back():
    frames, tensors = clip(), as_tensor(clip()).double()
    assert np.array_equal(given(frames).back(given(frames).tensors()), frames)
    back = given(tensors).back(list(frames))
    assert back.dtype == torch.float64
    assert np.array_equal(given(back.float()).arrays(), frames)
    assert given(frames[0]).back(iter(frames[:1])).shape == (6, 8, 3)
    assert given(tensors[0]).back(iter(frames[:1])).shape == (3, 6, 8)


def test_views_tensors_with_gradients_and_rounding_are_taken():
    frames = clip()[:, ::-1, ::-1]
    frames.flags.writeable = False
    assert np.array_equal(given(frames).arrays(), frames)
    tensors = (as_tensor(clip()) * 1.0005 - 0.0002).requires_grad_()
    (taken,) = {frame.requires_grad for frame in given(tensors).tensors()}
    assert not taken
    assert given(tensors).back(given(tensors).tensors()).aminmax().max <= 1


FLOATS = as_tensor(clip())
REFUSED = {
    "floats": (clip() / 255, "array of float64; expected uint8.*255"),
    "whole numbers": (clip().astype(np.int64), "array of int64; expected uint8 from 0 to 255"),
    "grey frame": (clip()[0, ..., 0], r"shape \(6, 8\).*Grey.*np.stack\(\[x\] \* 3, axis=-1\)"),
    "grey clip": (clip()[..., 0], r"shape \(3, 6, 8\)"),
    "grey channel": (clip()[..., :1], "Grey frames get three channels"),
    "grey tensor": (torch.zeros(2, 1, 6, 8), r"torch.stack\(\[x\] \* 3, dim=-3\)"),
    "alpha": (np.zeros((2, 6, 8, 4), np.uint8), r"alpha channel: x\[\.\.\., :3\]"),
    "channels first": (np.zeros((2, 3, 6, 8), np.uint8), r"stand first.*transpose\(0, 2, 3, 1\)"),
    "several clips": (clip()[None], "one clip at a time"),
    "no frame": (clip()[:0], "a frame with a pixel at least"),
    "levels": (FLOATS * 255, "values from 0 to 255; expected.*by 255"),
    "signed": (FLOATS * 2 - 1, r"values from -1 to 1;.*\(x \+ 1\) / 2"),
    "not a number": (FLOATS * float("nan"), "not finite"),
    "infinite": (FLOATS / 0, "not finite"),
    "bytes": ((FLOATS * 255).byte(), "tensor of torch.uint8; expected floats.*by 255"),
    "channels last": (FLOATS.movedim(1, -1), r"stand last.*permute\(0, 3, 1, 2\)"),
    "alpha tensor": (torch.zeros(2, 4, 6, 8), r"alpha channel: x\[\.\.\., :3, :, :\]"),
    "other sizes": ([clip()[0], clip(width=9)[0]], r"frame 1 has the shape \(6, 9, 3\), the first"),
    "mixture": ([clip()[0], FLOATS[0]], "a list of a NumPy array and a tensor"),
    "empty list": ([], "a list of nothing"),
    "names": (["a.png"], "a list of a str"),
    "name": ("a.mkv", "found a str; expected a uint8 array"),
    "nothing": (None, "found a NoneType"),
}


@pytest.mark.parametrize("wrong", REFUSED)
def test_what_is_refused_says_found_expected_and_what_to_do(wrong):
    frames, words = REFUSED[wrong]
    with pytest.raises(ClipError, match=f"^mine: .*{words}") as error:
        given(frames, "mine")
    assert "expected" in str(error.value) or "must have" in str(error.value)
    assert len(str(error.value)) < 300


def test_differences_name_both_sides():
    check_same("size", restored="8×6 px", truth="8×6 px")
    with pytest.raises(ClipError, match=r"found 2 \(restored\), 3 \(truth\); expected the same n"):
        check_same("number of frames", restored=2, truth=3)


def test_a_path_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_clip(tmp_path / "a.mkv", clip(), 25)
    assert np.array_equal(read_given("~/a.mkv").arrays(), clip())
    assert path_of(clip()) is None
    with pytest.raises(ClipError, match="no such file"):
        read_given(tmp_path / "b.mkv")


def test_eight_bits_survive_the_way_to_a_tensor_and_back():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    assert np.array_equal(to_uint8(to_tensor(levels)), levels)
