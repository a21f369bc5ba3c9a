"""Downloads, against a server of the tests' own; licences before the first one."""

import errno
import logging
import multiprocessing
import os
import shutil
from collections import namedtuple

import pytest

from dicface.weights import download as download_module
from dicface.weights import fetch as fetch_module
from dicface.weights import registry as weights
from tests.weights.server import CONTENT, DIGEST, HALF, names_in, run


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
        assert run(capsys, "fetch", "a")[0] == 130
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


def test_a_licence_of_several_files_is_asked_for_once(server, registry, capsys, monkeypatch):
    server.files |= {"/b": CONTENT, "/c": CONTENT}
    for name in ("b", "c"):
        registry(name, f"{server.url}/{name}", licence="S-Lab", use="non-commercial")
    answers = iter(["y\n"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdin.readline", lambda: next(answers), raising=False)
    status, said = run(capsys, "fetch", "b", "c")
    assert status == 0
    assert said.count("Accept it?") == 1


def test_either_names_or_what_for(capsys):
    for words in ((), ("vgg16", "--for", "table1")):
        status, said = run(capsys, "fetch", *words)
        assert status == 2
        assert "expected names of files, or --for with a table" in said


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
