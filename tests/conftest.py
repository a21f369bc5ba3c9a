"""Shared fixtures: reference tensors and real clips, where there are any; methods of others."""

import os
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

# Tests run beside each other; two threads in each of two processes on two cores thrash.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(
    os.environ.get("DICFACE_SHARED", Path(__file__).resolve().parent.parent.parent / "shared")
)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference tensors and real data; skips where there is none."""
    if not SHARED.is_dir():
        pytest.skip(f"no reference data on this machine ({SHARED}; set DICFACE_SHARED)")
    return SHARED


@pytest.fixture(scope="session")
def golden() -> Callable[[str, str], Path]:
    """Returns a function that finds a file of reference tensors by its network and name.

    Small ones lie beside the tests; it skips where another one is not on this machine.
    """

    def find(network: str, file: str) -> Path:
        own = Path(__file__).parent / "parity" / "golden" / network / file
        path = own if own.is_file() else SHARED / "facts" / network / file
        if not path.is_file():
            pytest.skip(f"no reference data on this machine ({path}; set DICFACE_SHARED)")
        return path

    return find


@pytest.fixture
def fresh_registry(monkeypatch) -> None:
    """Lets the registry of methods read the installed packages at each call, not once."""
    import dicface.methods

    monkeypatch.setattr(dicface.methods, "_claims", dicface.methods._claims.__wrapped__)


@pytest.fixture
def register_methods(monkeypatch, fresh_registry) -> Callable[..., None]:
    """Returns a function that registers methods as other packages do, beside the installed ones.

    It takes the class of each name as "module:Class", and `alone=True` to hide the installed ones.
    """
    real = metadata.entry_points

    def register(*, alone: bool = False, **targets: str) -> None:
        def entry_points(*, group: str) -> list[metadata.EntryPoint]:
            if group != "dicface.methods":
                return list(real(group=group))
            added = [metadata.EntryPoint(name, target, group) for name, target in targets.items()]
            return [*([] if alone else real(group=group)), *added]

        monkeypatch.setattr(metadata, "entry_points", entry_points)

    return register
