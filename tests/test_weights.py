"""The weights registry, against a server of the tests' own on the loopback device."""

import errno
import hashlib
import logging
import multiprocessing
import os
import shutil
import threading
import time
import zipfile
from collections import namedtuple
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from baselines._weights import read_state
from dicface import download as download_module
from dicface import fetch as fetch_module
from dicface import weights
from dicface.cli import main
from dicface.convert import read_checkpoint
from dicface.errors import WeightsError

CONTENT = bytes(range(256)) * 400  # 102,400 bytes
DIGEST = hashlib.sha256(CONTENT).hexdigest()
HALF = len(CONTENT) // 2
CHUNK = 1024


class Handler(BaseHTTPRequestHandler):
    """Serves `server.files`; `server.cuts` says after how many bytes a path's next answers end."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server, path = self.server, self.path
        server.requests.append((path, self.headers.get("Range")))
        if path in server.redirects:
            self.send_response(302)
            self.send_header("Location", server.redirects[path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if path not in server.files:
            self.send_error(404)
            return
        content = server.files[path]
        tag = f'"{hashlib.md5(content).hexdigest()}"'
        start, wanted = 0, self.headers.get("Range")
        if wanted and self.headers.get("If-Range") == tag and server.ranges:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("ETag", tag)
        self.send_header("Content-Type", server.types.get(path, "application/octet-stream"))
        if server.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        cuts = server.cuts.get(path, [])
        end = cuts.pop(0) if cuts else len(content)
        time.sleep(server.delay_s)
        if server.chunked:
            for at in range(start, end, CHUNK):
                self.wfile.write(b"%x\r\n%b\r\n" % (CHUNK, content[at : at + CHUNK]))
            self.wfile.write(b"0\r\n\r\n" if end == len(content) else b"")
        else:
            self.wfile.write(content[start:end])
        if end < len(content):
            self.close_connection = True

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    running.files, running.redirects, running.cuts, running.types = {}, {}, {}, {}
    running.requests, running.ranges, running.delay_s, running.chunked = [], True, 0, False
    running.url = f"http://127.0.0.1:{running.server_port}"
    thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """Makes a registry of the test's own; returns a function that adds entries."""
    entries, path = {}, tmp_path / "registry.yaml"
    monkeypatch.setattr(weights, "REGISTRY", path)
    monkeypatch.setenv("DICFACE_WEIGHTS", str(tmp_path / "w"))
    monkeypatch.chdir(tmp_path)

    def add(name, url, **facts):
        known = {"file": f"{name}.dat", "url": url, "licence": "MIT", "use": "any"}
        entries[name] = known | {"used_for": "tests"} | facts
        path.write_text(yaml.safe_dump(entries))
        weights.registry.cache_clear()
        return tmp_path / "w" / entries[name]["file"]

    yield add
    weights.registry.cache_clear()


@pytest.fixture
def known(server, registry):
    """One file with a known digest, on the server; returns where it will lie."""
    server.files["/a"] = CONTENT
    return registry("a", f"{server.url}/a", sha256=DIGEST, bytes=len(CONTENT))


def run(capsys, *arguments):
    """Runs `dicface weights …`; returns its exit status and what it said."""
    status = main(["weights", *arguments])
    said = capsys.readouterr()
    return status, said.out + said.err


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


# Fetching


def test_a_file_is_fetched_checked_and_found(server, known, capsys):
    assert weights.find("a") is None
    assert run(capsys, "fetch", "a")[0] == 0
    assert weights.find("a") == known
    assert known.read_bytes() == CONTENT
    assert names_in(known.parent) == ["a.dat", weights.LOCK]
    record = weights.read_lock(known.parent)["files"]["a.dat"]
    assert (record["sha256"], record["source"]) == (DIGEST, f"{server.url}/a")
    assert run(capsys, "fetch", "a")[0] == 0
    assert len(server.requests) == 1


def test_a_cut_connection_is_taken_up_where_it_broke_off(server, known, capsys):
    server.cuts["/a"] = [HALF]
    assert run(capsys, "fetch", "a")[0] == 0
    assert known.read_bytes() == CONTENT
    assert server.requests == [("/a", None), ("/a", f"bytes={HALF}-")]


