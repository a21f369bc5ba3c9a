"""Packed single frames: resumable to the same bytes, with landmarks and people of their own."""

import numpy as np
import pytest
from safetensors import safe_open

from dicface.base.errors import ClipError
from dicface.data.render import RENDERER, stills
from dicface.data.render.stills import pack_stills


def _stills(**changes) -> stills.Order:
    return stills.Order(**{"seed_name": "a", "count": 5, "size": 32, "frames_each": 2} | changes)


def test_stills_resume_to_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(stills, "_CHUNK", 2)
    whole = pack_stills(_stills(), tmp_path / "whole.safetensors", workers=2).read_bytes()
    out = tmp_path / "again.safetensors"
    render = stills.render_stills

    def dying(order, first, last):
        if first == 4:
            raise KeyboardInterrupt
        return render(order, first, last)

    with monkeypatch.context() as patch:
        patch.setattr(stills, "render_stills", dying)
        with pytest.raises(KeyboardInterrupt):
            pack_stills(_stills(), out)
    assert not out.exists()
    pieces = tmp_path / "again.safetensors.parts"
    before = {p: p.stat().st_mtime_ns for p in pieces.glob("*.npz")}
    assert len(before) == 2
    with pytest.raises(ClipError, match="Delete the folder"):
        pack_stills(_stills(size=64), out)

    def rest(order, first, last):
        assert first == 4
        return render(order, first, last)

    with monkeypatch.context() as patch:
        patch.setattr(stills, "render_stills", rest)
        pack_stills(_stills(), out)
        # Finished: nothing is rendered, and nothing but the file is left.
        pack_stills(_stills(), out)
    assert out.read_bytes() == whole
    assert {p.name for p in tmp_path.iterdir()} == {"whole.safetensors", "again.safetensors"}


def test_stills_hold_frames_landmarks_and_people(tmp_path):
    out = tmp_path / "stills.safetensors"
    order = "--count 3 --size 32 --seed-name a --frames-each 2 --out".split()
    stills.main([*order, str(out)])
    with safe_open(out, "numpy") as file:
        held = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
        header = file.metadata()
    assert header["seed_name"] == "a"
    assert header["renderer"] == str(RENDERER)
    assert header["size"] == "32"
    assert held["frames"].dtype == np.uint8
    assert held["frames"].shape == (3, 32, 32, 3)
    assert held["landmarks"].dtype == np.float32
    np.testing.assert_array_equal(held["identity"], [0, 0, 1])
    frames, marks = stills.render_stills(_stills(), 2, 3)
    np.testing.assert_array_equal(held["frames"][2], frames[0])
    np.testing.assert_array_equal(held["landmarks"][2], marks[0])
    # Two frames of one person differ in pose and scene.
    assert np.abs(held["frames"][0].astype(int) - held["frames"][1]).mean() > 5


def test_nobody_is_both_in_stills_and_in_clips():
    names = {_stills().person(n) for n in range(20)}
    assert all(name.startswith("a-stills-") for name in names)
    # The clips' people are called "<seed name>-<split>-<number>": see `demo.render_split`.
    assert not names & {f"a-{split}-{n:06d}" for split in ("train", "test") for n in range(20)}


@pytest.mark.parametrize("wrong", [{"count": 0}, {"size": 8}, {"seed_name": ""}])
def test_impossible_orders_of_stills_are_refused(tmp_path, wrong):
    with pytest.raises(ClipError, match="expected"):
        pack_stills(_stills(**wrong), tmp_path / "no.safetensors")
    assert not list(tmp_path.iterdir())
