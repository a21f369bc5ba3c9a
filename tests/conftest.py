"""Shared fixtures: where reference tensors and real clips are, on machines that have them."""

import os
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
