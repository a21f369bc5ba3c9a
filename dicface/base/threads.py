"""How much a library takes: threads, and memory that nobody uses any more."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

import cv2

_M_MMAP_THRESHOLD = -3
_LARGE_BYTES = 2**20


def give_back_large_memory() -> None:
    """Has glibc give memory of pictures back as soon as they are freed, for the whole process.

    It would keep some for each thread: half a gigabyte in a film of 1920×1080 px.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """OpenCV works in the caller's thread alone, in all threads of the process."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
