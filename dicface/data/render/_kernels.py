"""Where the compiled kernels are kept on disk.

Numba notices that a cached function is out of date only by the function's own file. The kernels of
this package call one another across files, so their folder carries the digest of all files with
kernels: an edit to one compiles all again (about 20 s) instead of mixing old code with new.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from numba.core import config


def _folder() -> Path:
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for source in sorted(here.glob("*.py")):
        text = source.read_bytes()
        if b"@njit" in text:
            digest.update(source.name.encode() + text)
    parent = here / "__pycache__"
    if not os.access(parent if parent.exists() else here, os.W_OK):
        parent = Path(tempfile.gettempdir()) / f"dicface-kernels-{os.getuid()}"
    return parent / f"kernels-{digest.hexdigest()[:12]}"


@contextmanager
def kernel_folder() -> Iterator[None]:
    """Functions declared inside keep their compiled form in this version's folder."""
    before = config.CACHE_DIR
    if not before:
        config.CACHE_DIR = str(_folder())
    try:
        yield
    finally:
        config.CACHE_DIR = before
