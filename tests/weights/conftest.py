"""A server, a registry of the test's own, and files to put into it."""

import threading
from http.server import ThreadingHTTPServer

import pytest
import torch
import yaml

from dicface.weights import registry as weights
from tests.weights.server import CONTENT, DIGEST, Handler


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
