"""Stages that work at the same time: each in a thread of its own, a few pictures ahead at most."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

Item = TypeVar("Item")

_POLL_S = 0.1
_END = object()
_waiting = threading.local()


@dataclass
class Meter:
    """How long each stage has worked, without the time it waited for others.

    Attributes:
        seconds: Stage -> seconds of work.
        frames: Stage -> frames it has given on.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    frames: dict[str, int] = field(default_factory=dict)

    def add(self, stage: str, seconds: float, frames: int = 1) -> None:
        """Counts work of a stage; one thread a stage."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds
        self.frames[stage] = self.frames.get(stage, 0) + frames

    def rates(self) -> dict[str, str]:
        """Stage -> frames a second, in words."""
        return {
            stage: f"{self.frames[stage] / seconds:.3g}/s"
            for stage, seconds in list(self.seconds.items())
            if seconds > 0
        }


def worked(items: Iterable[Item], stage: str, meter: Meter) -> Iterator[Item]:
    """Passes items on and counts the time that making them took, but not the waiting."""
    iterator = iter(items)
    while True:
        start, waited = time.perf_counter(), getattr(_waiting, "seconds", 0.0)
        item = next(iterator, _END)
        waited = getattr(_waiting, "seconds", 0.0) - waited
        if item is _END:
            return
        meter.add(stage, time.perf_counter() - start - waited)
        yield item


def ahead(items: Iterable[Item], size: int) -> Iterator[Item]:
    """Passes items on that a thread of its own makes ahead of their use.

    An error of the thread is raised here; when the items are no longer wanted, it ends.

    Args:
        items: Made in the thread, one after another.
        size: How many may wait.
    """
    ready: queue.Queue = queue.Queue(size)
    unwanted = threading.Event()
    thread = threading.Thread(target=_make, args=(items, ready, unwanted), daemon=True)
    thread.start()
    try:
        while True:
            start = time.perf_counter()
            item, error = ready.get()
            seconds = time.perf_counter() - start
            _waiting.seconds = getattr(_waiting, "seconds", 0.0) + seconds
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        unwanted.set()
        thread.join()


def _make(items: Iterable[Item], ready: queue.Queue, unwanted: threading.Event) -> None:
    iterator = iter(items)
    try:
        for item in iterator:
            if not _put(ready, (item, None), unwanted):
                return
        _put(ready, (_END, None), unwanted)
    except BaseException as error:  # noqa: BLE001 - it is raised where the items are used
        _put(ready, (_END, error), unwanted)
    finally:
        if hasattr(iterator, "close"):
            iterator.close()


def _put(ready: queue.Queue, entry: tuple, unwanted: threading.Event) -> bool:
    """Whether the entry was taken."""
    while not unwanted.is_set():
        try:
            ready.put(entry, timeout=_POLL_S)
        except queue.Full:
            continue
        return True
    return False
