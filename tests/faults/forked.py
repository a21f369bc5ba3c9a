"""Something done in a copy of this process, which has imported all that takes time."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from dicface.base.processes import end_with_parent

LIMIT_S = 1800
"""A busy machine gives a trial of seconds very little."""

Thing = TypeVar("Thing")
Found = TypeVar("Found")


def in_copies(
    work: Callable[[list[Thing]], list[Found]],
    things: Iterable[Thing],
    alike: Callable[[Thing], Hashable],
    copies: int,
) -> list[Found]:
    """Does things in several copies of this process; those that are alike in the same one.

    They keep their order.
    """
    things = list(things)
    load: Counter[int] = Counter(dict.fromkeys(range(copies), 0))
    part_of = {}
    for group, number in Counter(map(alike, things)).most_common():
        part_of[group] = min(load, key=load.__getitem__)
        load[part_of[group]] += number
    parts = [[each for each in things if part_of[alike(each)] == part] for part in load]
    with ProcessPoolExecutor(copies, mp_context=get_context("fork")) as pool:
        return [each for found in pool.map(work, filter(None, parts)) for each in found]


def forked(work: Callable[[], int], heard: Path) -> tuple[int | None, str]:
    """Does something in a copy of this process; returns its status, None for a hang, and output."""
    child = os.fork()
    if child == 0:
        status = 70
        try:
            os.setsid()
            end_with_parent()
            with heard.open("wb") as file:
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
            sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
            status = work()
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
        except BaseException:  # noqa: BLE001 - the very thing that is looked for
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), heard.read_text(errors="replace")
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None, heard.read_text(errors="replace")
