"""Runs a function over clips, in this process or in several, each with its own networks."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Protocol, TypeVar

import torch
from tqdm import tqdm

from dicface.base.errors import MetricError
from dicface.metrics.protocol import EvaluationProtocol


class Job(Protocol):
    """Work on one clip; can be sent to another process."""

    clip: str


J = TypeVar("J", bound=Job)

_protocol: EvaluationProtocol | None = None


def map_clips(
    work: Callable[[J, EvaluationProtocol], None],
    jobs: Sequence[J],
    label: str,
    protocol: EvaluationProtocol,
    workers: int,
) -> None:
    """Calls `work(job, protocol)` for every job, with a progress bar.

    The first error stops everything that has not begun; what was finished stays.

    Args:
        work: A function of a module, so that other processes find it.
        jobs: What to do.
        label: Title of the progress bar.
        protocol: How clips are measured; other processes choose the same networks again.
        workers: Processes; never more than jobs.

    Raises:
        MetricError: A process was killed.
    """
    if not jobs:
        return
    workers = min(max(workers, 1), len(jobs))
    with tqdm(total=len(jobs), desc=label, unit="clip") as bar:
        if workers == 1:
            for job in jobs:
                work(job, protocol)
                bar.update()
            return
        # spawn: torch's threads and CUDA do not survive a fork.
        with ProcessPoolExecutor(
            workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start,
            initargs=(protocol, torch.get_num_threads()),
        ) as pool:
            running = {pool.submit(_call, work, job): job.clip for job in jobs}
            try:
                for future in as_completed(running):
                    future.result()
                    bar.update()
            except BrokenProcessPool as error:
                raise MetricError(
                    f"{label}: a process died while it worked on clip '{running[future]}' or "
                    "another one; most often memory ran out. Run the same command again with "
                    "fewer workers: finished clips are kept."
                ) from error
            finally:
                pool.shutdown(wait=True, cancel_futures=True)


def _start(protocol: EvaluationProtocol, num_threads: int) -> None:
    global _protocol
    # As in the parent: the order of sums in a convolution depends on the number of threads.
    torch.set_num_threads(num_threads)
    _protocol = protocol


def _call(work: Callable[[J, EvaluationProtocol], None], job: J) -> None:
    assert _protocol is not None
    work(job, _protocol)