def test_a_later_run_resumes_the_half_file(server, known, capsys):
    server.cuts["/a"] = [HALF, HALF]  # the second answer brings nothing: the run gives up
    status, said = run(capsys, "fetch", "a")
    assert status == 2
    assert f"after {HALF} of {len(CONTENT)} bytes" in said
    assert "part is kept" in said
    part = known.with_name("a.dat.part")
    assert part.read_bytes() == CONTENT[:HALF]
    assert weights.find("a") is None
    server.requests.clear()
    assert run(capsys, "fetch", "a")[0] == 0
    assert server.requests == [("/a", f"bytes={HALF}-")]
    assert known.read_bytes() == CONTENT
    assert names_in(known.parent) == ["a.dat", weights.LOCK]


def test_a_cut_is_noticed_where_the_server_states_no_length(server, registry, capsys):
    server.files["/b"], server.chunked = CONTENT, True
    path = registry("b", f"{server.url}/b")
    server.cuts["/b"] = [HALF, 0]
    assert run(capsys, "fetch", "b")[0] == 2
    assert not path.exists()
    assert run(capsys, "fetch", "b")[0] == 0
    assert path.read_bytes() == CONTENT
    assert server.requests[-1] == ("/b", f"bytes={HALF}-")


@pytest.mark.parametrize("change", ["file", "ranges"])
def test_halves_of_two_files_are_never_joined(server, known, capsys, change):
    part = known.with_name("a.dat.part")
    server.files["/a"] = bytes(len(CONTENT))
    server.cuts["/a"] = [HALF, HALF]
    assert run(capsys, "fetch", "a")[0] == 2
    assert part.stat().st_size == HALF
    server.files["/a"] = CONTENT
    server.ranges = change == "file"  # or a server that knows no ranges
    assert run(capsys, "fetch", "a")[0] == 0
    assert known.read_bytes() == CONTENT


def test_a_whole_part_is_only_checked(server, known, capsys, monkeypatch):
    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(weights, "compare", killed)
        with pytest.raises(KeyboardInterrupt):
            run(capsys, "fetch", "a")
    assert known.with_name("a.dat.part").is_file()
    assert run(capsys, "fetch", "a")[0] == 0
    assert len(server.requests) == 1


def test_a_wrong_digest_leaves_nothing(server, known, capsys):
    server.files["/a"] = bytes(len(CONTENT))
    status, said = run(capsys, "fetch", "a")
    assert status == 2
    assert f"{server.url}/a: sha256 is " in said
    assert f"expected {DIGEST[:16]}" in said
    assert names_in(known.parent) == []


def test_another_size_is_refused_before_the_download(server, known, capsys):
    server.files["/a"] = CONTENT[:-1]
    status, said = run(capsys, "fetch", "a")
    assert status == 2
    assert f"offers {len(CONTENT) - 1} bytes, expected {len(CONTENT)}" in said
    assert names_in(known.parent) == []


def test_a_redirect_is_followed_and_keeps_the_range(server, known, capsys):
    server.redirects["/a"] = "/moved"
    server.files["/moved"] = CONTENT
    server.cuts["/moved"] = [HALF]
    assert run(capsys, "fetch", "a")[0] == 0
    assert server.requests[-1] == ("/moved", f"bytes={HALF}-")


@pytest.mark.parametrize("target", ["/a", "file:///etc/passwd", "ftp://127.0.0.1/a"])
def test_redirects_in_a_circle_or_away_from_the_web_are_refused(server, known, capsys, target):
    server.redirects["/a"] = target
    status, said = run(capsys, "fetch", "a")
    assert status == 2
    assert f"{server.url}/a: " in said
    assert "edirect" in said
    assert not known.exists()


def test_https_never_falls_back_to_http():
    request = download_module.urllib.request.Request("https://host/a")
    with pytest.raises(OSError, match="redirects from https to http://host/a, which is refused"):
        download_module._Redirects().redirect_request(
            request, None, 302, "Found", {}, "http://host/a"
        )


