"""The device that networks run on: chosen, or asked for by name."""

import os
import resource
import subprocess
import sys

import pytest
import torch

from dicface.base import device
from dicface.base.device import chosen_device, float64, require_device
from dicface.base.errors import ConfigError
from dicface.cli.main import EXIT_USER_ERROR, main


@pytest.fixture
def machine(monkeypatch):
    """Pretends that torch sees some GPUs of NVIDIA's, or one of Apple's."""

    def pretend(*, cuda: int = 0, mps: bool = False) -> None:
        monkeypatch.setattr(os.path, "exists", lambda path: cuda > 0)
        monkeypatch.setattr(device.sys, "platform", "darwin" if mps else "linux")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return pretend


def test_auto_takes_the_best_that_is_there(machine) -> None:
    machine()
    assert chosen_device("auto") == "cpu"
    machine(mps=True)
    assert chosen_device("auto") == "mps"
    machine(cuda=2)
    assert chosen_device("auto") == "cuda"
    assert chosen_device("cpu") == "cpu"
    assert chosen_device("cuda:1") == "cuda:1"


@pytest.mark.parametrize("asked", ["gpu", "cuda:x", "CPU", "cuda:", ""])
def test_another_word_is_refused(asked: str) -> None:
    with pytest.raises(ConfigError, match=f"found '{asked}', expected auto, cpu, cuda"):
        chosen_device(asked)


@pytest.mark.parametrize(
    ("asked", "cuda", "message"),
    [
        ("cuda", 0, "'cuda' was asked for and torch sees no CUDA device"),
        ("cuda:3", 1, "'cuda:3' was asked for and torch sees 1 CUDA device"),
        ("mps", 0, "'mps' was asked for and torch sees no GPU of Apple's"),
        ("mps", 1, "'mps' was asked for and torch sees no GPU of Apple's"),
    ],
)
def test_a_gpu_asked_for_and_missing_is_an_error(machine, asked, cuda, message) -> None:
    machine(cuda=cuda)
    with pytest.raises(ConfigError, match=message):
        require_device(asked)


def test_what_is_there_is_taken(machine) -> None:
    machine(cuda=2)
    for asked in ("cpu", "cuda", "cuda:1"):
        assert require_device(asked) == asked
    machine(mps=True)
    assert require_device("auto") == require_device("mps") == "mps"


def test_a_machine_without_a_driver_needs_no_torch_to_know() -> None:
    code = (
        "import os, sys; os.path.exists = lambda path: False; sys.platform = 'linux'\n"
        "from dicface.base.device import chosen_device\n"
        "assert chosen_device('auto') == 'cpu' and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_double_precision_keeps_the_device_that_has_it() -> None:
    found = float64(torch.ones(2))
    assert found.dtype == torch.float64
    assert found.device.type == "cpu"


def test_too_few_addresses_are_refused_by_every_command(monkeypatch, capsys):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (3_000_000_000, -1))
    with pytest.raises(ConfigError, match=r"limit of 3.0 GB of addresses .* 4 GB or none"):
        require_device("cpu")
    assert main(["verify", "nowhere"]) == EXIT_USER_ERROR
    assert "dicface verify: memory: found a limit of 3.0 GB" in capsys.readouterr().err
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, -1))
    assert require_device("cpu") == "cpu"
