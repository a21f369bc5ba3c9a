"""Work in several processes, none of which outlives the one that started it."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context
from typing import Any

from dicface.base.errors import DicfaceError

_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Lets SIGTERM reach this process when its parent ends, however that ends; on Linux alone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def each_in_processes(
    work: Callable[..., Any],
    calls: Mapping[str, tuple[Any, ...]],
    workers: int,
    *,
    error: type[DicfaceError],
    begin: Callable[..., Any] | None = None,
    begin_with: tuple[Any, ...] = (),
) -> Iterator[str]:
    """Makes calls in new processes and yields the name of each that is done.

    Processes are spawned: torch's threads, OpenMP's and CUDA do not survive a fork. The first error
    stops everything that has not begun.

    Args:
        work: A function of a module, so that other processes find it.
        calls: Name of each call, for messages -> its arguments.
        workers: Number of processes.
        error: What is raised where a process dies.
        begin: Called once in each process; a function of a module.
        begin_with: Its arguments.

    Raises:
        DicfaceError: A process was killed (`error`), or what `work` raises.
    """
    with ProcessPoolExecutor(
        workers,
        mp_context=get_context("spawn"),
        initializer=_begin,
        initargs=(begin, begin_with),
    ) as pool:
        try:
            running = {pool.submit(work, *call): name for name, call in calls.items()}
            for future in as_completed(running):
                future.result()
                yield running[future]
        except BrokenProcessPool as broken:
            raise error(
                f"a process died while it worked on '{running[future]}' or another one; most often "
                "memory ran out. Run the same command again with fewer workers: what is finished "
                "is kept."
            ) from broken
        except (MemoryError, OSError, RuntimeError):
            # Where the system gives no more, the pool may not come to tell its processes to end.
            for process in active_children():
                process.kill()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _begin(begin: Callable[..., Any] | None, begin_with: tuple[Any, ...]) -> None:
    end_with_parent()
    if begin is not None:
        begin(*begin_with)