def test_404_names_the_address(server, registry, capsys):
    path = registry("b", f"{server.url}/none", sha256=DIGEST)
    status, said = run(capsys, "fetch", "b")
    assert status == 2
    assert f"{server.url}/none: the server answers 404" in said
    assert "dicface weights add FILE --name b" in said
    assert names_in(path.parent) == []


def test_mirrors_are_tried_in_order_and_each_failure_is_named(server, registry, capsys):
    server.files |= {"/wrong": b"other", "/page": b"<html>", "/good": CONTENT}
    server.types["/page"] = "text/html; charset=utf-8"
    bad = [f"{server.url}/{name}" for name in ("none", "wrong", "page")]
    path = registry("b", bad[0], mirrors=bad[1:], sha256=DIGEST)
    status, said = run(capsys, "fetch", "b")
    assert status == 2
    assert said.index("404") < said.index("sha256 is") < said.index("web page")
    assert all(url in said for url in bad)
    registry("b", bad[0], mirrors=[*bad[1:], f"{server.url}/good"], sha256=DIGEST)
    assert run(capsys, "fetch", "b")[0] == 0
    assert path.read_bytes() == CONTENT


def test_a_server_that_is_down_and_an_address_that_is_none(registry, capsys):
    registry("b", "http://127.0.0.1:9/b", mirrors=["ftp://127.0.0.1/b"])
    status, said = run(capsys, "fetch", "b")
    assert status == 2
    assert "http://127.0.0.1:9/b: cannot be reached" in said
    assert "ftp://127.0.0.1/b: is no http or https address" in said


def test_no_space_is_said_before_the_download(server, known, capsys, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 1000))
    status, said = run(capsys, "fetch", "a")
    assert status == 2
    assert "no space: 0.1 MB more are needed, 0.0 MB are free" in said
    assert names_in(known.parent) == []


def test_a_disk_that_fills_up_keeps_the_part(server, known, capsys, monkeypatch):
    def full(response, file, *_):
        file.write(response.read(HALF))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(download_module, "_copy", full)
        status, said = run(capsys, "fetch", "a")
    assert status == 2
    assert said.count("no space") == 1
    assert "part that is there" in said
    assert known.with_name("a.dat.part").read_bytes() == CONTENT[:HALF]
    assert run(capsys, "fetch", "a")[0] == 0
    assert server.requests[-1] == ("/a", f"bytes={HALF}-")


def fetch_and_tell(waiting):
    """Runs in a process of its own; sets the event when it has to wait for another."""

    class Teller(logging.Handler):
        def emit(self, record):
            if "waiting" in record.getMessage():
                waiting.set()

    logger = logging.getLogger(fetch_module.__name__)
    logger.setLevel(logging.INFO)
    logger.addHandler(Teller())
    fetch_module.fetch("a", accept=lambda _: True)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the server's thread is not forked
def test_two_processes_fetch_a_file_once(server, known):
    server.delay_s = 0.3
    context = multiprocessing.get_context("fork")  # a fresh Python would load torch again
    waiting = [context.Event(), context.Event()]
    both = [context.Process(target=fetch_and_tell, args=(event,)) for event in waiting]
    # This process holds the lock until both wait for it, so that they do meet.
    known.parent.mkdir()
    with fetch_module.locked(known):
        for process in both:
            process.start()
        assert all(event.wait(timeout=60) for event in waiting)
        assert not server.requests
    for process in both:
        process.join(timeout=60)
        process.kill()
    assert [process.exitcode for process in both] == [0, 0]
    assert len(server.requests) == 1
    assert known.read_bytes() == CONTENT
    assert names_in(known.parent) == ["a.dat", weights.LOCK]


def test_an_unknown_name_stops_before_any_download(server, known, capsys):
    status, said = run(capsys, "fetch", "a", "nonsense")
    assert status == 2
    assert "'nonsense'. Known names: a" in said
    assert not server.requests


