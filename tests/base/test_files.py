"""Files: whole or not there, digests, the lock of a folder."""

import errno
import fcntl
import hashlib
import os
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from dicface.base import files
from dicface.base.errors import DicfaceError
from dicface.base.files import atomic_path, hold_lock, stamp_of_folder, write_json


def write_to_a_full_disk(path: Path) -> None:
    with atomic_path(path) as temporary:
        temporary.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(DicfaceError, match="Free some space"):
        write_to_a_full_disk(tmp_path / "a.bin")
    assert list(tmp_path.iterdir()) == []


def trip_over_a_full_disk(path: Path) -> None:
    with atomic_path(path):
        try:
            raise RuntimeError("I/O error: No space left on device (os error 28)")
        except RuntimeError:
            None.pos  # noqa: B018 - as Matplotlib does


def test_words_of_a_library_for_a_full_disk_are_known(tmp_path: Path) -> None:
    with pytest.raises(DicfaceError, match="cannot be written .No space left on device.; nothing"):
        trip_over_a_full_disk(tmp_path / "a.bin")


def test_weights_that_a_library_writes_for_nobody_else_are_as_open_as_other_files(tmp_path) -> None:
    (tmp_path / "other").touch()
    with atomic_path(tmp_path / "weights.safetensors") as temporary:
        save_file({"a": np.zeros(1)}, temporary)
        assert temporary.stat().st_mode & 0o777 == 0o600
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_names_of_any_length_are_written(tmp_path: Path) -> None:
    name = "é" * 120 + "x" * 10 + ".json"
    assert len(name.encode()) == 255
    write_json(tmp_path / name, {})
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_who_comes_first_removes_what_was_left_half_written(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    left = tmp_path / "clips" / ".a.99.part.mkv"
    own = tmp_path / ".notes.part.txt"
    for path in (left, own):
        path.touch()
    with files.working_in(tmp_path):
        assert not left.exists()
        left.touch()
        with files.working_in(tmp_path):
            assert left.exists()
    assert own.exists()


def test_a_run_waits_with_a_sentence_for_jobs_of_an_earlier_one(tmp_path: Path, caplog) -> None:
    left = tmp_path / ".a.99.part.mkv"
    waiting = threading.Thread(target=files.wait_for_others, args=(tmp_path,))
    with files.working_in(tmp_path):
        left.touch()
        waiting.start()
        while "are at work" not in caplog.text:
            assert waiting.is_alive()
        assert f"process {os.getpid()} on" in caplog.text
        assert left.exists()
    waiting.join()
    assert not left.exists()


def test_only_one_run_holds_a_folder(tmp_path: Path) -> None:
    held = hold_lock(tmp_path / ".lock")
    with pytest.raises(DicfaceError, match="in use by another run"):
        hold_lock(tmp_path / ".lock")
    held.close()
    hold_lock(tmp_path / ".lock").close()


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert files.sha256_of(tmp_path / "a") == expected


def test_one_digest_of_a_file_or_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for name in ("1.png", "2.png", ".hidden"):
        (folder / name).write_text(name)
    listed = "".join(f"{files.sha256_of(folder / name)}  {name}\n" for name in ("1.png", "2.png"))
    assert files.digest_of(folder) == hashlib.sha256(listed.encode()).hexdigest()
    assert files.digest_of(folder / "1.png") == files.sha256_of(folder / "1.png")


def test_a_stamp_notices_names_sizes_and_times_and_not_the_place(tmp_path: Path) -> None:
    clip = tmp_path / "a.mp4"
    clip.write_text("first")
    before = files.stamp_of(clip)
    (tmp_path / "elsewhere").mkdir()
    moved = clip.rename(tmp_path / "elsewhere" / "a.mp4")
    assert files.stamp_of(moved) == before
    folder = files.stamp_of(tmp_path / "elsewhere")
    os.utime(moved, ns=(0, 1))
    assert files.stamp_of(moved) != before
    assert files.stamp_of(tmp_path / "elsewhere") != folder


def test_a_table_has_the_same_bytes_whenever_it_is_written(tmp_path: Path) -> None:
    for name in ("a", "b"):
        files.write_parquet(tmp_path / name, pd.DataFrame({"clip": ["x"], "frames": [3]}))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def flock(*arguments) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(DicfaceError, match=r"run: the file system has no locks \(.*another disk"):
        hold_lock(tmp_path / "run" / ".lock")


def test_a_stamp_of_one_video_notices_its_change(tmp_path: Path) -> None:
    video = tmp_path / "a.mkv"
    video.write_bytes(b"1")
    before = stamp_of_folder(video)
    stamp_of_folder.cache_clear()
    video.write_bytes(b"12")
    assert stamp_of_folder(video) != before


def test_a_folder_in_the_place_of_a_file_is_said_and_stays(tmp_path: Path) -> None:
    (tmp_path / "a.json" / "mine").mkdir(parents=True)
    with pytest.raises(DicfaceError, match=r"a\.json: is a folder; .*Move it away"):
        write_json(tmp_path / "a.json", {})
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
