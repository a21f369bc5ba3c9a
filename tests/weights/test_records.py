"""What is known of a file and recorded: digests, archives, files by hand, shared folders."""

import hashlib
import logging
import shutil
import zipfile
from pathlib import Path

import pytest
import torch

from dicface.base.errors import WeightsError
from dicface.weights import fetch as fetch_module
from dicface.weights import registry as weights
from dicface.weights.convert import read_checkpoint
from tests.weights.server import CONTENT, DIGEST, names_in, run

# Digests


def test_the_first_fetch_records_a_digest_that_nobody_publishes(server, registry, capsys, caplog):
    caplog.set_level(logging.INFO)
    server.files["/b"] = CONTENT
    path = registry("b", f"{server.url}/b")
    assert "unknown" in run(capsys, "list", "--long")[1]
    assert run(capsys, "fetch", "b")[0] == 0
    assert f"{DIGEST} is recorded in {path.parent / weights.LOCK}" in caplog.text
    assert "recorded here" in run(capsys, "list", "--long")[1]
    assert "recorded here" in run(capsys, "verify", "b")[1]
    path.write_bytes(CONTENT[::-1])
    with pytest.raises(WeightsError, match=r"recorded here is .*delete its record"):
        weights.find("b")
    status, said = run(capsys, "verify")
    assert status == 2
    assert "WRONG" in said
    path.unlink()
    server.files["/b"] = CONTENT[::-1]
    status, said = run(capsys, "fetch", "b")
    assert status == 2
    assert "sha256 recorded here" in said
    assert not path.exists()


@pytest.mark.parametrize(
    ("fact", "right"),
    [
        ("sha256_prefix", DIGEST[:8]),
        ("git_blob_sha1", hashlib.sha1(b"blob %d\0" % len(CONTENT) + CONTENT).hexdigest()),
    ],
)
def test_what_is_known_instead_of_a_sha256_is_checked(server, registry, capsys, fact, right):
    server.files["/b"] = CONTENT
    path = registry("b", f"{server.url}/b", **{fact: right[::-1]})
    assert run(capsys, "fetch", "b")[0] == 2
    assert not path.exists()
    registry("b", f"{server.url}/b", **{fact: right})
    assert right[:8] in run(capsys, "list", "--long")[1]
    assert run(capsys, "fetch", "b")[0] == 0
    path.write_bytes(b"other")
    with pytest.raises(WeightsError, match="expected"):
        weights.find("b")


def test_verify_names_what_is_missing(known, capsys):
    status, said = run(capsys, "verify", "a")
    assert status == 2
    assert "missing" in said
    assert "dicface weights fetch a" in said


def test_a_damaged_record_file_is_named(known, capsys):
    known.parent.mkdir()
    known.write_bytes(CONTENT)
    for text in ("files: [", "- a"):
        (known.parent / weights.LOCK).write_text(text)
        status, said = run(capsys, "fetch", "a")
        assert status == 2
        assert weights.LOCK in said


# Members of archives


def test_a_member_of_a_zip_file_is_unpacked_and_checked(server, registry, capsys, tmp_path):
    archive = tmp_path / "pack.zip"
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr("folder/m.dat", CONTENT)
        content.writestr("folder/other.dat", b"other")
    server.files["/pack.zip"] = archive.read_bytes()
    url = f"{server.url}/pack.zip"
    path = registry("m", url, member="m.dat", sha256=DIGEST)
    assert run(capsys, "fetch", "m")[0] == 0
    assert path.read_bytes() == CONTENT
    assert names_in(path.parent) == ["m.dat", weights.LOCK]
    path.unlink()
    # The archive itself is registered and here: nothing is downloaded.
    server.requests.clear()
    registry("pack", url, file="pack.zip", sha256=weights.sha256_of(archive))
    assert run(capsys, "add", str(archive))[0] == 0
    assert run(capsys, "fetch", "m")[0] == 0
    assert not server.requests
    path.unlink()
    assert run(capsys, "add", str(archive), "--name", "m")[0] == 0
    assert path.read_bytes() == CONTENT
    registry("n", url, member="none.dat")
    status, said = run(capsys, "fetch", "n")
    assert status == 2
    assert "has 0 files named none.dat" in said


# Files brought by hand, shared folders


def test_a_file_brought_by_hand_works_offline(known, capsys):
    known.parent.mkdir()
    known.write_bytes(CONTENT)
    assert weights.find("a") == known
    assert "good" in run(capsys, "verify")[1]


def test_add_knows_a_file_by_name_or_digest_and_refuses_others(known, capsys, tmp_path):
    file = tmp_path / "renamed.bin"
    file.write_bytes(CONTENT)
    assert run(capsys, "add", str(file)) == (0, f"{known}\n")
    assert known.read_bytes() == CONTENT
    assert file.is_file()
    known.unlink()
    file.write_bytes(b"other")
    status, said = run(capsys, "add", str(file))
    assert status == 2
    assert "neither its name nor its sha256" in said
    status, said = run(capsys, "add", str(file), "--name", "a")
    assert status == 2
    assert "is not a.dat: sha256 is" in said
    assert "no such file" in run(capsys, "add", "nowhere")[1]
    assert "no weights are named 'x'" in run(capsys, "add", str(file), "--name", "x")[1]
    assert names_in(known.parent) == [weights.LOCK]