def test_a_page_is_got_by_hand(registry, capsys):
    registry("p", "https://host/page", page=True, pages=["https://other/page"])
    status, said = run(capsys, "fetch", "p")
    assert status == 2
    assert "by hand from https://host/page or https://other/page" in said
    assert "dicface weights add FILE --name p" in said
    assert "by hand" in weights.where_to_get("p")


def test_one_failure_does_not_stop_the_others(server, known, registry, capsys):
    registry("b", f"{server.url}/none")
    assert run(capsys, "fetch", "b", "a")[0] == 2
    assert known.is_file()


# Licences


def test_a_licence_is_accepted_once_before_the_first_download(
    server, registry, capsys, monkeypatch, caplog
):
    caplog.set_level(logging.INFO)
    server.files |= {"/b": CONTENT, "/c": CONTENT}
    terms = {"licence": "S-Lab", "use": "non-commercial"}
    path = registry("b", f"{server.url}/b", **terms)
    registry("c", f"{server.url}/c", **terms)
    registry("d", f"{server.url}/b", licence="unknown", use="unclear")
    status, said = run(capsys, "fetch", "b")
    assert status == 2
    assert "(S-Lab) was not accepted; nothing was downloaded" in said
    assert "non-commercial use only" in caplog.text
    assert not server.requests
    assert not path.exists()
    assert run(capsys, "fetch", "b", "--accept-licence")[0] == 0
    assert run(capsys, "fetch", "c")[0] == 0
    assert run(capsys, "fetch", "d")[0] == 0
    assert "its authors state no terms" in caplog.text


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("\n", 2), ("no\n", 2)])
def test_a_licence_is_asked_for_at_a_terminal(
    server, registry, capsys, monkeypatch, answer, status
):
    server.files["/b"] = CONTENT
    registry("b", f"{server.url}/b", licence="S-Lab", use="non-commercial")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdin.readline", lambda: answer, raising=False)
    found, said = run(capsys, "fetch", "b")
    assert found == status
    assert "research and other non-commercial use only" in said


# Digests


def test_the_first_fetch_records_a_digest_that_nobody_publishes(server, registry, capsys, caplog):
    caplog.set_level(logging.INFO)
    server.files["/b"] = CONTENT
    path = registry("b", f"{server.url}/b")
    assert "unknown" in run(capsys, "list")[1]
    assert run(capsys, "fetch", "b")[0] == 0
    assert f"{DIGEST} is recorded in {path.parent / weights.LOCK}" in caplog.text
    assert "recorded here" in run(capsys, "list")[1]
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
    assert right[:8] in run(capsys, "list")[1]
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


# Conversion


@pytest.fixture
def checkpoint(tmp_path):
    """A checkpoint as released ones are: wrappers, shared tensors, plain values."""
    shared = torch.arange(6.0).reshape(2, 3)
    content = {
        "params": {"a.weight": torch.zeros(2, 3), "b.bias": torch.ones(2, dtype=torch.half)},
        "params_ema": {"a.weight": shared.t(), "tied.weight": shared, "x/y": torch.ones(())},
        "epoch": 3,
        "meta": {"mmcv": "1.0", "lr": [0.1, None]},
    }
    path = tmp_path / "source.pth"
    torch.save(content, path)
    return path


def test_a_checkpoint_is_converted_once_and_read_from_its_copy(
    server, registry, capsys, checkpoint, monkeypatch
):
    server.files["/c"] = checkpoint.read_bytes()
    path = registry("c", f"{server.url}/c", file="c.pth", sha256=weights.sha256_of(checkpoint))
    assert run(capsys, "fetch", "c")[0] == 0
    assert names_in(path.parent) == ["c.pth", "c.safetensors", weights.LOCK]
    record = weights.read_lock(path.parent)["files"]["c.pth"]
    copy = path.with_suffix(".safetensors")
    assert record["sha256"] == weights.sha256_of(path)
    assert record["converted"] == {"file": copy.name, "sha256": weights.sha256_of(copy)}
    assert "params_ema/tied.weight" in load_file(copy)
    assert "c.safetensors" in run(capsys, "verify", "c")[1]

    expected = read_state(checkpoint)
    monkeypatch.setattr(torch, "load", None)  # from here on no pickle can be read
    found = read_state(weights.find("c"))
    assert found.keys() == expected.keys() == {"a.weight", "tied.weight", "x/y"}
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor)
        assert found[name].dtype == tensor.dtype
    assert read_checkpoint(path)["epoch"] == 3
    assert read_checkpoint(path)["params"]["b.bias"].dtype == torch.half


def test_bare_tensors_convert_too(registry, tmp_path, capsys):
    state = {"a/b": torch.ones(2), "conv.weight": torch.zeros(3)}
    torch.save(state, tmp_path / "c.pth")
    path = registry("c", "https://host/c", file="c.pth")
    assert run(capsys, "add", "c.pth")[0] == 0
    assert path.with_suffix(".safetensors").is_file()
    found = read_state(path)
    assert found.keys() == state.keys()


def test_a_damaged_copy_is_an_error_and_a_stale_one_is_not_used(
    registry, checkpoint, capsys, tmp_path
):
    path = registry("c", "https://host/c", file="c.pth")
    assert run(capsys, "add", str(checkpoint), "--name", "c")[0] == 0
    copy = path.with_suffix(".safetensors")
    good = copy.read_bytes()
    copy.write_bytes(good[:-1] + b"\1")
    with pytest.raises(WeightsError, match=r"c\.safetensors: is not the copy"):
        read_state(path)
    status, said = run(capsys, "verify", "c")
    assert status == 2
    assert "not the copy" in said
    copy.unlink()
    assert weights.converted_copy(path) is None
    assert run(capsys, "add", str(path))[0] == 0  # made again, in place
    assert copy.read_bytes() == good
    torch.save({"other": torch.ones(1)}, path)
    assert weights.converted_copy(path) is None
    assert set(read_state(path)) == {"other"}


class Malicious:
    def __reduce__(self):
        return (os.mkdir, ("hacked",))


@pytest.mark.parametrize("digest_known", [True, False])
@pytest.mark.parametrize("way", ["fetch", "add"])
def test_a_pickle_that_holds_more_than_tensors_is_refused(
    server, registry, capsys, tmp_path, way, digest_known
):
    bad = tmp_path / "bad.pth"
    torch.save({"params": {"w": torch.ones(2)}, "extra": Malicious()}, bad)
    server.files["/bad"] = bad.read_bytes()
    digest = weights.sha256_of(bad) if digest_known else None
    path = registry("bad", f"{server.url}/bad", file="c.pth", sha256=digest)
    arguments = ("fetch", "bad") if way == "fetch" else ("add", str(bad), "--name", "bad")
    status, said = run(capsys, *arguments)
    assert status == 2
    assert "mkdir" in said
    assert "would run code" in said
    assert "weights_only" not in said  # torch advises to open the file all the same
    assert not Path("hacked").exists()
    assert names_in(path.parent) == []
    assert bad.is_file()


def test_torchscript_and_other_kinds_stay_as_they_are(registry, tmp_path, capsys):
    script = tmp_path / "s.pt"
    with zipfile.ZipFile(script, "w") as content:
        content.writestr("s/data.pkl", b"")
        content.writestr("s/code/__torch__/s.py", b"def f(): ...")
    path = registry("s", "https://host/s", file="s.pt")
    assert run(capsys, "add", str(script))[0] == 0
    assert names_in(path.parent) == ["s.pt", weights.LOCK]


def test_no_space_for_the_copy_leaves_the_file(registry, checkpoint, capsys, monkeypatch, caplog):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = registry("c", "https://host/c", file="c.pth")
    with monkeypatch.context() as patch:
        patch.setattr("dicface.convert.save_file", full)
        assert run(capsys, "add", str(checkpoint), "--name", "c")[0] == 0
    assert "stays unconverted" in caplog.text
    assert "params_ema" in read_checkpoint(path)
    assert names_in(path.parent) == ["c.pth", weights.LOCK]


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
        assert known.url.startswith("https://")
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
    status, said = run(capsys, "list")
    assert status == 0
    assert said.count("\n") == len(weights.registry()) + 1
    assert "prefix b76feb75" in said