def test_a_file_added_by_hand_says_where_it_is_from(known, capsys, tmp_path):
    file = tmp_path / "from the page.bin"
    file.write_bytes(CONTENT)
    assert run(capsys, "add", str(file))[0] == 0
    said = run(capsys, "list", "--long")[1]
    assert "by hand, as from the page.bin; offered at http://127.0.0.1:" in said


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            b"\n<!DOCTYPE html><html><head><title>Sign in",
            "a web page that was saved under its name",
        ),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab", "a pointer of Git LFS"),
    ],
)
def test_what_a_browser_saved_in_its_place_is_called_that(registry, capsys, content, says):
    path = registry("c", "https://host/c", file="c.pth", page=True)
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=f"c.pth: is {says}"):
        weights.find("c")
    assert f"is not c.pth: is {says}" in run(capsys, "add", str(path))[1]
    with pytest.raises(WeightsError, match=f"c.pth: is {says}"):
        read_checkpoint(path)
    path.unlink()
    said = run(capsys, "list")[1]
    assert "By hand, then" in said
    assert "  https://host/c\n    c\n" in said


def test_a_read_only_shared_folder_has_its_records_elsewhere(
    server, registry, checkpoint, capsys, monkeypatch, tmp_path
):
    server.files["/b"] = CONTENT
    registry("b", f"{server.url}/b")
    path = registry("c", "https://host/c", file="c.pth")
    path.parent.mkdir()
    shutil.copy(checkpoint, path)
    really = fetch_module.writable
    monkeypatch.setattr(
        fetch_module, "writable", lambda folder: folder != path.parent and really(folder)
    )
    assert run(capsys, "fetch", "b", "c")[0] == 0
    assert weights.find("b") == Path("weights/b.dat")
    assert weights.find("c") == path
    assert names_in(path.parent) == ["c.pth"]
    assert names_in(tmp_path / "weights") == ["b.dat", "c.safetensors", weights.LOCK]
    assert weights.converted_copy(path) == Path("weights/c.safetensors")
    assert "params_ema" in read_checkpoint(path)
    torch.save({"other": torch.ones(1)}, path)
    with pytest.raises(WeightsError, match="recorded here"):
        weights.find("c")


def test_without_any_folder_to_write_a_file_that_is_here_still_serves(
    known, registry, capsys, monkeypatch, caplog
):
    known.parent.mkdir()
    known.write_bytes(CONTENT)
    monkeypatch.setattr(fetch_module, "writable", lambda _: False)
    assert run(capsys, "fetch", "a")[0] == 0
    assert "neither recorded nor converted" in caplog.text
    registry("b", "https://host/b")
    status, said = run(capsys, "fetch", "b")
    assert status == 2
    assert "no weights folder can be written" in said


# The registry that the suite ships


def test_the_shipped_registry_is_whole():
    for known in weights.registry().values():
        assert known.shipped or known.url.startswith("https://")
        assert known.use in weights.CONSEQUENCES
        assert ("non-commercial" in known.licence) <= (known.use == "non-commercial")
        assert len(known.sha256 or "0" * 64) == 64
        assert not any("drive.google" in url for url in (known.url, *known.mirrors)) or known.page
        if known.sha256_prefix:
            assert known.sha256_prefix in known.file
    files = [known.file for known in weights.registry().values()]
    assert len(set(files)) == len(files)
    assert weights.entry("i3d_rgb").git_blob_sha1.startswith("2a7c22e2")
    assert weights.entry("arcface_w600k_r50").member == "w600k_r50.onnx"


def test_the_list_names_every_file(capsys):
    status, said = run(capsys, "list", "--long")
    assert status == 0
    assert said.count("\n") == len(weights.registry()) + 1
    assert "prefix b76feb75" in said


def test_the_short_list_fits_a_terminal_and_has_totals(capsys):
    status, said = run(capsys, "list")
    assert status == 0
    assert max(map(len, said.splitlines())) <= 80
    assert all(f"\n{name} " in said for name in weights.registry())
    assert f"{len(weights.registry())} files, " in said


def test_the_files_of_a_table_say_what_they_give(capsys):
    status, said = run(capsys, "list", "--for", "table1")
    assert status == 0
    assert max(map(len, said.splitlines())) <= 80
    line = next(line for line in said.splitlines() if line.startswith("gfpgan_v1_4 "))
    assert line.endswith("row GFPGAN")
    assert "column LPIPS" in said
    assert "gpen_inpainting" not in said
    assert "gpen_inpainting" in run(capsys, "list", "--for", "table2")[1]
    assert "column" not in run(capsys, "list", "--for", "codeformer")[1]
    status, said = run(capsys, "list", "--for", "tabel1")
    assert status == 2
    assert "--for: found 'tabel1', expected table1" in said
